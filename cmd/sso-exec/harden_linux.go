package main

import (
	"golang.org/x/sys/unix"
)

// harden keeps tokens out of core dumps, and other processes of the same user
// out of this one's memory and environment (prctl(2), PR_SET_DUMPABLE). Where
// the system refuses, the run goes on: it is a second line. Children start
// without the first, since exec resets it.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	noCoreDumps()
}
