package cache

import (
	"os"

	"golang.org/x/sys/unix"
)

// keepsNoModes recognizes file systems that show one mode for every file, so
// that chmod mends nothing: FAT, exFAT and NTFS, what WSL mounts Windows' drives
// with (9p, drvfs), and SMB.
func keepsNoModes(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) { //nolint:gosec // magic numbers have 32 bits
	case unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC,
		0x5346544e, // NTFS
		0x7366746e, // NTFS3
		0x53464846: // WSL 1's drvfs
		return true
	}
	return false
}

// abstractOwner returns the user that listens on an abstract socket, by asking the
// kernel (SO_PEERCRED). Such a socket is no file, so nothing else tells.
func abstractOwner(name string) (uid int, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		return 0, os.NewSyscallError("connect", err)
	}
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt", err)
	}
	return int(peer.Uid), nil
}
