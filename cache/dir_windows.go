package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/disk"
)

// dir is a directory of ours. File modes mean nothing on Windows: the cache
// directory has an access list of its own, which all below it inherits.
type dir struct{ disk.Dir }

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
		return dir{}, &UnsafeError{Path: path, Why: "is not a directory of ours (a link or a file)",
			Fix: perm.Command("del", path)}
	}
	return dir{disk.Open(path)}, nil
}

func (d dir) sub(name string, create bool) (dir, error) {
	path := filepath.Join(d.Path, name)
	if create {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return dir{}, err
		}
	}
	return openDir(path)
}

func (d dir) read(name string) ([]byte, error) {
	path := filepath.Join(d.Path, name)
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
	err = disk.RetrySharing(func() error {
		b, err = os.ReadFile(path)
		return err
	})
	return b, err
}

// openLock opens a lock file, made if there is none, and not what a link leads to.
// What is done with the lock goes through this handle, never through the name again.
func (d dir) openLock(name string) (*os.File, error) {
	path := filepath.Join(d.Path, name)
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(wide, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil,
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

func notRegular(path string) error {
	return &UnsafeError{Path: path, Why: "is not a regular file", Fix: perm.Command("del", path)}
}

// openToWrite opens a file that is there, to be overwritten.
func (d dir) openToWrite(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.Path, name), os.O_WRONLY, 0)
}
