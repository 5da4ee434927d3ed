//go:build unix

package answers

import (
	"os"
	"syscall"
)

// IDOf returns the ID of an open file; ok is false if it is not a regular one.
func IDOf(f *os.File) (ID, bool) {
	var st syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &st) != nil {
		return ID{}, false
	}
	return idOf(&st), st.Mode&syscall.S_IFMT == syscall.S_IFREG
}

// Self returns the ID of the program that runs.
func Self() (ID, bool) {
	var st syscall.Stat_t
	path := self()
	if path == "" || syscall.Stat(path, &st) != nil {
		return ID{}, false
	}
	return idOf(&st), true
}

// same reports whether a file is as it was.
func (f File) same() bool {
	if f.Path == "" {
		id, ok := Self()
		return ok && id == f.ID
	}
	var st syscall.Stat_t
	if f.ID == (ID{}) { // a link that leads nowhere is there
		return syscall.Lstat(f.Path, &st) == syscall.ENOENT
	}
	return syscall.Stat(f.Path, &st) == nil && idOf(&st) == f.ID
}

// directory is an open directory that is this user's alone.
type directory struct {
	handle
	path string
}

// handle is an open file or directory.
type handle int

func (f handle) close() { _ = syscall.Close(int(f)) }

// read reads from an offset; ok is false where there is nothing more.
func (f handle) read(b []byte, at int64) (n int, ok bool) {
	n, err := syscall.Pread(int(f), b, at)
	return max(n, 0), err == nil && n > 0 || err == syscall.EINTR
}

func openRoot(path string) (directory, bool) { return openDir(atCWD, "", path) }

func (d directory) sub(name string) (directory, bool) { return openDir(int(d.handle), d.path, name) }

func openDir(at int, parent, name string) (d directory, ok bool) {
	d.path = name
	if parent != "" {
		d.path = parent + "/" + name
	}
	fd, err := openat(at, name, d.path, syscall.O_DIRECTORY)
	if err != nil {
		return d, false
	}
	d.handle = handle(fd)
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) == nil && ours(&st) {
		return d, true
	}
	d.close()
	return d, false
}

// file opens a file that is this user's alone and has one name.
func (d directory) file(name string) (f handle, id ID, ok bool) {
	fd, err := openat(int(d.handle), name, d.path+"/"+name, syscall.O_NONBLOCK)
	if err != nil {
		return f, id, false
	}
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) == nil && ours(&st) && st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Nlink == 1 {
		return handle(fd), idOf(&st), true
	}
	_ = syscall.Close(fd)
	return f, id, false
}

func ours(st *syscall.Stat_t) bool { return int(st.Uid) == os.Geteuid() && st.Mode&0o077 == 0 }

// The variables that the usual cache directory comes of.
const homeVariable, cacheVariable = "HOME", "XDG_CACHE_HOME"

func absolute(path string) bool { return path != "" && path[0] == '/' }

// fold is a variable's name as the system compares it.
func fold(name string) string { return name }
