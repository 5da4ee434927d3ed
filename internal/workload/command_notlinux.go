//go:build unix && !linux

package workload

import "syscall"

func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
