//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/ptytest"
)

// keyBench is a home and WorkOS's stand-in for the binary, without a provider of
// sign-ins.
type keyBench struct {
	*bench
	workos *standIn
}

func newKeyBench(t *testing.T) keyBench {
	t.Helper()
	b := &bench{bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSO_EXEC_CACHE_DIR=" + b.dir}
	w := newStandIn()
	t.Cleanup(w.server.Close)
	k := keyBench{b, w}
	k.feed(t, 0, w.env, "apikey", "set", "env")
	return k
}

// feed runs the binary with a text on stdin.
func (k keyBench) feed(t *testing.T, code int, stdin string, args ...string) outcome {
	t.Helper()
	p := k.begin(t, stdin, args...)
	o := p.wait(t)
	if o.code != code {
		t.Errorf("%v: exit code %d, want %d: %s", args, o.code, code, o.stderr)
	}
	return o
}

func (k keyBench) begin(t *testing.T, stdin string, args ...string) *proc {
	t.Helper()
	// A shell hands the text over: what is on a command line here is not the key's.
	return startCommand(t, append(slices.Clone(k.env), "TEXT="+stdin), "/bin/sh",
		append([]string{"-c", `printf %s "$TEXT" | env -u TEXT "$0" "$@"`, k.bin}, args...)...)
}

// create makes a key at the stand-in.
func (k keyBench) create(t *testing.T, name string) {
	t.Helper()
	k.mustRun(t, "apikey", "create", name, "--provider", "workos", "--organization", "org_ACME", "--with", "env",
		"--api-url", k.workos.server.URL, "--expires", "90d")
}

// oneLiveKey checks that the stored key is the only one that WorkOS takes.
func (k keyBench) oneLiveKey(t *testing.T, what, name string) {
	t.Helper()
	live := k.workos.liveKeys()
	if stored := storedAPIKey(filepath.Join(k.dir, "apikeys"), name); len(live) != 1 || live[0].Value != stored {
		t.Errorf("%s: the stored key is %q, live are %+v", what, stored, live)
	}
}

// storedWorks checks that what token prints is a key that WorkOS takes.
func (k keyBench) storedWorks(t *testing.T, what, name string) {
	t.Helper()
	got := strings.TrimSpace(k.mustRun(t, "token", "--api-key", name).stdout)
	if !slices.ContainsFunc(k.workos.liveKeys(), func(i issuedKey) bool { return i.Value == got }) {
		t.Errorf("%s: the stored key is not one that WorkOS takes", what)
	}
}

func (k keyBench) noViolations(t *testing.T) {
	t.Helper()
	k.workos.mu.Lock()
	defer k.workos.mu.Unlock()
	if len(k.workos.violations) > 0 {
		t.Errorf("requests that WorkOS does not document: %q", k.workos.violations)
	}
}

// breakAll has every request fail, or none.
func (w *standIn) breakAll(f *standInFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

const manyKeys = 40

// together starts a command many times. Each gets its key from a helper, which
// hands it over when all have come as far.
func (k keyBench) together(t *testing.T, key func(i int) string, args ...string) (all []*proc) {
	t.Helper()
	dir := t.TempDir()
	script := `: > "$0/ready-$1"; until test -e "$0/go"; do sleep 0.02; done; echo "$1"`
	for i := range manyKeys {
		helper := fmt.Sprintf("sh -c '%s' %s %s", script, dir, key(i))
		all = append(all, k.start(t, append(slices.Clone(args), "--from-command", helper)...))
	}
	until(t, "all are ready", func() bool {
		names, _ := filepath.Glob(filepath.Join(dir, "ready-*"))
		return len(names) == manyKeys || slices.ContainsFunc(all, func(p *proc) bool { return !p.running() })
	})
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAPIKeySetAtOnce: many processes store a key under one name. Whoever reads
// meanwhile gets one of them whole, with its own header; without --yes one wins,
// and the others say so.
func TestAPIKeySetAtOnce(t *testing.T) {
	k := newKeyBench(t)
	key := func(i int) string { return fmt.Sprintf("key-%02d-", i) + strings.Repeat(fmt.Sprint(i%10), 100+i*20) }
	all := k.together(t, func(i int) string { return key(i)[:60] }, "apikey", "set", "first")
	won := -1
	for i, p := range all {
		switch o := p.wait(t); {
		case o.code == 0 && won < 0:
			won = i
		case o.code != exitUsage:
			t.Errorf("process %d: exit code %d, %s%s", i, o.code, o.stdout, o.stderr)
		}
	}
	if got := k.mustRun(t, "token", "--api-key", "first").stdout; won < 0 || got != key(won)[:60]+"\n" {
		t.Errorf("process %d won, and stored is %.20q", won, got)
	}

	all = nil
	k.feed(t, 0, key(0), "apikey", "set", "x", "--header", "X-Key-0")
	for i := range manyKeys {
		all = append(all, k.begin(t, key(i), "apikey", "set", "x", "--yes", "--header", fmt.Sprintf("X-Key-%d", i)))
	}
	reads := 0
	for slices.ContainsFunc(all, (*proc).running) || reads == 0 {
		reads++
		got := k.mustRun(t, "token", "--api-key", "x", "-o", "header").stdout
		var i int
		if _, err := fmt.Sscanf(got, "X-Key-%d:", &i); err != nil || got != fmt.Sprintf("X-Key-%d: %s\n", i, key(i)) {
			t.Fatalf("read %d: %.40q", reads, got)
		}
	}
	for i, p := range all {
		if o := p.wait(t); o.code != 0 {
			t.Errorf("process %d: exit code %d: %s", i, o.code, o.stderr)
		}
	}
	if names := files(t, filepath.Join(k.dir, "apikeys")); len(names) != 3 {
		t.Errorf("%d files are left", len(names))
	}
}

// TestAPIKeyRotateAtOnce: no rotation of many undoes another unseen, and none
// leaves a key at WorkOS that nobody has.
func TestAPIKeyRotateAtOnce(t *testing.T) {
	k := newKeyBench(t)
	k.feed(t, 0, "key-before", "apikey", "set", "x")
	all := k.together(t, func(i int) string { return fmt.Sprintf("key-after-%d", i) }, "apikey", "rotate", "x")
	var won []string
	for i, p := range all {
		if o := p.wait(t); o.code == 0 {
			won = append(won, fmt.Sprintf("key-after-%d\n", i))
		} else if o.code != exitOther ||
			!strings.Contains(o.stderr, "replaced by somebody else meanwhile; the new key was not stored") {
			t.Errorf("process %d: exit code %d: %s", i, o.code, o.stderr)
		}
	}
	if got := k.mustRun(t, "token", "--api-key", "x").stdout; len(won) != 1 || got != won[0] {
		t.Errorf("stored is %q, and those who said so are %q", got, won)
	}

	k.create(t, "ci")
	all = nil
	for range manyKeys {
		all = append(all, k.start(t, "apikey", "rotate", "ci", "--grace", "0"))
	}
	for i, p := range all {
		if o := p.wait(t); o.code != 0 {
			t.Errorf("process %d: exit code %d: %s", i, o.code, o.stderr)
		}
	}
	k.oneLiveKey(t, "after all", "ci")
	k.noViolations(t)
}

// TestAPIKeyRotateKilled: killed while WorkOS's answer is on its way, whichever
// it is, what is stored is a key that works; and the next rotation leaves one.
func TestAPIKeyRotateKilled(t *testing.T) {
	k := newKeyBench(t)
	k.create(t, "ci")
	for _, at := range []string{"POST /api_keys/validations", "POST /organizations/", "DELETE /api_keys/"} {
		w := k.workos
		w.mu.Lock()
		w.gateOn, w.gate, w.arrived = at, make(chan struct{}), make(chan struct{}, 1)
		w.mu.Unlock()
		p := k.start(t, "apikey", "rotate", "ci", "--grace", "0")
		select {
		case <-w.arrived:
		case <-p.done:
			t.Fatalf("%s: never asked: %s", at, p.stderr.String())
		}
		p.signal(syscall.SIGKILL)
		p.wait(t)
		close(w.gate)
		w.mu.Lock()
		w.gateOn = ""
		w.mu.Unlock()
		k.storedWorks(t, "killed at "+at, "ci")
		k.mustRun(t, "apikey", "rotate", "ci", "--grace", "0")
		k.oneLiveKey(t, "the rotation after the kill at "+at, "ci")
	}
	k.noViolations(t)
}

// TestAPIKeyRotateInterrupted: an interrupt while WorkOS makes the key does not
// cost its value.
func TestAPIKeyRotateInterrupted(t *testing.T) {
	k := newKeyBench(t)
	k.create(t, "ci")
	w := k.workos
	w.mu.Lock()
	w.gateOn, w.gate, w.arrived = "POST /organizations/", make(chan struct{}), make(chan struct{}, 1)
	w.mu.Unlock()
	p := k.start(t, "apikey", "rotate", "ci", "--grace", "0")
	<-w.arrived
	p.signal(syscall.SIGINT)
	p.settled(t)
	close(w.gate)
	if o := p.wait(t); o.code != 0 {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	k.oneLiveKey(t, "after the interrupt", "ci")
}

// TestAPIKeyTyped: a key that is typed is not shown, and an interrupt leaves the
// terminal as it was.
func TestAPIKeyTyped(t *testing.T) {
	k := newKeyBench(t)
	control, tty := ptytest.Open(t, 0, 0)
	run := func(args ...string) *exec.Cmd {
		c := exec.Command(k.bin, args...)
		c.Env, c.Stdin, c.Stdout, c.Stderr = k.env, tty, tty, tty
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	screen := &lockedBuffer{}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := control.Read(buf)
			_, _ = screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	echoes := func() bool {
		mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
		return err == nil && mode.Lflag&unix.ECHO != 0
	}
	c := run("apikey", "set", "typed")
	until(t, "the echo is off", func() bool { return !echoes() })
	if _, err := control.WriteString("typed-key-1234\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %s", err, screen.String())
	}
	if strings.Contains(screen.String(), "typed-key") ||
		!strings.Contains(screen.String(), "API key typed (it is not shown): ") {
		t.Errorf("on the screen: %q", screen.String())
	}
	if got := k.mustRun(t, "token", "--api-key", "typed").stdout; got != "typed-key-1234\n" {
		t.Errorf("stored is %q", got)
	}
	for _, typed := range []struct {
		what, keys string
		code       int
		says       string
	}{
		{"Ctrl-C", "\x03", 130, ""},
		{"Ctrl-D", "\x04", exitUsage, "nothing was typed"},
		{"Enter", "\r", exitUsage, "nothing was typed"},
	} {
		c = run("apikey", "set", "other")
		until(t, "the echo is off", func() bool { return !echoes() })
		before := len(screen.String())
		if _, err := control.WriteString(typed.keys); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		until(t, "it says so", func() bool { return strings.Contains(screen.String()[before:], typed.says) })
		if code := c.ProcessState.ExitCode(); code != typed.code || !echoes() {
			t.Errorf("after %s: exit code %d, echo %v: %s", typed.what, code, echoes(), screen.String())
		}
	}
}
