//go:build unix

package userfile

import (
	"errors"
	"os"
	"syscall"
)

// giveOwner gives a new file the owner and the group of another, and tells whether
// it has them then.
func giveOwner(f *os.File, like os.FileInfo) (owner, group bool) {
	want, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return false, false
	}
	// The group by itself: who is not root may give it to a group of their own.
	_ = f.Chown(-1, int(want.Gid))
	_ = f.Chown(int(want.Uid), -1)
	st, err := f.Stat()
	if err != nil {
		return false, false
	}
	got, ok := st.Sys().(*syscall.Stat_t)
	return ok && got.Uid == want.Uid, ok && got.Gid == want.Gid
}

// isMount tells that a rename failed since something is mounted on the file, as
// container engines mount a single one.
func isMount(err error) bool { return errors.Is(err, syscall.EBUSY) }
