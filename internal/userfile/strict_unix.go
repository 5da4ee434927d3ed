//go:build unix

package userfile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/disk"
)

// SystemPath returns where a file of the system's is, which is known by its path on
// Unix.
func SystemPath(unixPath string) (string, error) { return unixPath, nil }

// ReadStrictly reads a regular file of the system's of at most most bytes. It, its
// directory and the one above that must be root's, and writable by nobody else; no
// link is followed to either, and a file that changes while it is read is refused.
// The error is [os.ErrNotExist] only if there is no such file, or no such directory.
func ReadStrictly(path string, most int64) ([]byte, error) {
	dir := filepath.Dir(path)
	fd, err := disk.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	file, err := disk.Openat(fd, filepath.Base(path), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(file), path)
	defer f.Close()
	// Only now: where there is no file, it does not matter whose the place is.
	var st unix.Stat_t
	if err := unix.Stat(filepath.Dir(dir), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: filepath.Dir(dir), Err: err}
	}
	if err := onlyRoots(filepath.Dir(dir), &st); err != nil {
		return nil, err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if err := onlyRoots(dir, &st); err != nil {
		return nil, err
	}
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &UnsafeError{Path: path, Why: "is not a regular file", Hint: askAdministrator}
	}
	sys := before.Sys().(*syscall.Stat_t)
	st.Uid, st.Mode = sys.Uid, sys.Mode
	if err := onlyRoots(path, &st); err != nil {
		return nil, err
	}
	return readUnchanged(f, before, most)
}

const askAdministrator = "ask whoever administers this machine: it must be root's, and only root may write to it"

// onlyRoots refuses what is not root's, and what any other can write to, the group
// root too.
func onlyRoots(path string, st *unix.Stat_t) error {
	switch mode := uint32(st.Mode); {
	case st.Uid != 0:
		return &UnsafeError{Path: path,
			Why: fmt.Sprintf("speaks for the whole machine and belongs to user %d, not to root", st.Uid), Hint: askAdministrator}
	case mode&0o022 != 0:
		return &UnsafeError{Path: path, Hint: askAdministrator,
			Why: fmt.Sprintf("speaks for the whole machine and can be written to by others (mode %04o)", mode&0o7777)}
	}
	return nil
}
