package commandline

import "syscall"

// WithUs has the kernel send a command a signal where this process is killed.
func WithUs(sig syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: sig} }
