package awsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// ConfigPath is the file that the AWS CLI and the SDKs read: AWS_CONFIG_FILE,
// else config in ~/.aws. getenv is as os.Getenv.
func ConfigPath(getenv func(string) string, home string) string {
	return pathOf(getenv("AWS_CONFIG_FILE"), "config", home)
}

// CredentialsPath is that of the credentials: AWS_SHARED_CREDENTIALS_FILE, else
// credentials in ~/.aws.
func CredentialsPath(getenv func(string) string, home string) string {
	return pathOf(getenv("AWS_SHARED_CREDENTIALS_FILE"), "credentials", home)
}

func pathOf(named, name, home string) string {
	if named == "" {
		return filepath.Join(home, ".aws", name)
	}
	if rest, ok := strings.CutPrefix(named, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		return filepath.Join(home, rest) // as botocore does
	}
	return named
}

// ErrChanged says that somebody else wrote the file since it was read.
var ErrChanged = errors.New("it was changed meanwhile; try again")

// File is a config file as it was read.
type File struct {
	Path   string // as it was named
	Text   string // empty if there is no file
	Exists bool

	target string // Path with links followed
	stat   os.FileInfo
}

// Open reads a file of at most a mebibyte, through links. A file that does not
// exist is an empty one; a link to nothing is an error.
func Open(path string) (*File, error) {
	f := &File{Path: path, target: path}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return f, nil
	} else if err != nil {
		return nil, err
	}
	var err error
	if f.target, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("%s is a link that leads to no file: %w", path, err)
	}
	if f.stat, err = os.Stat(f.target); err != nil {
		return nil, err
	}
	if !f.stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := userfile.Read(f.target)
	if err != nil {
		return nil, err
	}
	f.Text, f.Exists = string(b), true
	return f, nil
}

// Write replaces the file as a whole, so that a reader sees the old text or the
// new one, whatever happens meanwhile. Links stay links; mode and owner stay as
// they are; a new file has 0600 and a new directory 0700. It errs, and leaves
// everything as it was, if the file must not be written, belongs to somebody
// else, has a second name that would keep the old text, or was changed since
// it was read ([ErrChanged]).
func (f *File) Write(text string) error {
	mode := os.FileMode(0o600)
	if f.Exists {
		mode = f.stat.Mode().Perm()
		if mode&0o222 == 0 {
			return fmt.Errorf("%s is read-only", f.Path)
		}
		w, err := os.OpenFile(f.target, os.O_WRONLY, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w", f.Path, ErrChanged)
		case err != nil:
			return fmt.Errorf("%s cannot be written: %w", f.Path, err)
		}
		_ = w.Close()
		if err := onlyName(f.Path, f.stat); err != nil {
			return err
		}
	} else if err := os.MkdirAll(filepath.Dir(f.target), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.target), ".sso-exec-*")
	if err != nil {
		return fmt.Errorf("%s cannot be replaced: %w", f.Path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone if all went well
	_, err = tmp.WriteString(text)
	if err == nil && f.Exists {
		err = keepOwner(tmp, f.stat)
	}
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("%s cannot be replaced: %w", f.Path, err)
	}
	now, err := Open(f.Path)
	if err != nil {
		return err
	}
	if now.Text != f.Text || now.Exists != f.Exists || now.target != f.target {
		return fmt.Errorf("%s: %w", f.Path, ErrChanged)
	}
	if err := os.Rename(tmp.Name(), f.target); err != nil {
		return fmt.Errorf("%s cannot be replaced: %w", f.Path, err)
	}
	return syncDir(filepath.Dir(f.target))
}
