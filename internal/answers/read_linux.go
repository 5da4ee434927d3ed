package answers

import "syscall"

const atCWD = -100 // AT_FDCWD of linux/fcntl.h, which package syscall keeps to itself

func openat(at int, name, _ string, flags int) (int, error) {
	return syscall.Openat(at, name, flags|syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
}

// self is the program's own file, also after another was put in its place.
func self() string { return "/proc/self/exe" }

func idOf(st *syscall.Stat_t) ID { //nolint:gosec,unconvert // types differ by processor
	return ID{int64(st.Dev), int64(st.Ino), st.Size, int64(st.Mode), int64(st.Uid), int64(st.Nlink),
		int64(st.Mtim.Sec)*1e9 + int64(st.Mtim.Nsec),
		int64(st.Ctim.Sec)*1e9 + int64(st.Ctim.Nsec)}
}
