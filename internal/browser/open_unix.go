//go:build unix

package browser

import (
	"runtime"
	"syscall"
)

var systemOpeners = openers()

func openers() []Command {
	if runtime.GOOS == "darwin" {
		return []Command{{"/usr/bin/open"}}
	}
	return []Command{
		{"/usr/bin/xdg-open"},
		{"/usr/local/bin/xdg-open"},
		{"/usr/bin/wslview"},
		{"/usr/bin/x-www-browser"},
	}
}

// detached gives the browser a session of its own.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
