//go:build unix && !linux

package run

import (
	"syscall"
)

func childAttributes() *syscall.SysProcAttr { return nil }
