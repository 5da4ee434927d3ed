// Package userfile reads the files that a user gives us: a config file, a
// client secret, a CA. They are not ours, so links are followed (Kubernetes
// mounts secrets as links) and other owners are fine; what somebody else could
// change or read, where that matters, is refused.
package userfile

import (
	"fmt"
	"io"
	"os"
	"time"
)

// maxFile bounds what is read into memory.
const maxFile = 1 << 20

// pipeTimeout bounds the wait for whoever writes into a pipe (a shell's process
// substitution).
const pipeTimeout = 10 * time.Second

// UnsafeError says that a file is open to somebody else. Fix is the command
// that mends it.
type UnsafeError struct{ Path, Why, Fix string }

func (e *UnsafeError) Error() string { return e.Path + " " + e.Why }

// ReadConfig reads a file whose content we obey: refused if others can write to
// it.
func ReadConfig(path string) ([]byte, error) { return read(path, checkNotWritable) }

// ReadSecret reads a secret: refused if others can read it, unless its file
// system is mounted read-only, as Kubernetes and container engines mount
// secrets, and nobody could tighten it.
func ReadSecret(path string) ([]byte, error) { return read(path, checkNotReadable) }

// Read reads a file that is neither.
func Read(path string) ([]byte, error) {
	return read(path, func(*os.File, os.FileInfo) error { return nil })
}

func read(path string, check func(*os.File, os.FileInfo) error) ([]byte, error) {
	f, err := open(path)
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
