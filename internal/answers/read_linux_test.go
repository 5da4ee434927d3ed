package answers

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTells(t *testing.T) {
	for _, kind := range []uint32{
		unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC,
		unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC, unix.AFS_SUPER_MAGIC,
		unix.AFS_FS_MAGIC} {
		if tells(kind) {
			t.Errorf("%#x: a change may not show", kind)
		}
	}
	for _, kind := range []uint32{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC} {
		if !tells(kind) {
			t.Errorf("%#x: each change shows", kind)
		}
	}
	if Tells(filepath.Join(t.TempDir(), "none")) {
		t.Error("a file that is not there tells of changes")
	}
}
