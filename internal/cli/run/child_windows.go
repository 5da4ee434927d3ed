package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// childSignals are the events that the console sends to every process on it:
// Ctrl-C, and the window's or the session's end.
var childSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// become runs the command next to this process: Windows replaces none.
func become(ctx context.Context, path string, argv, env []string) error {
	return attend(ctx, path, argv, env)
}

// takeSignals takes over from withSignals: the command decides what Ctrl-C means.
func takeSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 16)
	for _, sig := range childSignals {
		signal.Reset(sig)
		signal.Notify(signals, sig)
	}
	return signals
}

// forward does nothing: the console has told the command already.
func forward(*os.Process, os.Signal) {}

func deathOf(*os.ProcessState) syscall.Signal { return 0 }
func dieOf(syscall.Signal)                    {}
