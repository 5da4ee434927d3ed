//go:build unix

package terminal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

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
	// one of ours leads to it by its own name.
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
