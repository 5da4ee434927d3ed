//go:build unix

package keyring

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func init() { workers["writer"] = writer }

// writer stores a value, as a process that puts off an interrupt.
func writer() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	if err := (keychain{os.Args[0]}).Set(context.Background(), account, "new"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestInterruptedWrite: Ctrl-C reaches all processes of a group; a write goes on.
func TestInterruptedWrite(t *testing.T) {
	p := newPlace(t)
	p.become("waits")
	cmd := exec.Command(p.program, "writer")
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(p.dir, "waiting")); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the command does not start")
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.become("")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got, err := p.Get(t.Context(), account); got != "new" || err != nil {
		t.Errorf("%q, %v after it", got, err)
	}
}
