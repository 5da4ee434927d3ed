package talk

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// Confirm asks on the terminal; only yes is yes.
func Confirm(question string) (bool, error) {
	answer, err := Ask(question + " [y/N] ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	fmt.Fprintln(Stderr, "Nothing was changed.")
	return false, nil
}

// CanAsk reports whether there is somebody to answer: stdin is a terminal.
func CanAsk() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// ErrNobody is the error where there is nobody to answer.
func ErrNobody() error {
	return fault.InUsage(errors.New("nobody can be asked: stdin is not a terminal"),
		"give --yes, or --dry-run to look first")
}

// Ask asks for a line. Where nobody is there to answer, that is a usage error.
func Ask(question string) (string, error) {
	if !CanAsk() {
		return "", ErrNobody()
	}
	interrupted := make(chan os.Signal, 1)
	Notify(interrupted) // first: whoever sees the question may already press Ctrl-C
	defer signal.Stop(interrupted)
	fmt.Fprint(Stderr, question)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // until the process ends, if nobody answers
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			fmt.Fprintln(Stderr)
			return "", fmt.Errorf("no answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	case sig := <-interrupted:
		fmt.Fprintln(Stderr)
		return "", &SignalError{Sig: sig.(syscall.Signal)}
	}
}

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
