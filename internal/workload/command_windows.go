package workload

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// alone does not give a command our console. It is killed by itself; what it has
// started is only no longer waited for.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}
