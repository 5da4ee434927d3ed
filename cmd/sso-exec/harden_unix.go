//go:build linux || darwin

package main

import (
	"golang.org/x/sys/unix"
)

// noCoreDumps sets the soft limit only: a child that wants its own may raise it.
func noCoreDumps() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}
