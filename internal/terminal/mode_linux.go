package terminal

import "golang.org/x/sys/unix"

func getMode(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, unix.TCGETS) }

// setMode does not wait for output, which may be held up (Ctrl-S).
func setMode(fd int, mode *unix.Termios) error { return unix.IoctlSetTermios(fd, unix.TCSETS, mode) }

// dropInput throws away what was typed and not read.
func dropInput(fd int) { _ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
