//go:build unix

package place

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lookAtTerminal looks at the terminals of this process. A prompt would go to
// stderr, if that is one and the parent leaves it alone, else to the
// controlling terminal.
func lookAtTerminal(stderrSwallowed bool) terminal {
	t := terminal{owner: -1}
	var stderr, file unix.Stat_t
	if unix.Fstat(2, &stderr) == nil {
		t.stderrFile = fmt.Sprintf("%d:%d", stderr.Dev, stderr.Ino)
	}
	mode, err := unix.IoctlGetTermios(2, getTermios)
	t.stderr = err == nil
	if t.stderr && !stderrSwallowed {
		t.raw = mode.Lflag&unix.ICANON == 0
	}
	// /dev/tty is everybody's. Whose the terminal behind it is, is seen where
	// one of ours leads to it by its own name.
	for _, fd := range []int{2, 0, 1} {
		if _, err := unix.IoctlGetTermios(fd, getTermios); err == nil && unix.Fstat(fd, &file) == nil {
			t.owner = int(file.Uid)
			break
		}
	}
	// Not os.OpenFile, which would hand the terminal to the poller.
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return t
	}
	defer unix.Close(tty)
	// A job in the background that reads is stopped, and one that writes, under
	// "stty tostop", too. The shell or the program in the foreground would be
	// talked over anyhow.
	foreground, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	t.open = err == nil && foreground == unix.Getpgrp()
	// Line mode (ICANON) is off while a program takes keys one by one: k9s,
	// vim, less, a shell that edits or completes a line. That shell is no screen
	// full of anything, but a prompt would be torn by it all the same.
	if !t.stderr || stderrSwallowed {
		mode, err := unix.IoctlGetTermios(tty, getTermios)
		t.raw = err == nil && mode.Lflag&unix.ICANON == 0
	}
	return t
}
