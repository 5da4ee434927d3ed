//go:build unix

package userfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// open does not hang on a FIFO that nobody writes into.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// OpenLog opens a log file to append to, made 0600 if there is none. It is a file
// of our own: a link, a second name, another owner or a loose mode is refused, or
// a log could be made to grow in a file of somebody's choice.
func OpenLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) {
		return nil, &UnsafeError{Path: path, Why: "is a symbolic link", Fix: perm.Command("rm", path)}
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() {
		sys, ok := st.Sys().(*syscall.Stat_t)
		switch {
		case st.Mode().Perm()&0o077 != 0:
			err = &UnsafeError{Path: path, Why: fmt.Sprintf("is accessible to others (mode %04o)", st.Mode().Perm()),
				Fix: perm.Command("chmod 600", path)}
		case ok && int(sys.Uid) != os.Geteuid():
			err = &UnsafeError{Path: path, Why: fmt.Sprintf("belongs to user %d", sys.Uid)}
		case ok && sys.Nlink > 1:
			err = &UnsafeError{Path: path, Why: "has a second name (a hard link)", Fix: perm.Command("rm", path)}
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func checkNotWritable(f *os.File, st os.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() { // /dev/null stands for no file
		return nil
	}
	mode := st.Mode().Perm()
	// Under umask 002 a file is writable to its owner's private group, which has
	// the owner's number; that is nobody else.
	privateGroup := sys.Gid == sys.Uid
	if mode&0o002 != 0 || mode&0o020 != 0 && !privateGroup {
		return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("can be written to by others (mode %04o)", mode),
			Fix: perm.Command("chmod go-w", f.Name())}
	}
	if int(sys.Uid) != os.Geteuid() && sys.Uid != 0 {
		return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("belongs to user %d, who is neither you nor root", sys.Uid)}
	}
	return nil
}

func checkSystemFile(f *os.File, st os.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return checkSystem(f.Name(), sys.Uid, sys.Gid, uint32(st.Mode().Perm()))
}

func checkSystemDir(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	mode := uint32(st.Mode)
	if mode&unix.S_ISVTX != 0 {
		mode &^= 0o022 // others can add to it (as to Nix's store), not replace
	}
	return checkSystem(path, st.Uid, st.Gid, mode)
}

// checkSystem refuses what is not root's, and what others than root can write to.
func checkSystem(path string, uid, gid, mode uint32) error {
	const who = "ask whoever administers this machine: it must be root's, and only root may write to it"
	switch {
	case uid != 0:
		return &UnsafeError{Path: path,
			Why: fmt.Sprintf("speaks for the whole machine and belongs to user %d, not to root", uid), Hint: who}
	case mode&0o002 != 0, mode&0o020 != 0 && gid != 0:
		return &UnsafeError{Path: path,
			Why: fmt.Sprintf("speaks for the whole machine and can be written to by others (mode %04o)", mode&0o777), Hint: who}
	}
	return nil
}

func checkNotReadable(f *os.File, st os.FileInfo) error {
	const readOnly = 1 // ST_RDONLY of Linux and MNT_RDONLY of macOS and the BSDs
	if st.Mode().Perm()&0o077 == 0 || !st.Mode().IsRegular() {
		return nil
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Flags&readOnly != 0 {
		return nil
	}
	return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("is accessible to others (mode %04o)", st.Mode().Perm()),
		Fix: perm.Command("chmod 600", f.Name())}
}

// canWrite reports whether this user can make files in a directory.
func canWrite(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }
