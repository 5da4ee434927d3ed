//go:build unix

package userfile

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// open does not hang on a FIFO that nobody writes into.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
		return &UnsafeError{f.Name(), fmt.Sprintf("can be written to by others (mode %04o)", mode), "chmod go-w " + f.Name()}
	}
	if int(sys.Uid) != os.Geteuid() && sys.Uid != 0 {
		return &UnsafeError{f.Name(), fmt.Sprintf("belongs to user %d, who is neither you nor root", sys.Uid), "sudo chown " + fmt.Sprint(os.Geteuid()) + " " + f.Name()}
	}
	return nil
}

// readOnly is ST_RDONLY of Linux and MNT_RDONLY of macOS and the BSDs.
const readOnly = 1

func checkNotReadable(f *os.File, st os.FileInfo) error {
	if st.Mode().Perm()&0o077 == 0 || !st.Mode().IsRegular() {
		return nil
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Flags&readOnly != 0 {
		return nil
	}
	return &UnsafeError{f.Name(), fmt.Sprintf("is accessible to others (mode %04o)", st.Mode().Perm()), "chmod 600 " + f.Name()}
}
