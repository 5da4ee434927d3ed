//go:build unix

package awsconfig

import (
	"fmt"
	"os"
	"syscall"
)

// onlyName refuses a file with hard links: another name would keep the old text.
func onlyName(path string, st os.FileInfo) error {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Nlink > 1 {
		return fmt.Errorf("%s has hard links, which would keep the old text; edit it by hand", path)
	}
	return nil
}

// keepOwner gives the new file to whom the old one belongs. Only root can give
// files away; a group can be one of one's own.
func keepOwner(f *os.File, st os.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	a, aok := st.Sys().(*syscall.Stat_t)
	b, bok := now.Sys().(*syscall.Stat_t)
	if !aok || !bok || a.Uid == b.Uid && a.Gid == b.Gid {
		return nil
	}
	if err := f.Chown(int(a.Uid), int(a.Gid)); err != nil {
		return fmt.Errorf("it belongs to user %d and group %d: %w", a.Uid, a.Gid, err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
