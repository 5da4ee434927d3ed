package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
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
		return dir{}, &UnsafeError{path, "is not a directory of ours (a link or a file)", "del " + path}
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
		return nil, &UnsafeError{path, "is not a regular file", "del " + path}
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

// ensure refuses a lock file that is not a file.
func (d dir) ensure(name string) error {
	path := filepath.Join(d.path, name)
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !st.Mode().IsRegular():
		return &UnsafeError{path, "is not a regular file", "del " + path}
	}
	return err
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
