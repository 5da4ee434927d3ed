package run

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// attend runs a command next to this process, and ends as it does. The command
// is in the same process group: on a terminal it is in the foreground with us,
// and Ctrl-C and Ctrl-Z reach it from there.
func attend(ctx context.Context, path string, argv, env []string) error {
	// PR_SET_PDEATHSIG goes by the thread that forks; this one lives as long as
	// the process.
	runtime.LockOSThread()
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: commandline.WithUs(syscall.SIGTERM)} // what its SDKs ask for keys would be gone
	signals := takeSignals()
	defer signal.Reset(childSignals...) // what comes while we clean up ends us
	if err := cmd.Start(); err != nil {
		return notRun(argv, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := ctx.Done()
	for {
		select {
		case sig := <-signals:
			forward(cmd.Process, sig)
		case <-stopped: // a signal that came just before the command was started
			stopped = nil
			if early, ok := errors.AsType[*talk.SignalError](context.Cause(ctx)); ok {
				forward(cmd.Process, early.Sig)
			}
		case err := <-ended:
			if cmd.ProcessState == nil {
				return notRun(argv, err)
			}
			return endOf(cmd.ProcessState)
		}
	}
}

// commandEnd is how the command ended: its exit code, or the signal that it died
// of. There is nothing to say about it.
type commandEnd struct {
	code int
	sig  syscall.Signal
}

func endOf(st *os.ProcessState) error {
	if sig := deathOf(st); sig != 0 {
		return &commandEnd{sig: sig}
	}
	if st.ExitCode() == 0 {
		return nil
	}
	return &commandEnd{code: st.ExitCode()}
}

func (e *commandEnd) Error() string { return "the command has ended" }

// ExitsWith is the command's own, or a shell's for a signal.
func (e *commandEnd) ExitsWith() int {
	if e.sig != 0 {
		return command.ExitSignal + int(e.sig)
	}
	return e.code
}
