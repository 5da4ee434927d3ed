package disk

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// Dir is a directory.
type Dir struct{ Path string }

// Open names a directory.
func Open(path string) Dir { return Dir{path} }

// Close does nothing: Windows holds no directory open.
func (d Dir) Close() {}

func (d Dir) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.Path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// ModTime is when a file was last written to.
func (d Dir) ModTime(name string) (time.Time, error) {
	st, err := os.Lstat(filepath.Join(d.Path, name))
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// Rename gives a file another name, in the place of what has it.
func (d Dir) Rename(from, to string) error {
	return RetrySharing(func() error { return os.Rename(filepath.Join(d.Path, from), filepath.Join(d.Path, to)) })
}

// Remove removes a file.
func (d Dir) Remove(name string) error {
	return RetrySharing(func() error { return os.Remove(filepath.Join(d.Path, name)) })
}

// RemoveDir removes a directory if it is empty.
func (d Dir) RemoveDir(name string) { _ = os.Remove(filepath.Join(d.Path, name)) }

// Sync does nothing: Windows has no way to sync a directory, and NTFS journals
// its renames.
func (d Dir) Sync() error { return nil }

// Names lists the directory.
func (d Dir) Names() ([]string, error) {
	f, err := os.Open(d.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// TryLock does nothing: Windows locks no directories.
func (d Dir) TryLock() (bool, error) { return true, nil }

// TryLock takes the lock of an open file, until that is closed, if nobody has it:
// that of its first byte, which no other handle can read or write then.
func TryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}

// RetrySharing tries again for half a second while another process (a reader,
// a virus scanner) holds the file open.
func RetrySharing(f func() error) error {
	var err error
	for range 50 {
		err = f()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
