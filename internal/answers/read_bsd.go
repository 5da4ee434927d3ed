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

// Tells reports whether a file's ID tells of each change, whoever makes it.
func Tells(path string) bool {
	const local = 0x1000 // MNT_LOCAL of sys/mount.h: of others stat(2) repeats for a while what it said
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil || uint64(st.Flags)&local == 0 {
		return false
	}
	kind := make([]byte, 0, len(st.Fstypename))
	for _, c := range st.Fstypename {
		if c == 0 {
			break
		}
		kind = append(kind, byte(c))
	}
	switch string(kind) {
	case "msdos", "msdosfs", "exfat": // one time for both, which touch -r puts back
		return false
	}
	return true
}
