package main

import "golang.org/x/sys/unix"

// harden keeps core dumps off the disk also of what this process runs: exec undoes what
// package fast has asked for. It sets the soft limit only: a child that wants its own may
// raise it. Where the system refuses, the run goes on: it is a second line.
func harden() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}
