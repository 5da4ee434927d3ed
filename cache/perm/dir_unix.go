//go:build unix

package perm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/disk"
)

// Dir is an open directory that only this user can open. Everything below it is
// reached from its descriptor with openat and O_NOFOLLOW: neither the last component
// nor one on the way can be a link. (os.Root of go1.26 follows relative links
// inside its root even then.)
type Dir struct{ disk.Dir }

// OpenRoot opens a directory by its absolute path. It must be this user's alone; the
// directories above it must be the user's or root's. With create it is made, 0700,
// with the parents that are missing. What is unsafe is an [*UnsafeError].
func OpenRoot(path string, create bool) (Dir, error) {
	parent := filepath.Dir(path)
	if err := checkHome(parent); err != nil {
		return Dir{}, err
	}
	anyOwner := os.Geteuid() == 0 && InContainer() // see checkHome
	err := CheckDir(parent, anyOwner, create)
	switch found, ok := errors.AsType[*UnsafeError](err); {
	case ok:
		found.Hint = elsewhere(found.Path)
		return Dir{}, found
	case errors.Is(err, unix.EACCES) && !create:
		// a home that is not this user's: none of our files is in it
		return Dir{}, &os.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	case err != nil:
		return Dir{}, err
	}
	if create {
		if err := unix.Mkdir(path, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return Dir{}, &os.PathError{Op: "mkdir", Path: path, Err: err}
		}
	}
	return openDirAt(unix.AT_FDCWD, path, path)
}

// elsewhere is the advice where a parent of the cache directory is not fit.
func elsewhere(parent string) string {
	say := "use another directory (in a container: /dev/shm/sso-exec)"
	var st unix.Stat_t
	if unix.Stat(parent, &st) == nil && st.Uid == 0 && os.Geteuid() != 0 { // a pod's emptyDir
		say = "have an administrator set the sticky bit of " + parent + ", or " + say
	}
	return say
}

// checkHome refuses to work as root below a directory of somebody else: with
// sudo and the user's HOME, files of root's would be left there that lock the
// user out. In a container the owner of a mounted home means little; there
// HomeNote says it.
func checkHome(path string) error {
	if owner, at := foreignOwner(path); at != "" && !InContainer() {
		return &UnsafeError{Path: at, Why: fmt.Sprintf("belongs to user %d, and this runs as root", owner),
			Hint: "run it without sudo, or with sudo -H, or with a directory of root's own"}
	}
	return nil
}

// HomeNote is a warning for the first time that something is written below a
// directory of somebody else.
func HomeNote(path string) string {
	if _, err := os.Lstat(path); err == nil {
		return ""
	}
	owner, at := foreignOwner(filepath.Dir(path))
	if at == "" {
		return ""
	}
	return fmt.Sprintf("%s belongs to user %d, but sso-exec runs as root: root will own what it stores there", at, owner)
}

// foreignOwner tells, to root, the nearest existing directory at or above path
// and its owner, if that is not root.
func foreignOwner(path string) (uid uint32, at string) {
	if os.Geteuid() != 0 {
		return 0, ""
	}
	var st unix.Stat_t
	for unix.Stat(path, &st) != nil {
		if path == filepath.Dir(path) {
			return 0, ""
		}
		path = filepath.Dir(path)
	}
	if st.Uid == 0 {
		return 0, ""
	}
	return st.Uid, path
}

// InContainer reports whether this process runs in a container, as far as that shows.
func InContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

func openDirAt(at int, name, path string) (Dir, error) {
	fd, err := disk.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		answers.Saw(path, nil, err)
		return Dir{}, whyNot(err, at, name, path, unix.S_IFDIR)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return Dir{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := checkOurs(fd, &st, path, "chmod 700"); err != nil {
		_ = unix.Close(fd)
		return Dir{}, err
	}
	return Dir{disk.Dir{FD: fd, Path: path}}, nil
}

// whyNot is the error of what could not be opened: that it is unsafe, if it is a
// link, of another kind, or somebody else's. Systems have several errors for that.
func whyNot(err error, at int, name, path string, kind uint32) error {
	var st unix.Stat_t
	if !errors.Is(err, unix.ENOENT) && unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		switch is := uint32(st.Mode) & unix.S_IFMT; {
		case is == unix.S_IFLNK:
			return &UnsafeError{Path: path, Why: "is a symbolic link", Fix: Command("rm", path)}
		case is != kind && kind == unix.S_IFREG:
			return notRegular(path)
		case is == kind && int(st.Uid) != os.Geteuid():
			return notOurs(&st, path)
		}
	}
	return &os.PathError{Op: "open", Path: path, Err: err}
}

