//go:build unix

package kubeconfig

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// tryLock takes the system's lock on a file, if nobody has it.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// remove removes a lock file that is ours: while it is locked, so that nobody
// takes it over.
func remove(name string, f *os.File) error {
	err := os.Remove(name)
	_ = f.Close()
	return err
}

// links returns how many names a file has.
func links(st fs.FileInfo) uint64 {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(sys.Nlink) // narrower on other systems
	}
	return 1
}

func keepOwner(f *os.File, old fs.FileInfo) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	is, ok1 := st.Sys().(*syscall.Stat_t)
	was, ok2 := old.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
