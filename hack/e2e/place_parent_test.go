package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"golang.org/x/sys/unix"
)

// TestPlaceFullScreen: kubectl under a program that draws on the whole terminal.
func TestPlaceFullScreen(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	t.Run("with a browser", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		p := desktop(c).onTerminal()
		screen := p.underFullScreen(server)
		c.visit(c.url(screen))
		c.wantAlice(screen.ok())
		screen.eventually("the screen was written on", func() bool { return p.tty.screen.String() == frame+unframe })
	})
	t.Run("without one", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		p := machine(c).onTerminal()
		screen := p.underFullScreen(server)
		if res := screen.wait(); res.code == 0 || res.stdout != "" {
			t.Errorf("exit code %d, stdout %q", res.code, res.stdout)
		}
		screen.eventually("what is to be done isn't said", func() bool {
			shown := p.tty.text()
			return strings.Contains(shown, "exit code 3") && strings.Contains(shown, "sso-exec login --")
		})
		if shown := p.tty.text(); userCode.MatchString(shown) {
			t.Errorf("a code was shown: %q", shown)
		}
	})
}

// underFullScreen runs kubectl there, which runs sso-exec.
func (p place) underFullScreen(server string) *command {
	p.c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.c.t.Fatal(err)
	}
	kubeconfig := p.c.kubeconfig(server, "v1", p.c.args("kube"))
	return p.with("KUBECONFIG="+kubeconfig).start(self, fullScreen, mustTool(p.c.t, "kubectl"), "auth", "whoami", "-o",
		"json")
}

// fullScreen is a program like k9s: it takes the whole terminal, key by key, and
// runs a command meanwhile, whose stderr is the terminal's.
const fullScreen = "full-screen"

const (
	frame   = "\x1b[?1049h\x1b[?25l\x1b[H+-- pods --+"
	unframe = "\x1b[?25h\x1b[?1049l"
)

func fillScreen(args []string) int {
	before, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		fmt.Fprintln(os.Stderr, "full-screen:", err)
		return 1
	}
	raw := *before
	raw.Iflag &^= unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	unix.IoctlSetTermios(0, unix.TCSETS, &raw)
	fmt.Fprint(os.Stderr, frame)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Run()
	fmt.Fprint(os.Stderr, unframe)
	unix.IoctlSetTermios(0, unix.TCSETS, before)
	return max(cmd.ProcessState.ExitCode(), 0)
}

// TestPlaceStdinTaken: kubectl reads its stdin, and sso-exec nothing of it.
func TestPlaceStdinTaken(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	for _, row := range []struct {
		name string
		at   func(c *client) place
		want choice
	}{
		{"with a browser", desktop, choice{"pkce", "stderr", "browser"}},
		{"without one", machine, choice{"device", "stderr", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			p := row.at(c).onTerminal()
			review := c.write("review.json", `{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}`)
			kubeconfig := c.kubeconfig(server, "v1", c.args("kube", "--explain"))
			kubectl := p.with("KUBECONFIG="+kubeconfig).start("/bin/sh", "-c",
				"cat '"+review+"' | "+
					quoted([]string{mustTool(t, "kubectl"), "create", "--validate=false", "-f", "-", "-o", "json"}))
			kubectl.wantChoice(row.want)
			if row.want.flow == "pkce" {
				c.visit(c.url(kubectl))
			} else {
				target, code := kubectl.prompted()
				c.visit(withCode(t, target, code))
			}
			c.wantAlice(kubectl.ok())
		})
	}
}

// TestPlaceAWS: the AWS CLI keeps what its credential process writes to stderr.
func TestPlaceAWS(t *testing.T) {
	t.Parallel()
	s3, sts := minio(t), newCountingSTS(t)
	xvfb(t)
	for _, row := range []struct {
		name string
		at   func(c *client) place
		flow string
	}{
		{"a terminal", func(c *client) place { return machine(c).onTerminal() }, "device"},
		{"a desktop without a terminal", desktop, "pkce"},
		{"neither", machine, "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			makeBucket(c, s3)
			config := c.awsConfig(c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", sts.url, "--region", "us-east-1"))
			list := row.at(c).with(config...).with("AWS_CA_BUNDLE="+ca.caFile, "AWS_REGION=us-east-1",
				"AWS_EC2_METADATA_DISABLED=true").
				start(mustTool(t, "aws"), "--endpoint-url", s3, "s3", "ls", "s3://e2e")
			switch row.flow {
			case "device":
				target, code := list.prompted()
				c.visit(withCode(t, target, code))
				wantListing(t, list.ok())
			case "pkce":
				c.visit(c.url(list))
				wantListing(t, list.ok())
			default:
				if res := list.wait(); res.code == 0 || res.stdout != "" || !strings.Contains(res.stderr, "sso-exec login --") {
					t.Errorf("exit code %d, stdout %q, stderr %q; want the command to run", res.code, res.stdout, res.stderr)
				}
			}
		})
	}
}

