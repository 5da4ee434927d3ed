//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// screenName names the terminal that this process shares with others, for the
// lock that lets one of them prompt there at a time: the device, else the session
// (setsid(2)), which has one terminal at most.
func screenName() string {
	for _, fd := range []int{2, 0, 1} {
		var st unix.Stat_t
		if _, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && unix.Fstat(fd, &st) == nil {
			return fmt.Sprintf("tty-%x", uint64(st.Rdev)) //nolint:unconvert // its type differs between systems
		}
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("session-%d", sid)
}

// sameTerminal reports whether a process belongs to our session, and so to our
// terminal: a person sees what it shows.
func sameTerminal(pid int) bool {
	if _, err := unix.IoctlGetWinsize(2, unix.TIOCGWINSZ); err != nil {
		return false
	}
	theirs, err := unix.Getsid(pid)
	ours, oerr := unix.Getsid(0)
	return err == nil && oerr == nil && theirs == ours
}
