//go:build unix

package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
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
			return -1, fmt.Errorf("no terminal: %w", err)
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

// Look looks at the terminals of this process, and changes nothing. A prompt
// would go to stderr, if that is one and the calling tool leaves it alone, else
// to the controlling terminal.
func Look(stderrSwallowed bool) Facts {
	f := Facts{Owner: -1}
	var stderr, file unix.Stat_t
	if unix.Fstat(2, &stderr) == nil {
		f.StderrFile = fmt.Sprintf("%d:%d", stderr.Dev, stderr.Ino)
	}
	mode, err := getMode(2)
	f.Stderr = err == nil
	if f.Stderr && !stderrSwallowed {
		f.Raw = mode.Lflag&unix.ICANON == 0
		f.Stops = mode.Lflag&unix.TOSTOP != 0 && inBackground(2)
	}
	// /dev/tty is everybody's. Whose the terminal behind it is, is seen where
	// one of our descriptors leads to it by its own name.
	for _, fd := range []int{2, 0, 1} {
		if _, err := getMode(fd); err == nil && unix.Fstat(fd, &file) == nil {
			f.Owner = int(file.Uid)
			break
		}
	}
	own, err := openTTY()
	if err != nil {
		return f
	}
	defer unix.Close(own)
	// A job in the background that reads is stopped. The shell or the program in
	// the foreground would be talked over anyhow.
	f.Open = inForeground(own)
	// Line mode (ICANON) is off while a program takes keys one by one: k9s,
	// vim, less, a shell that edits or completes a line. That shell is no screen
	// full of anything, but a prompt would be torn by it all the same.
	if !f.Stderr || stderrSwallowed {
		f.Raw = lineMode(own) != nil
	}
	return f
}

// inBackground is not the contrary of inForeground: a terminal that is not the
// controlling one has no background either.
func inBackground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group != unix.Getpgrp()
}

// ReadSecret reads a line from a terminal, which does not show it; err is io.EOF
// where the input ends (Ctrl-D) before there is any. Whoever gives up on it puts
// the terminal's mode back: see golang.org/x/term's GetState.
//
// That package's own ReadPassword takes no end of input for one, and goes on.
func ReadSecret(_ context.Context, f *os.File) ([]byte, error) {
	before, err := getMode(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	mode := *before
	mode.Lflag &^= unix.ECHO
	mode.Lflag |= unix.ICANON | unix.ISIG
	mode.Iflag |= unix.ICRNL
	if err := setMode(int(f.Fd()), &mode); err != nil {
		return nil, err
	}
	defer func() { _ = setMode(int(f.Fd()), before) }()
	var line []byte
	for one := make([]byte, 1); ; { // byte by byte: what follows the line is for others
		switch n, err := f.Read(one); {
		case n > 0 && one[0] == '\n', err == io.EOF && len(line) > 0: //nolint:errorlint // os.File's own
			return line, nil
		case n > 0:
			line = append(line, one[0])
		case err != nil:
			return nil, err
		}
	}
}
