package userfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// SystemPath returns where a file of the system's is: its directory and name of the
// path on Unix, in the known folder ProgramData. The variable of that name is the
// caller's to set, and does not count.
func SystemPath(unixPath string) (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		return "", &os.PathError{Op: "find", Path: "ProgramData", Err: err}
	}
	return filepath.Join(dir, filepath.Base(filepath.Dir(unixPath)), filepath.Base(unixPath)), nil
}

// ReadStrictly reads a regular file of the system's of at most most bytes. It and its
// directory must be the administrators', and writable by nobody else; it is not a
// link, and one that changes while it is read is refused. The error is
// [os.ErrNotExist] only if there is no such file, or no such directory.
func ReadStrictly(path string, most int64) ([]byte, error) {
	for _, p := range []string{filepath.Dir(path), path} {
		st, err := os.Lstat(p)
		if err != nil {
			return nil, err
		}
		if p == path && !st.Mode().IsRegular() || p != path && !st.IsDir() {
			return nil, &UnsafeError{Path: p, Why: "is a link, or not a regular file in a directory",
				Hint: "ask whoever administers this machine"}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkSystemFile(f, before); err != nil {
		return nil, err
	}
	if err := checkSystemDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return readUnchanged(f, before, most)
}
