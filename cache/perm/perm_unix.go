//go:build unix

package perm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Check judges every directory that leads to a file, those of the links on the
// way too. The file itself is the caller's to look at. An error that is no
// [*UnsafeError] is the system's.
func Check(file string) error { return walk(file, false, false) }

// CheckDir judges a directory and all above it. What is missing is made, 0700, if
// make is set; nothing is made below a directory that is refused. With anyOwner
// it does not matter whose the directories are, only who can write to them.
func CheckDir(path string, anyOwner, make bool) error { return walk(path, anyOwner, make) }

// maxLinks is where Linux gives up too.
const maxLinks = 40

// walk goes from the root down. Where a directory and all above it are safe,
// nobody else can change what the next name leads to, so that it is safe to look
// at each by its path.
func walk(path string, anyOwner, create bool) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, rest, links := "/", strings.Split(abs, "/"), 0
	var st unix.Stat_t
	if err := lstat(at, &st); err != nil {
		return err
	}
	found := judge(at, &st, anyOwner)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		sticky := st.Mode&unix.S_ISVTX != 0
		next := filepath.Join(at, name) // at has no links in it: Join may take .. away
		switch err := look(next, &st, create && found == nil); {
		case errors.Is(err, unix.EACCES):
			return err // who may not even look there cannot be led astray
		case err != nil && found != nil:
			return found
		case err != nil:
			return err
		}
		switch kind := st.Mode & unix.S_IFMT; {
		case kind == unix.S_IFLNK:
			if sticky && found == nil && !isOurs(st.Uid) {
				why := fmt.Sprintf("is a link of user %d, who is neither you nor root", st.Uid)
				found = &UnsafeError{Path: next, Why: why}
			}
			to, err := os.Readlink(next)
			if links++; err == nil && links > maxLinks {
				err = &os.PathError{Op: "open", Path: path, Err: unix.ELOOP}
			}
			if err != nil {
				return err
			}
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...)
			if err := lstat(at, &st); err != nil {
				return err
			}
			continue
		case kind == unix.S_IFDIR && found == nil:
			found = judge(next, &st, anyOwner || len(rest) > 0 && isUnmapped(st.Uid))
		case kind != unix.S_IFDIR && (len(rest) > 0 || create):
			return &os.PathError{Op: "open", Path: next, Err: unix.ENOTDIR}
		}
		at = next
	}
	if found != nil {
		return found
	}
	return nil
}

// look is lstat, after a directory that is missing was made if create is set. In a
// sticky directory somebody else may be faster: whose it is, is judged afterwards.
func look(path string, st *unix.Stat_t, create bool) error {
	err := lstat(path, st)
	if !create || !errors.Is(err, unix.ENOENT) {
		return err
	}
	if err := unix.Mkdir(path, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return lstat(path, st)
}

// judge refuses a directory in which somebody else can rename entries. The sticky
// bit forbids that to all but its owner.
func judge(path string, st *unix.Stat_t, anyOwner bool) *UnsafeError {
	mode := st.Mode & 0o7777
	// A user's private group, which has the user's number, is nobody else (umask
	// 002, Kubernetes' fsGroup), and the group root is root's.
	group := mode&0o020 != 0 && st.Gid != 0 && st.Gid != st.Uid && int(st.Gid) != os.Geteuid()
	switch {
	case (mode&0o002 != 0 || group) && mode&unix.S_ISVTX == 0:
		// Kubernetes mounts a ConfigMap as a directory of mode 0777, read-only.
		if isReadOnly(path) {
			return nil
		}
		who := "others"
		if mode&0o002 != 0 {
			who = "everybody"
		}
		why := fmt.Sprintf("can be written to by %s (mode %04o), who could replace what is in it", who, mode)
		return &UnsafeError{Path: path, Why: why, Fix: Command("chmod go-w", path)}
	case !anyOwner && !isOurs(st.Uid):
		why := fmt.Sprintf("belongs to user %d, who is neither you nor root and could replace what is in it", st.Uid)
		return &UnsafeError{Path: path, Why: why}
	}
	return nil
}

func isOurs(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// isUnmapped reports whether a number stands for all users that this user
// namespace does not know, root of the machine among them: a sandbox shows / and
// /home so. Whose a directory is cannot be determined there.
func isUnmapped(uid uint32) bool {
	const overflow = 65534 // user_namespaces(7)
	if uid != overflow {
		return false
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(b))
	return err == nil && (len(f) != 3 || f[2] != "4294967295")
}

func isReadOnly(path string) bool {
	const readOnly = 1 // ST_RDONLY of Linux and MNT_RDONLY of macOS and the BSDs
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Flags&readOnly != 0
}

func lstat(path string, st *unix.Stat_t) error {
	if err := unix.Lstat(path, st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return nil
}

// isOwn reports whether something belongs to this user, as far as it is there.
// Root owns all, but what is root's in the system's directories is the system's.
func isOwn(path string) bool {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return true
	}
	if st.Uid != 0 || os.Geteuid() != 0 {
		return int(st.Uid) == os.Geteuid() || os.Geteuid() == 0
	}
	return !slices.ContainsFunc([]string{"/var/lib", "/var/cache", "/var/log", "/var/spool", "/run", "/opt", "/srv",
		"/mnt", "/media"},
		func(dir string) bool { return isBelow(path, dir) })
}

// shared are directories that hold what is many people's.
var shared = []string{"/tmp", "/var", "/var/tmp", "/var/lib", "/var/cache", "/var/log", "/var/spool",
	"/var/run", "/var/lock", "/var/folders", "/var/empty", "/home", "/opt", "/srv", "/mnt", "/media", "/run", "/run/user",
	"/run/lock", "/users", "/users/shared", "/volumes",
	"/private", "/private/tmp", "/private/var", "/private/var/tmp", "/private/var/folders"}

func systemTrees() []string {
	return []string{"/proc", "/sys", "/dev", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
		"/boot",
		"/efi", "/snap", "/nix", "/gnu", "/system", "/library", "/applications", "/cores", "/private/etc"}
}
