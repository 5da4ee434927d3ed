package main

import (
	"golang.org/x/sys/unix"
)

// harden keeps tokens out of core dumps, and debuggers of the same user out of
// this process's memory (ptrace(2), PT_DENY_ATTACH). Where the system refuses,
// the run goes on: it is a second line.
func harden() {
	_ = unix.PtraceDenyAttach()
	noCoreDumps()
}
