//go:build unix

package workload

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A command that hangs is killed with what it has started: the grandchild holds
// a pipe whose end is seen.
func TestCommandKillsAll(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "alive")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	script := put(t, dir, "hang.sh", "(exec 3>"+pipe+"; echo started >&3; sleep 60) &\nwait\n")
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	dead := make(chan error, 1)
	go func() {
		f, err := os.Open(pipe) // returns when the grandchild opens it
		if err != nil {
			cancel(err)
			dead <- err
			return
		}
		defer f.Close()
		in := bufio.NewReader(f)
		line, err := in.ReadString('\n')
		if line != "started\n" {
			dead <- err
			cancel(err)
			return
		}
		cancel(interrupted)
		_, err = in.ReadString('\n') // the end, when nobody holds it any more
		dead <- err
	}()
	_, err := parse(t, "command:sh "+script, at(t, nil)).Token(ctx, wanted)
	if !errors.Is(err, interrupted) {
		t.Errorf("the command ended with %v", err)
	}
	if err := <-dead; err == nil || err.Error() != "EOF" {
		t.Errorf("the grandchild: %v", err)
	}
}

func TestCommandHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := parse(t, "command:sleep 60", at(t, nil)).Token(ctx, wanted)
	clean(t, err)
	if kind(err) != "unavailable" || !strings.Contains(err.Error(), "sleep took too long") {
		t.Errorf("%s: %v", kind(err), err)
	}
}

// A daemon that the command leaves behind, with the command's stdout open, does
// not keep the token from us, and lives on.
func TestCommandLeavesDaemon(t *testing.T) {
	dir := t.TempDir()
	script := put(t, dir, "agent.sh", "sleep 60 &\necho $! >"+dir+"/pid\necho opaque-token\n")
	token := check(t, parse(t, "command:sh "+script, at(t, nil)), "", "ok", "")
	if token.Value.Reveal() != "opaque-token" {
		t.Errorf("token %q", token.Value.Reveal())
	}
	raw, err := os.ReadFile(dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	for _, c := range strings.TrimSpace(string(raw)) {
		pid = pid*10 + int(c-'0')
	}
	if pid < 2 {
		t.Fatalf("pid %q", raw)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon is gone: %v", err)
	}
}

// There is no terminal for it to ask at, and nothing on stdin.
func TestCommandHasNoTerminal(t *testing.T) {
	script := put(t, t.TempDir(), "ask.sh",
		"if (: </dev/tty) 2>/dev/null; then echo a-terminal; else echo none; fi; cat\n")
	if token := check(t, parse(t, "command:sh "+script, at(t, nil)), "", "ok", ""); token.Value.Reveal() != "none" {
		t.Errorf("the command has %s", token.Value.Reveal())
	}
}