// TestPlaceSDK: the AWS SDK for Go leaves stderr alone, and gives up after a
// minute; sso-exec says before that what to do instead.
func TestPlaceSDK(t *testing.T) {
	t.Parallel()
	sts := newCountingSTS(t)
	for _, answers := range []bool{true, false} {
		t.Run(fmt.Sprintf("somebody answers=%v", answers), func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			process := append([]string{mustTool(t, "sso-exec")},
				c.args("aws", "--role-arn", roleARN(), "--sts-endpoint", sts.url, "--region", "us-east-1")...)
			program := machine(c).onTerminal().start(self, sdk, quoted(process))
			target, code := program.prompted()
			if answers {
				c.visit(withCode(t, target, code))
				if keys := program.ok(); !strings.Contains(keys, "keys until") {
					t.Errorf("the SDK says %q", keys)
				}
				return
			}
			res := program.wait()
			if res.code != 1 || !strings.Contains(res.stdout, "exit status 4") {
				t.Errorf("the SDK says %q; want that the process ended with 4", res.stdout)
			}
			if shown := program.screen(); !strings.Contains(shown, "sso-exec login --") {
				t.Errorf("the command to run isn't named: %s", shown)
			}
		})
	}
}

// sdk is a program with the AWS SDK for Go in it.
const sdk = "sdk"

func useSDK(args []string) int {
	keys, err := processcreds.NewProvider(args[0]).Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("keys until", keys.Expires.Format(time.RFC3339))
	return 0
}

// TestPlaceShell: what a person does at an interactive shell.
func TestPlaceShell(t *testing.T) {
	t.Parallel()
	t.Run("in the background", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		shell, document := newShell(machine(c), "/bin/sh", "-i"), c.write("document", "")
		shell.press(c.line() + " >" + document + " &\r")
		target, code := shell.prompted()
		c.visit(withCode(t, target, code))
		shell.press("wait %1; echo ended with $?\r")
		shell.wantEnded("ended with 0")
		text, _ := os.ReadFile(document)
		execToken(t, string(text))
	})
	// Such a shell edits its line itself. A prompt would go through what is typed.
	t.Run("in the background of a shell that edits", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		shell := newShell(machine(c), "/bin/bash", "--norc", "-i")
		shell.press("{ until stty -a </dev/tty | grep -q -e -icanon; do :; done; " + c.line() + "; } &\r")
		shell.eventually("the command to run isn't named",
			func() bool { return strings.Contains(shell.screen(), "sso-exec login --") })
		shell.press("wait %1; echo ended with $?\r")
		shell.wantEnded("ended with 3")
		if userCode.MatchString(shell.screen()) {
			t.Errorf("a code was shown:\n%s", shell.screen())
		}
	})
	t.Run("without stderr", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, provider)
		shell := newShell(machine(c), "/bin/bash", "--norc", "-i")
		shell.press(c.line() + " >/dev/null 2>/dev/null; echo ended with $?\r")
		shell.prompted()
		shell.press(ctrlC)
		shell.wantEnded("ended with 130")
	})
}

// wantEnded waits until the shell tells how a job ended.
func (r *command) wantEnded(how string) {
	r.t.Helper()
	// what was typed has $? there
	r.eventually("want that it "+how, func() bool { return strings.Contains(r.screen(), how) })
	if strings.Contains(r.screen(), "Stopped") {
		r.t.Errorf("it was stopped:\n%s", r.screen())
	}
}

// newShell is an interactive shell, with job control.
func newShell(p place, shell ...string) *command {
	p.c.t.Helper()
	p = p.onTerminal().with("PS1=$ ")
	p.all = true
	return p.start(shell[0], shell[1:]...)
}

// line is kube as one would type it. A file has it, so that the terminal, which
// breaks lines, does not show the flags.
func (c *client) line() string {
	c.t.Helper()
	return c.write("k", "#!/bin/sh\nexec "+quoted(append([]string{mustTool(c.t, "sso-exec")}, c.args("kube")...))+"\n")
}
