package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// place is where a program of a test runs: in a session of its own, so that
// nothing is left of the terminal of whoever runs the tests.
type place struct {
	c        *client
	root     *root     // nil: the one of the tests
	by       []string  // the words of what runs sso-exec there; nil: the test does
	env      []string  // next to PATH, HOME and TERM
	tty      *terminal // its controlling terminal, stdin and stderr; nil: there is none
	captured bool      // stderr is a pipe though there is a terminal
	all      bool      // stdout is the terminal too, as for a person's own command
}

// start runs a program there. Stdout is a pipe, as under every tool, unless it
// is said otherwise.
func (p place) start(name string, args ...string) *command {
	p.c.t.Helper()
	running := &command{t: p.c.t, tty: p.tty}
	cmd := exec.Command(name, args...)
	cmd.Dir = p.c.home
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + p.c.home, "TERM=xterm-256color",
		"LANG=C.UTF-8"}, p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = &running.stdout, &running.stderr
	if p.tty != nil {
		cmd.Stdin = p.tty.slave
		cmd.SysProcAttr.Setctty = true // fd 0
		if !p.captured {
			cmd.Stderr = p.tty.slave
		}
		if p.all {
			cmd.Stdout = p.tty.slave
		}
	}
	if p.root != nil {
		p.root.wrap(p.c.t, cmd)
	}
	var err error
	if running.process, err = spawn(cmd); err != nil {
		p.c.t.Fatal(err)
	}
	p.c.t.Cleanup(func() {
		running.signal(syscall.SIGKILL)
		<-running.done
	})
	return running
}

// kube starts sso-exec there, with the flow left to it.
func (p place) kube(more ...string) *command {
	p.c.t.Helper()
	words := append(slices.Clone(p.by), mustTool(p.c.t, "sso-exec"))
	words = append(words, p.c.args("kube", append([]string{"--explain"}, more...)...)...)
	return p.start(words[0], words[1:]...)
}

// onTerminal is the same place with a terminal.
func (p place) onTerminal() place {
	p.tty = newTerminal(p.c.t, 100, 50)
	return p
}

func (p place) with(env ...string) place {
	p.env = append(append([]string{}, p.env...), env...)
	return p
}

// withFile is the same place with one more file.
func (p place) withFile(path, text string) place {
	r := *p.root
	r.Binds, r.Dirs, r.Files = slices.Clone(r.Binds), slices.Clone(r.Dirs), maps.Clone(r.Files)
	r.Files[path] = text
	p.root = &r
	return p
}

// machine is a place without the marks of the container that the tests
// themselves may run in.
func machine(c *client) place {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	r := systemRoot(c.t)
	r.Binds = append(r.Binds, c.home, filepath.Dir(self), filepath.Dir(mustTool(c.t, "sso-exec")), ca.caFile)
	return place{c: c, root: r}
}

// choice is what --explain has to say.
type choice struct {
	flow, prompt string
	why          string // a part of a reason; may be empty
}

var explained = regexp.MustCompile(`sso-exec: flow: (\w+), prompt: (\w+)\n((?:sso-exec:   .*\n)*)`)

// wantChoice waits for what --explain says.
func (r *command) wantChoice(want choice) {
	r.t.Helper()
	var said []string
	r.eventually("--explain says nothing", func() bool {
		said = explained.FindStringSubmatch(r.seen())
		return said != nil
	})
	if said[1] != want.flow || said[2] != want.prompt {
		r.t.Fatalf("want flow %s, prompt %s: %s", want.flow, want.prompt, r.seen())
	}
	r.eventually(fmt.Sprintf("no reason says %q", want.why), func() bool {
		said = explained.FindStringSubmatch(r.seen())
		return strings.Contains(strings.ReplaceAll(said[3], "\nsso-exec:   ", " "), want.why)
	})
	r.t.Logf("%s", said[0])
}

// seen is what was written for people so far, to a terminal or not.
func (r *command) seen() string { return plain(r.stderr.String()) + r.screen() }

// screen is what was written to the terminal so far, or stands in the window.
func (r *command) screen() string {
	r.t.Helper()
	switch {
	case r.window != nil:
		return r.window.text()
	case r.tty != nil:
		return r.tty.text()
	}
	return ""
}

// press types what the person at the terminal or the window would.
func (r *command) press(keys string) {
	r.t.Helper()
	if r.window != nil {
		r.window.press(keys)
	} else {
		r.tty.press(keys)
	}
}

// eventually waits until something holds; it fails once the program has ended
// without it, or in two minutes: on two cores that do all else as well, the first
// start of Chromium has taken more than half a minute.
func (r *command) eventually(otherwise string, holds func() bool) {
	r.t.Helper()
	ended := false
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if holds() {
			return
		}
		if ended {
			break
		}
		select {
		case <-r.done: // look once more: what it wrote last may just be coming
			ended = true
			time.Sleep(200 * time.Millisecond)
		case <-time.After(20 * time.Millisecond):
		}
	}
	state := "still runs"
	if ended {
		state = fmt.Sprintf("ended (%v)", r.err)
	}
	r.t.Fatalf("%s; the program %s\nshown: %s\nstdout: %q", otherwise, state, r.seen(), r.stdout.String())
}

// prompted waits for the URL and the code of a device sign-in on the terminal.
func (r *command) prompted() (target, code string) {
	r.t.Helper()
	r.eventually("no URL and code on the terminal", func() bool {
		text := r.screen()
		target, code = verificationURL.FindString(text), userCode.FindString(text)
		return target != "" && code != ""
	})
	return target, code
}

// wantDevice: the code is on the terminal, no browser was opened, and Ctrl-C ends it.
func (r *command) wantDevice(c *client) {
	r.t.Helper()
	r.prompted()
	if len(c.urls) != 0 {
		r.t.Error("a browser was opened")
	}
	r.press(ctrlC)
	if res := r.wait(); res.code != 130 || res.stdout != "" {
		r.t.Errorf("after Ctrl-C: exit code %d, stdout %q", res.code, res.stdout)
	}
}

// wantBrowser: one page was opened, where alice signs in.
func (r *command) wantBrowser(c *client) {
	r.t.Helper()
	c.visit(c.url(r))
	execToken(r.t, r.ok())
	if len(c.urls) != 0 {
		r.t.Error("more than one page was opened")
	}
}

// wantNobody: there was no prompt, and stderr names the command to run.
func (r *command) wantNobody(c *client) {
	r.t.Helper()
	res := r.wait()
	if res.code != 3 || res.stdout != "" {
		r.t.Errorf("exit code %d, stdout %q; want 3 and nothing", res.code, res.stdout)
	}
	r.eventually("the command to run isn't named", func() bool {
		return strings.Contains(r.seen(), "sso-exec login --") && strings.Contains(r.seen(), c.dex.Issuer)
	})
	if userCode.MatchString(r.seen()) || len(c.urls) != 0 {
		r.t.Errorf("somebody was asked: %s", r.seen())
	}
}

// check holds a run of kube to a choice, and to what follows from it.
func (r *command) check(c *client, want choice) {
	r.t.Helper()
	r.wantChoice(want)
	switch want.flow {
	case "pkce":
		r.wantBrowser(c)
	case "device":
		r.wantDevice(c)
	default:
		r.wantNobody(c)
	}
}
