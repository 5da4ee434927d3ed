//go:build unix

package talk

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// screenName names the terminal that this process shares with others, for the
// lock that lets one of them prompt there at a time: the controlling terminal's
// device where the system tells it (proc(5), tty_nr), whatever our standard
// streams are; else that of a stream; else the session (setsid(2)), which has one
// terminal at most.
func screenName() string {
	if stat, err := os.ReadFile("/proc/self/stat"); err == nil {
		// Behind the name: state, parent, group, session, terminal.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 4 && string(fields[4]) != "0" {
			return "tty-" + string(fields[4])
		}
	}
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

// SameTerminal reports whether a process belongs to our session, and so to our
// terminal: a person sees what it shows.
func SameTerminal(pid int) bool {
	if _, err := unix.IoctlGetWinsize(2, unix.TIOCGWINSZ); err != nil {
		return false
	}
	theirs, err := unix.Getsid(pid)
	ours, oerr := unix.Getsid(0)
	return err == nil && oerr == nil && theirs == ours
}
