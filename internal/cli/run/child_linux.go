package run

import (
	"syscall"
)

// childAttributes has the kernel end the command where this process is killed:
// what its SDKs ask for keys would be gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
