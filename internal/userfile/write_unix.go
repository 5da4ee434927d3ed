//go:build unix

package userfile

import (
	"errors"
	"os"
	"syscall"
)

// Rename is os.Rename, which on Windows needs more than one try.
func Rename(from, to string) error { return os.Rename(from, to) }

// sameOwner gives a new file the owner and the group of another, and tells
// whether it has the same group then.
func sameOwner(f *os.File, like os.FileInfo) bool {
	want, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	// The group by itself: who is not root may give it to a group of their own.
	_ = f.Chown(-1, int(want.Gid))
	_ = f.Chown(int(want.Uid), -1)
	st, err := f.Stat()
	if err != nil {
		return false
	}
	got, ok := st.Sys().(*syscall.Stat_t)
	return ok && got.Gid == want.Gid
}

// syncDir makes a rename outlive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil // a directory that cannot be read; the file is in its place
	}
	defer d.Close()
	// Some network and FUSE file systems cannot sync a directory.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// tryLockDir takes a directory's lock, if nobody has it.
func tryLockDir(path string) (unlock func(), busy bool) {
	none := func() {}
	d, err := os.Open(path)
	if err != nil {
		return none, false
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = d.Close()
		return none, errors.Is(err, syscall.EWOULDBLOCK)
	}
	return func() { _ = d.Close() }, false
}

// IsMount tells that a rename failed since something is mounted on the file, as
// container engines mount a single one.
func IsMount(err error) bool { return errors.Is(err, syscall.EBUSY) }
