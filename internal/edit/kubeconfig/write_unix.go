//go:build unix

package kubeconfig

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/sso-exec/sso-exec/internal/disk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// home is client-go's homedir.HomeDir; where HOME is not set, kubectl would look
// into the working directory.
func home() string {
	home, _ := userfile.Home()
	return home
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// tryLock takes the system's lock on a file, if nobody has it.
func tryLock(f *os.File) bool {
	ok, _ := disk.TryLock(f)
	return ok
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
