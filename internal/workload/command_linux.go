package workload

import "syscall"

// withUs has the kernel end a command where this process is killed: one that
// waits for somebody or something would wait on.
func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
