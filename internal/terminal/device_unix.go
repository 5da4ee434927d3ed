//go:build unix

package terminal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openScreen opens the controlling terminal. The file stays in blocking mode and
// out of Go's poller, which on macOS cannot wait for /dev/tty.
func openScreen() (*os.File, error) {
	fd, err := openTTY()
	return os.NewFile(uintptr(fd), tty), err
}

const tty = "/dev/tty"

func openTTY() (int, error) {
	for {
		fd, err := unix.Open(tty, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("there is no terminal: %w", err)
		}
		return fd, nil
	}
}

// prepare tells whether f is a terminal, and whether it takes escape sequences.
func prepare(f *os.File) (isTerminal, sequences bool) {
	_ = control(f, func(fd int) { _, err := getMode(fd); isTerminal = err == nil })
	return isTerminal, true
}

func size(f *os.File) (columns, rows int) {
	_ = control(f, func(fd int) {
		if ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			columns, rows = int(ws.Col), int(ws.Row)
		}
	})
	return columns, rows
}

func foreground(f *os.File) (yes bool) {
	_ = control(f, func(fd int) { yes = inForeground(fd) })
	return yes
}

// inForeground compares the process groups; a terminal that is not the
// controlling one has none to tell.
func inForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// typed tells whether there are lines in f, a terminal, that nobody has read.
// The kernel has echoed them.
func (t *Terminal) typed() (yes bool) {
	_ = control(t.out, func(fd int) {
		which, err := ready(0, fd)
		yes = err != nil || which != 0
	})
	return yes
}

// control calls f with the file's descriptor, which Fd would set to blocking.
func control(file *os.File, f func(fd int)) error {
	c, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return c.Control(func(fd uintptr) { f(int(fd)) })
}
