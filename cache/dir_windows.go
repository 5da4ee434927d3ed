package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// dir is a directory of ours. File modes mean nothing on Windows: the cache
// directory has an access list of its own, which all below it inherits.
type dir struct{ path string }

func openRoot(path string, create bool) (dir, error) {
	if create {
		if err := makePrivate(path); err != nil {
			return dir{}, err
		}
	}
	d, err := openDir(path)
	if err == nil {
		err = checkPrivate(path)
	}
	return d, err
}

func homeNote(string) string { return "" }

func openDir(path string) (dir, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return dir{}, err
	}
	if !st.IsDir() {
		return dir{}, &UnsafeError{Path: path, Why: "is not a directory of ours (a link or a file)", Fix: perm.Command("del", path)}
	}
	return dir{path}, nil
}

func (d dir) close() {}

func (d dir) sub(name string, create bool) (dir, error) {
	path := filepath.Join(d.path, name)
	if create {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return dir{}, err
		}
	}
	return openDir(path)
}

func (d dir) read(name string) ([]byte, error) {
	path := filepath.Join(d.path, name)
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, notRegular(path)
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%s: %w: it is larger than %d bytes", path, ErrCorrupt, maxFile)
	}
	var b []byte
	err = retrySharing(func() error {
		b, err = os.ReadFile(path)
		return err
	})
	return b, err
}

// openLock opens a lock file, made if there is none, and not what a link leads to.
// What is done with the lock goes through this handle, never through the name again.
func (d dir) openLock(name string) (*os.File, error) {
	path := filepath.Join(d.path, name)
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(wide, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil,
		windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		if st, serr := os.Lstat(path); serr == nil && !st.Mode().IsRegular() {
			return nil, notRegular(path)
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(h), path)
	var is windows.ByHandleFileInformation
	err = windows.GetFileInformationByHandle(h, &is)
	switch {
	case err != nil:
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	case is.FileAttributes&(windows.FILE_ATTRIBUTE_REPARSE_POINT|windows.FILE_ATTRIBUTE_DIRECTORY) != 0:
		err = notRegular(path)
	case is.NumberOfLinks > 1:
		err = &UnsafeError{Path: path, Why: "has a second name (a hard link)", Fix: perm.Command("del", path)}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// tryLock takes the lock of an open file, until that is closed, if nobody holds
// it: that of its first byte, which no other handle can read or write then.
func tryLock(f *os.File) (bool, error) {
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

func notRegular(path string) error {
	return &UnsafeError{Path: path, Why: "is not a regular file", Fix: perm.Command("del", path)}
}

func (d dir) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// openToWrite opens a file that is there, to be overwritten.
func (d dir) openToWrite(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.path, name), os.O_WRONLY, 0)
}

func (d dir) rename(from, to string) error {
	return retrySharing(func() error {
		return os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to))
	})
}

// modTime is when a file was last written to.
func (d dir) modTime(name string) (time.Time, error) {
	st, err := os.Lstat(filepath.Join(d.path, name))
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// removeDir removes a directory if it is empty.
func (d dir) removeDir(name string) { _ = os.Remove(filepath.Join(d.path, name)) }

func (d dir) remove(name string) error {
	return retrySharing(func() error { return os.Remove(filepath.Join(d.path, name)) })
}

// sync does nothing: Windows has no way to sync a directory, and NTFS journals
// its renames.
func (d dir) sync() error { return nil }

func (d dir) names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// retrySharing tries again for half a second while another process (a reader,
// a virus scanner) holds the file open.
func retrySharing(f func() error) error {
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
