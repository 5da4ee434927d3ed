package talk

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/ptytest"
)

// TestAskHasty: a Ctrl-C that is pressed as soon as the question can be seen ends
// the wait, also where others listen for signals. Each round has its own chance to
// come too early.
func TestAskHasty(t *testing.T) {
	others := make(chan os.Signal, 1)
	signal.Notify(others, os.Interrupt) // as the command does; without it the test would end here
	defer signal.Stop(others)
	_, tty := ptytest.Open(t, 80, 24)
	seen, shown, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, stderr := os.Stdin, os.Stderr
	defer func() { os.Stdin, os.Stderr = stdin, stderr }()
	os.Stdin, os.Stderr = tty, shown
	for round := range 300 {
		ended := make(chan error, 1)
		go func() {
			_, err := Ask("Make this change? [y/N] ")
			ended <- err
		}()
		var question [100]byte
		if _, err := seen.Read(question[:]); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			var sig *SignalError
			if !errors.As(err, &sig) || sig.Sig != syscall.SIGINT {
				t.Fatalf("round %d: %v, want an interrupt", round, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: the interrupt was lost", round)
		}
		if _, err := seen.Read(question[:]); err != nil { // the line's end
			t.Fatal(err)
		}
	}
}
