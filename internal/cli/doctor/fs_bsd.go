//go:build unix && !linux

package doctor

import "golang.org/x/sys/unix"

// networkFS names the network file system that a directory is on; empty: it is on none.
// The kernel marks those of this machine (statfs(2), MNT_LOCAL of <sys/mount.h>).
func networkFS(dir string) string {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || fs.Flags&unix.MNT_LOCAL != 0 {
		return ""
	}
	return unix.ByteSliceToString(fs.Fstypename[:])
}
