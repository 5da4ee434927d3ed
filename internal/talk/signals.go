package talk

import (
	"os"
	"os/signal"
	"syscall"
)

// SignalError is the cause of a context that a signal ended.
type SignalError struct{ Sig syscall.Signal }

func (e *SignalError) Error() string {
	if e.Sig == syscall.SIGINT {
		return "interrupted"
	}
	return "ended by signal: " + e.Sig.String()
}

// ExitsWith is what a shell says of a process that a signal ended.
func (e *SignalError) ExitsWith() int { return 128 + int(e.Sig) }

// Notify has the signals that end a program sent to ch.
func Notify(ch chan<- os.Signal) {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) { // nohup, a shell's background job
			signal.Notify(ch, sig)
		}
	}
}
