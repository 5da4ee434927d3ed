//go:build unix

package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sso-exec/sso-exec/internal/terminal"
)

// childSignals are those that mean the command while there is one.
var childSignals = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1,
	syscall.SIGUSR2}

// become replaces this process by the command, which then is what whoever runs
// us waits for, signals and stops.
func become(ctx context.Context, path string, argv, env []string) error {
	// From here on a signal ends us, as it will the command. What was ignored from
	// the beginning stays so, for the command too.
	signal.Reset(childSignals...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return notRun(argv, syscall.Exec(path, argv, env))
}

// takeSignals takes over from withSignals. What was ignored from the beginning
// (nohup) stays so.
func takeSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 16)
	for _, sig := range childSignals {
		if !signal.Ignored(sig) {
			signal.Reset(sig)
			signal.Notify(signals, sig)
		}
	}
	return signals
}

// forward sends the command a signal that was sent to us, except for those of the
// terminal's keys: these have reached it already.
func forward(p *os.Process, sig os.Signal) {
	if (sig == syscall.SIGINT || sig == syscall.SIGQUIT) && onTerminal() {
		return
	}
	_ = p.Signal(sig) // it may have ended
}

func onTerminal() bool {
	t, err := terminal.Open()
	if err != nil {
		return false
	}
	defer t.Close()
	return t.Foreground()
}

func deathOf(st *os.ProcessState) syscall.Signal {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal()
	}
	return 0
}

// dieOf ends this process by the signal that the command died of, so that a
// shell sees the same: one that ran a script goes on after exit code 130, but
// not after SIGINT. Of signals that dump core, and as process 1 of a container,
// it returns.
func dieOf(sig syscall.Signal) {
	switch sig {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL:
		signal.Reset(sig)
		if syscall.Kill(os.Getpid(), sig) == nil {
			time.Sleep(time.Second)
		}
	}
}
