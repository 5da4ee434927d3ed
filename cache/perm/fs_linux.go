package perm

import "golang.org/x/sys/unix"

// keepsNoModes recognizes file systems that show one mode for every file, so
// that chmod fixes nothing: FAT, exFAT and NTFS, what WSL mounts Windows' drives
// with (9p, drvfs), and SMB.
func keepsNoModes(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) { //nolint:gosec // magic numbers have 32 bits
	case unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.SMB_SUPER_MAGIC,
		0x5346544e, // NTFS
		0x7366746e, // NTFS3
		0x53464846: // WSL 1's drvfs
		return true
	}
	return false
}
