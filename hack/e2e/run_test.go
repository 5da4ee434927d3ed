package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// runArgs is a command line of sso-exec run with a role.
func (c *client) runArgs(sts string, more ...string) []string {
	return append(c.args("run", "--role-arn", roleARN(), "--sts-endpoint", sts), more...)
}

// TestRun: the AWS CLI lists a bucket with keys in variables, and with keys from
// the endpoint, past whatever else it could find.
func TestRun(t *testing.T) {
	s3, sts := minio(t), newCountingSTS(t)
	c := newClient(t, provider)
	makeBucket(c, s3)
	env := []string{
		"AWS_CA_BUNDLE=" + ca.caFile, "AWS_EC2_METADATA_DISABLED=true", "AWS_PROFILE=other", "AWS_SESSION_TOKEN=x",
		"AWS_CONFIG_FILE=" + c.write("config", "[default]\nregion = us-east-1\n[profile other]\n"+
			"region = nowhere\ncredential_process = /bin/false\n"),
		"AWS_SHARED_CREDENTIALS_FILE=" +
			c.write("credentials", "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n"),
	}
	list := []string{"--", mustTool(t, "aws"), "--endpoint-url", s3, "s3", "ls", "s3://e2e"}

	// The first one signs in, before it begins.
	first := c.start("sso-exec", env, append(c.runArgs(sts.url, c.pkce()...), list...)...)
	c.visit(c.url(first))
	wantListing(t, first.ok())
	for _, more := range [][]string{nil, {"--renew"}} {
		run := c.start("sso-exec", env, append(c.runArgs(sts.url, more...), list...)...)
		wantListing(t, run.ok())
		if warned := strings.Contains(run.stderr.String(), "does not see"); warned != (more != nil) {
			t.Errorf("%v: stderr: %s", more, run.stderr.String())
		}
	}
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	// An error of the AWS CLI is its own.
	res := c.start("sso-exec", env,
		c.runArgs(sts.url, "--renew", "--", mustTool(t, "aws"), "--endpoint-url", s3, "s3", "ls",
			"s3://no-such-bucket")...).wait()
	own := c.aws(s3, []string{"AWS_ACCESS_KEY_ID=" + rootUser, "AWS_SECRET_ACCESS_KEY=" + rootPassword}, "s3", "ls",
		"s3://no-such-bucket").wait()
	if res.code != own.code || res.code == 0 || !strings.Contains(res.stderr, "NoSuchBucket") {
		t.Errorf("%+v, without sso-exec %d", res, own.code)
	}
}

// TestRunSDK: the AWS SDK for Go takes the endpoint's keys, and shows its errors.
func TestRunSDK(t *testing.T) {
	sts := newCountingSTS(t)
	c := newClient(t, provider)
	c.signIn()
	file := filepath.Join(c.home, "env")
	run := c.start("sso-exec", nil,
		c.runArgs(sts.url, "--renew", "--", "sh", "-c",
			fmt.Sprintf("env >%s.new; mv %[1]s.new %[1]s; exec sleep 1000", file))...)
	var text string
	run.eventually("the command does not run", func() bool {
		raw, err := os.ReadFile(file)
		text = string(raw)
		return err == nil
	})
	variable := func(name string) string {
		for line := range strings.Lines(text) {
			if n, value, _ := strings.Cut(strings.TrimSpace(line), "="); n == name {
				return value
			}
		}
		t.Fatalf("%s is not set", name)
		return ""
	}
	uri, token := variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"), variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	ask := func(token string) *endpointcreds.Provider {
		return endpointcreds.New(uri, func(o *endpointcreds.Options) { o.AuthorizationToken = token })
	}
	keys, err := ask(token).Retrieve(t.Context())
	if err != nil || !keys.HasKeys() || keys.SessionToken == "" || !keys.CanExpire {
		t.Errorf("AWS SDK: keys %v, expire %v, %v", keys.HasKeys(), keys.CanExpire, err)
	}
	if _, err := ask("other").Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "Unauthorized") {
		t.Errorf("AWS SDK, with another token: %v", err)
	}
	run.cmd.Process.Signal(syscall.SIGTERM)
	<-run.done
	if keys, err := ask(token).Retrieve(t.Context()); err == nil {
		t.Errorf("AWS SDK, after the end: keys %v", keys.HasKeys())
	}
}

// TestRunTerminal: on a terminal, with a shell that has job control, the command
// is one like any other: Ctrl-C is its own and comes once, Ctrl-Z and fg stop it
// and go on, a script ends with it.
func TestRunTerminal(t *testing.T) {
	sts := newCountingSTS(t)
	c := newClient(t, provider)
	c.signIn()
	for _, more := range [][]string{nil, {"--renew"}} {
		tty := newTerminal(t, 80, 24)
		shell := exec.Command("bash", "--norc", "--noprofile", "-i")
		shell.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "PS1=$ ", "TERM=dumb"}
		shell.Stdin, shell.Stdout, shell.Stderr = tty.slave, tty.slave, tty.slave
		shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		p, err := spawn(shell)
		if err != nil {
			t.Fatal(err)
		}
		running := &command{process: p, t: t, tty: tty}
		t.Cleanup(func() { running.signal(syscall.SIGKILL) })
		sees := func(text string) {
			t.Helper()
			running.eventually(fmt.Sprintf("%v: %q is not seen", more, text),
				func() bool { return strings.Contains(tty.text(), text) })
		}
		line := quoted(append([]string{mustTool(t, "sso-exec")}, c.runArgs(sts.url, append(more, "--")...)...))

		// What is typed is in two pieces, so that its echo is not what is waited for.
		stop := filepath.Join(t.TempDir(), "stop")
		tty.press(line + ` sh -c 'trap "echo inter""rupted" INT; echo wait""ing; until [ -e ` + stop +
			` ]; do sleep 0.1; done; exit 5'; echo co""de $?` + "\n")
		sees("\nwaiting")
		tty.press(ctrlC)
		sees("interrupted\n")
		if err := os.WriteFile(stop, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		sees("\ncode 5\n")
		if n := strings.Count(tty.text(), "interrupted\n"); n != 1 {
			t.Errorf("%v: the command was interrupted %d times:\n%s", more, n, tty.text())
		}
		tty.press(line + ` sh -c 'echo re""ading; exec sed -u s/^/got-/'; echo co""de $?` + "\n")
		sees("\nreading\n")
		tty.press("\x1a") // Ctrl-Z
		sees("Stopped")
		tty.press("fg\n")
		running.eventually("the command does not go on", func() bool {
			tty.press("hello\n") // what comes before the shell has handed the terminal over is lost
			return strings.Contains(tty.text(), "\ngot-hello\n")
		})
		tty.press("\x04echo en\"\"ded\n") // Ctrl-D
		sees("\nended\n")
		// A script ends with a command that died of Ctrl-C.
		script := c.write("script", line+" sh -c 'echo sleeping; exec sleep 1000'\necho goes on\n")
		tty.press("bash " + script + "\n")
		sees("\nsleeping")
		tty.press(ctrlC)
		sees("^C\n$ ")
		tty.press("echo co\"\"de $?\n")
		sees("\ncode 130\n")
		if strings.Contains(tty.text(), "\ngoes on") {
			t.Errorf("%v: the script went on:\n%s", more, tty.text())
		}
		tty.press("exit\n")
		<-p.done
	}
}
