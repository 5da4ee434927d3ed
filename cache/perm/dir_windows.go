package perm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/disk"
)

// Dir is a directory that only this user can open. File modes mean nothing on
// Windows: the root directory has an access list of its own, which all below it inherits.
type Dir struct{ disk.Dir }

// OpenRoot opens a directory by its absolute path. It must be this user's alone.
// With create it is made, with the parents that are missing. What is unsafe is an
// [*UnsafeError].
func OpenRoot(path string, create bool) (Dir, error) {
	if create {
		if err := makePrivate(path); err != nil {
			return Dir{}, err
		}
	}
	d, err := openDir(path)
	if err == nil {
		err = checkPrivate(path)
	}
	return d, err
}

// HomeNote has nothing to say.
func HomeNote(string) string { return "" }

func openDir(path string) (Dir, error) {
	st, err := os.Lstat(path)
	if err != nil {
		answers.Saw(path, nil, err)
		return Dir{}, err
	}
	if st.Mode().IsRegular() {
		return Dir{}, &os.PathError{Op: "open", Path: path, Err: windows.ERROR_DIRECTORY}
	}
	if !st.IsDir() {
		return Dir{}, &UnsafeError{Path: path, Why: "is not our directory (a link)",
			Fix: removal(path)}
	}
	return Dir{disk.Open(path)}, nil
}

// Sub opens a directory below d, made first if create is set.
func (d Dir) Sub(name string, create bool) (Dir, error) {
	path := filepath.Join(d.Path, name)
	if create {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return Dir{}, err
		}
	}
	return openDir(path)
}

// Read returns one of our files, whole, at most max bytes.
func (d Dir) Read(name string, max int64) ([]byte, error) {
	var f *os.File
	err := disk.RetrySharing(func() (err error) {
		f, err = d.OpenRead(name)
		return err
	})
	answers.Saw(filepath.Join(d.Path, name), f, err)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if int64(len(b)) > max {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", f.Name(), ErrTooLarge, max)
	}
	return b, err
}

// OpenRead opens one of our files to read it.
func (d Dir) OpenRead(name string) (*os.File, error) {
	return d.open(name, windows.GENERIC_READ, windows.OPEN_EXISTING, windows.FILE_SHARE_DELETE)
}

// OpenLock opens a lock file, made if there is none, and not what a link leads to.
// What is done with the lock goes through this handle, never through the name again.
func (d Dir) OpenLock(name string) (*os.File, error) {
	return d.open(name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_ALWAYS, 0)
}

// OpenAppend opens a file to add to its end, made if there is none, and to read it.
func (d Dir) OpenAppend(name string) (*os.File, error) {
	return d.open(name, windows.GENERIC_READ|windows.FILE_APPEND_DATA, windows.OPEN_ALWAYS, windows.FILE_SHARE_DELETE)
}

// open opens one of our files. With share FILE_SHARE_DELETE others may rename it meanwhile.
func (d Dir) open(name string, access, how, share uint32) (*os.File, error) {
	path := filepath.Join(d.Path, name)
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(wide, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|share, nil, how,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
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
		err = &UnsafeError{Path: path, Why: "has a second name (a hard link)", Fix: Command("del", path)}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func notRegular(path string) error {
	return &UnsafeError{Path: path, Why: "is not a regular file", Fix: removal(path)}
}

// removal is the command that removes what is in the place of one of our files. Of a
// directory, and of a link to one, cmd's del takes what is in it; rmdir takes the link,
// and a directory only if it is empty.
func removal(path string) string {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return ""
	}
	is, err := windows.GetFileAttributes(name)
	if err == nil && is&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		return Command("rmdir", path)
	}
	return Command("del", path)
}

// OpenToWrite opens a file that is there, to be overwritten.
func (d Dir) OpenToWrite(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.Path, name), os.O_WRONLY, 0)
}
