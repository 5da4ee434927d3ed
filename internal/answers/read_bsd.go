//go:build unix && !linux

package answers

import (
	"os"
	"syscall"
)

const atCWD = -2 // nothing looks at it here

// openat goes by the path: package syscall has no openat here. The directories before
// the last component were looked at a moment ago, and are this user's alone. O_NOFOLLOW is
// about the last one (open(2)).
func openat(_ int, _, path string, flags int) (int, error) {
	return syscall.Open(path, flags|syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

func self() string {
	path, _ := os.Executable()
	return path
}

func idOf(st *syscall.Stat_t) ID { //nolint:gosec,unconvert // types differ by system
	return ID{int64(st.Dev), int64(st.Ino), st.Size, int64(st.Mode), int64(st.Uid), int64(st.Nlink),
		int64(st.Mtimespec.Sec)*1e9 + int64(st.Mtimespec.Nsec),
		int64(st.Ctimespec.Sec)*1e9 + int64(st.Ctimespec.Nsec)}
}
