//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package place

import "golang.org/x/sys/unix"

const getTermios = unix.TIOCGETA
