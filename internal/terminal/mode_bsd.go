//go:build unix && !linux

package terminal

import "golang.org/x/sys/unix"

// The calls that tcgetattr(3) and tcsetattr(3) with TCSANOW are made of (tty(4)).

func getMode(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, unix.TIOCGETA) }

// setMode does not wait for output, which may be held up (Ctrl-S).
func setMode(fd int, mode *unix.Termios) error { return unix.IoctlSetTermios(fd, unix.TIOCSETA, mode) }

// dropInput throws away what was typed and not read: TIOCFLUSH takes a pointer (tty(4)).
func dropInput(fd int) {
	const input = 1 // FREAD of <sys/fcntl.h>
	_ = unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, input)
}
