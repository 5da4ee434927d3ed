// Package userfile reads and writes the files that are the user's and not ours:
// a config file, a client secret, a CA, a kubeconfig. Links are followed
// (Kubernetes mounts secrets as links) and other owners are fine; what somebody
// else could change or read, where that matters, is refused.
package userfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf16"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// maxFile bounds what is read into memory.
const maxFile = 1 << 20

// pipeTimeout bounds the wait for whoever writes into a pipe (a shell's process
// substitution).
const pipeTimeout = 10 * time.Second

// UnsafeError says that a file is open to somebody else. Fix is the command
// that fixes it, or empty where a command could do harm: then Hint says what else
// helps, if that is not just another file.
type UnsafeError struct{ Path, Why, Fix, Hint string }

func (e *UnsafeError) Error() string { return e.Path + " " + e.Why }

// Is tells the kind of the failure.
func (e *UnsafeError) Is(kind error) bool { return kind == fault.Storage }

// A check looks at a file that is open, before it is read.
type check func(*os.File, os.FileInfo) error

// ReadConfig reads a file whose content we obey: refused if others can write to
// it, or can put another in its place, or in that of a directory above it.
func ReadConfig(path string) ([]byte, error) {
	return read(path, func(f *os.File, st os.FileInfo) error {
		if err := checkNotWritable(f, st); err != nil {
			return err
		}
		if found, ok := errors.AsType[*perm.UnsafeError](perm.Check(path)); ok {
			return &UnsafeError{Path: found.Path, Why: found.Why, Fix: found.Fix}
		}
		return nil // whatever else: of /dev/fd/3 the end has no name, and nobody can put another in its place
	})
}

// ReadSystem reads a file that speaks for the whole machine: refused unless it,
// and the directory that it is in, are the system's own (root's; on Windows the
// administrators'), and only the system can write to them.
func ReadSystem(path string) ([]byte, error) {
	return read(path, func(f *os.File, st os.FileInfo) error {
		if err := checkSystemFile(f, st); err != nil {
			return err
		}
		return checkSystemPlace(path)
	})
}

// ReadSecret reads a secret: refused if others can read it, unless its file
// system is mounted read-only, as Kubernetes and container engines mount
// secrets, and nobody could tighten it.
func ReadSecret(path string) ([]byte, error) { return read(path, checkNotReadable) }

// Read reads a file that is neither.
func Read(path string) ([]byte, error) {
	return read(path, func(*os.File, os.FileInfo) error { return nil })
}

// ReadRegular reads a file that is to be edited, which a pipe cannot be. The null
// device is empty.
func ReadRegular(path string) ([]byte, error) {
	return read(path, func(_ *os.File, st os.FileInfo) error {
		if !IsRegular(st) && path != os.DevNull {
			return fmt.Errorf("%s is not a regular file", path)
		}
		return nil
	})
}

// ReadOwn reads a regular file of this user's that nobody else can write to; a link is
// not followed. Others may replace it meanwhile.
func ReadOwn(path string) (b []byte, err error) {
	for range 20 {
		if b, err = readOwn(path); !errors.Is(err, errReplaced) {
			break
		}
	}
	return b, err
}

var errReplaced = errors.New("the file is replaced again and again")

func readOwn(path string) ([]byte, error) {
	was, err := os.Lstat(path)
	if err != nil {
		answers.Saw(path, nil, err)
		return nil, err
	}
	if !was.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return read(path, func(f *os.File, st os.FileInfo) error {
		if !os.SameFile(was, st) {
			return fmt.Errorf("%s: %w", path, errReplaced)
		}
		return checkOwn(f, st)
	})
}

func read(path string, check check) ([]byte, error) {
	f, err := open(path)
	answers.Saw(path, f, err)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(pipeTimeout)) // of a pipe; files have none
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	if err := check(f, st); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, err
}

// checkSystemPlace looks at the directory that a path names and, where the path is
// a link, at the one where it ends.
func checkSystemPlace(path string) error {
	if err := checkSystemDir(filepath.Dir(path)); err != nil {
		return err
	}
	st, err := os.Lstat(path)
	if err != nil || st.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	if end, err := filepath.EvalSymlinks(path); err == nil {
		return checkSystemDir(filepath.Dir(end))
	}
	return nil
}

// readUnchanged reads a file of which this was known before.
func readUnchanged(f *os.File, before os.FileInfo, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name(), most)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, fmt.Errorf("%s changed while it was read", f.Name())
	}
	return b, nil
}

var (
	mark   = []byte("\xef\xbb\xbf") // UTF-8's byte order mark
	little = []byte("\xff\xfe")     // those of UTF-16
	big    = []byte("\xfe\xff")
)

// Text returns a text file's content as an editor shows it: UTF-8 without byte
// order marks. Windows' Notepad writes one; `cat a.pem b.pem` leaves one in the
// middle; the > of Windows PowerShell writes UTF-16.
func Text(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, little):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, big):
		order = binary.BigEndian
	default:
		return bytes.ReplaceAll(b, mark, nil)
	}
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return bytes.ReplaceAll([]byte(string(utf16.Decode(units))), mark, nil)
}
