//go:build !linux

package commandline

import "syscall"

// WithUs does nothing: only Linux has that.
func WithUs(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
