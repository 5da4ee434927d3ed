//go:build unix

package workload

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// alone gives a command a session of its own: it has no terminal to ask at, a
// Ctrl-C does not reach it past us, and it ends with all that it has started.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = commandline.WithUs(syscall.SIGKILL) // what waits for somebody would wait on
	cmd.SysProcAttr.Setsid = true
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
