//go:build unix

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is an open directory.
type Dir struct {
	FD   int    // AT_FDCWD: it could not be opened, and is reached by its path
	Path string // for messages
}

// Open opens a directory, also where a link leads. One that cannot be read can
// still be written to: by its path, without a lock, and not synced.
func Open(path string) Dir {
	fd, err := Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		fd = unix.AT_FDCWD
	}
	return Dir{fd, path}
}

// Close frees the descriptor, and the lock with it.
func (d Dir) Close() {
	if d.FD >= 0 {
		_ = unix.Close(d.FD)
	}
}

// at is the name that a system call gets next to the descriptor.
func (d Dir) at(name string) string {
	if d.FD >= 0 {
		return name
	}
	return filepath.Join(d.Path, name)
}

func (d Dir) create(name string) (*os.File, error) {
	path := filepath.Join(d.Path, name)
	fd, err := Openat(d.FD, d.at(name), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "create", Path: path, Err: err}
	}
	// Against a umask that takes even the owner's bits away.
	_ = unix.Fchmod(fd, 0o600)
	return os.NewFile(uintptr(fd), path), nil
}

// ModTime is when a file was last written to.
func (d Dir) ModTime(name string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.FD, d.at(name), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return time.Time{}, &os.PathError{Op: "stat", Path: filepath.Join(d.Path, name), Err: err}
	}
	return time.Unix(st.Mtim.Unix()), nil
}

// Rename gives a file another name, in the place of what has it.
func (d Dir) Rename(from, to string) error {
	if err := unix.Renameat(d.FD, d.at(from), d.FD, d.at(to)); err != nil {
		return &os.LinkError{Op: "rename", Old: filepath.Join(d.Path, from), New: filepath.Join(d.Path, to), Err: err}
	}
	return nil
}

// Remove removes a file.
func (d Dir) Remove(name string) error {
	if err := unix.Unlinkat(d.FD, d.at(name), 0); err != nil {
		return &os.PathError{Op: "remove", Path: filepath.Join(d.Path, name), Err: err}
	}
	return nil
}

// RemoveDir removes a directory if it is empty.
func (d Dir) RemoveDir(name string) { _ = unix.Unlinkat(d.FD, d.at(name), unix.AT_REMOVEDIR) }

// Sync makes renames in the directory durable.
func (d Dir) Sync() error {
	if d.FD < 0 {
		return nil
	}
	// Some network and FUSE file systems cannot sync a directory; there is
	// nothing better to be had there.
	if err := unix.Fsync(d.FD); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return &os.PathError{Op: "sync", Path: d.Path, Err: err}
	}
	return nil
}

// Names lists the directory.
func (d Dir) Names() ([]string, error) {
	fd, err := Openat(d.FD, d.at("."), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.Path, Err: err}
	}
	f := os.NewFile(uintptr(fd), d.Path)
	defer f.Close()
	return f.Readdirnames(-1)
}

// TryLock takes the directory's own lock, until it is closed, if nobody has it.
func (d Dir) TryLock() (bool, error) {
	if d.FD < 0 {
		return true, nil
	}
	return tryLock(d.FD, d.Path)
}

// TryLock takes the lock of an open file, until that is closed, if nobody has it.
func TryLock(f *os.File) (bool, error) { return tryLock(int(f.Fd()), f.Name()) }

func tryLock(fd int, path string) (bool, error) {
	for {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case err != nil:
			return false, &os.PathError{Op: "lock", Path: path, Err: err}
		default:
			return true, nil
		}
	}
}

// Openat is [unix.Openat], tried again when a signal interrupts it. No child gets
// the descriptor.
func Openat(at int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(at, name, flags|unix.O_CLOEXEC, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
