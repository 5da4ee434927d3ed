//go:build unix

package userfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeInherited reports whether a descriptor is one that the parent has opened
// for us, and keeps it from programs that we start. Those that Go and we open
// are closed on exec from the beginning, and one that came through exec is not.
func takeInherited(fd int) (handle uintptr, ok bool) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return 0, false
	}
	if fd > 2 { // the command of run has its stdin
		unix.CloseOnExec(fd)
	}
	return uintptr(fd), true
}

// instead says how a descriptor is given.
func instead(fd int) string {
	return fmt.Sprintf("have the shell open a file or a pipe, as in: %d< FILE", fd)
}

// isTerminal reports whether a descriptor is a terminal: a character device
// that knows a window's size.
func isTerminal(fd int, st os.FileInfo) bool {
	if st.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	_, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	return err == nil
}
