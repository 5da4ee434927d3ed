//go:build unix

package place

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// owner returns the user who owns a file; -1 if there is no such file.
func (h host) owner(path string) int {
	st, err := os.Stat(h.path(path))
	if err != nil {
		return -1
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid)
	}
	return -1
}

// listens reports whether somebody listens at a socket. That it is there says
// little: many stay when their server has gone. Nothing is sent.
func (h host) listens(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	// A server that is too busy to take us is there all the same, and must not
	// hold us up.
	if err := unix.SetNonblock(fd, true); err != nil {
		return false
	}
	unix.CloseOnExec(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: h.path(path)})
	return err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINPROGRESS)
}

func session() (uint32, bool) { return 0, false }