func notRegular(path string) error {
	return &UnsafeError{Path: path, Why: "is not a regular file", Fix: Command("rm -r", path)}
}

func notOurs(st *unix.Stat_t, path string) error {
	e := &UnsafeError{Path: path, Why: fmt.Sprintf("belongs to user %d, not to you (%d)", st.Uid, os.Geteuid()),
		Hint: "use another directory, your own"}
	if os.Geteuid() == 0 { // to take it from its owner would lock them out
		e.Hint = "run it as that user, or with a directory of root's own"
	}
	return e
}

// checkOurs refuses what somebody else owns or could open.
func checkOurs(fd int, st *unix.Stat_t, path, chmod string) error {
	switch {
	case int(st.Uid) != os.Geteuid():
		return notOurs(st, path)
	case st.Mode&0o077 != 0 && keepsNoModes(fd):
		return &UnsafeError{Path: path, Why: "is on a file system that keeps no permissions, so others may read it",
			Hint: "use a directory on another file system"}
	case st.Mode&0o077 != 0:
		return &UnsafeError{Path: path, Why: fmt.Sprintf("is accessible to others (mode %04o)", st.Mode&0o7777),
			Fix: Command(chmod, path)}
	}
	return nil
}

// Sub opens a directory below d, made first if create is set.
func (d Dir) Sub(name string, create bool) (Dir, error) {
	path := filepath.Join(d.Path, name)
	if create {
		if err := unix.Mkdirat(d.FD, name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return Dir{}, &os.PathError{Op: "mkdir", Path: path, Err: err}
		}
	}
	return openDirAt(d.FD, name, path)
}

// Read returns one of our files, whole: regular, owned by us, 0600 or tighter,
// with one link, at most max bytes. The checks are made on the open file,
// not on its name.
func (d Dir) Read(name string, max int64) ([]byte, error) {
	f, size, err := d.open(name, unix.O_RDONLY)
	answers.Saw(filepath.Join(d.Path, name), f, err)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", f.Name(), ErrTooLarge, max)
	}
	b := make([]byte, size)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// checkFile refuses an open file that is not ours alone.
func checkFile(fd int, path string) (st unix.Stat_t, err error) {
	if err := unix.Fstat(fd, &st); err != nil {
		return st, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return st, notRegular(path)
	}
	if st.Nlink > 1 {
		return st, &UnsafeError{Path: path, Why: "has a second name (a hard link)", Fix: Command("rm", path)}
	}
	return st, checkOurs(fd, &st, path, "chmod 600")
}

// OpenRead opens one of our files to read it.
func (d Dir) OpenRead(name string) (*os.File, error) {
	f, _, err := d.open(name, unix.O_RDONLY)
	return f, err
}

// OpenLock opens a lock file, made if there is none. What is done with the lock
// goes through this descriptor, never through the name again.
func (d Dir) OpenLock(name string) (*os.File, error) {
	f, _, err := d.open(name, unix.O_RDWR|unix.O_CREAT)
	return f, err
}

// OpenToWrite opens a file that is there, and ours, to be overwritten.
func (d Dir) OpenToWrite(name string) (*os.File, error) {
	f, _, err := d.open(name, unix.O_WRONLY)
	return f, err
}

// OpenAppend opens a file to add to its end, made if there is none, and to read it.
func (d Dir) OpenAppend(name string) (*os.File, error) {
	f, _, err := d.open(name, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT)
	return f, err
}

// open opens one of our files, and tells its size. O_NONBLOCK: a FIFO that somebody
// left here must not hang.
func (d Dir) open(name string, flags int) (*os.File, int64, error) {
	path := filepath.Join(d.Path, name)
	fd, err := disk.Openat(d.FD, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, 0, whyNot(err, d.FD, name, path, unix.S_IFREG)
	}
	f := os.NewFile(uintptr(fd), path)
	st, err := checkFile(fd, path)
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size, nil
}
