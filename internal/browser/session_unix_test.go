//go:build unix

package browser

import "golang.org/x/sys/unix"

// session is the terminal session of this process.
func session() int {
	sid, _ := unix.Getsid(0)
	return sid
}
