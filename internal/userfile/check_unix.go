//go:build unix

package userfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/disk"
)

// open does not hang on a FIFO that nobody writes into.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// OpenLog opens a log file to append to, made 0600 if there is none. It is a file
// of our own: a link, a second name, another owner or a loose mode is refused, or
// a log could be made to grow in a file of somebody's choice.
func OpenLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) {
		return nil, &UnsafeError{Path: path, Why: "is a symbolic link", Fix: perm.Command("rm", path)}
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() {
		sys, ok := st.Sys().(*syscall.Stat_t)
		switch {
		case st.Mode().Perm()&0o077 != 0:
			err = &UnsafeError{Path: path, Why: fmt.Sprintf("is accessible to others (mode %04o)", st.Mode().Perm()),
				Fix: perm.Command("chmod 600", path)}
		case ok && int(sys.Uid) != os.Geteuid():
			err = &UnsafeError{Path: path, Why: fmt.Sprintf("belongs to user %d", sys.Uid)}
		case ok && sys.Nlink > 1:
			err = &UnsafeError{Path: path, Why: "has a second name (a hard link)", Fix: perm.Command("rm", path)}
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
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
		return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("can be written to by others (mode %04o)", mode),
			Fix: perm.Command("chmod go-w", f.Name())}
	}
	if int(sys.Uid) != os.Geteuid() && sys.Uid != 0 {
		return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("belongs to user %d, who is neither you nor root", sys.Uid)}
	}
	return nil
}

func checkOwn(f *os.File, st os.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case ok && int(sys.Uid) != os.Geteuid():
		return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("belongs to user %d", sys.Uid)}
	case st.Mode().Perm()&0o022 != 0:
		return &UnsafeError{Path: f.Name(), Why: "can be written to by others"}
	}
	return nil
}

func checkSystemFile(f *os.File, st os.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return checkSystem(f.Name(), sys.Uid, sys.Gid, uint32(st.Mode().Perm()))
}

func checkSystemDir(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	mode := uint32(st.Mode)
	if mode&unix.S_ISVTX != 0 {
		mode &^= 0o022 // others can add to it (as to Nix's store), not replace
	}
	return checkSystem(path, st.Uid, st.Gid, mode)
}

const askAdministrator = "ask the administrator of this machine: it must be root's, and only root may write to it"

// checkSystem refuses what is not root's, and what others than root can write to.
func checkSystem(path string, uid, gid, mode uint32) error {
	switch {
	case uid != 0:
		return &UnsafeError{Path: path,
			Why: fmt.Sprintf("speaks for the whole machine and belongs to user %d, not to root", uid), Hint: askAdministrator}
	case mode&0o002 != 0, mode&0o020 != 0 && gid != 0:
		return &UnsafeError{Path: path,
			Why:  fmt.Sprintf("speaks for the whole machine and can be written to by others (mode %04o)", mode&0o7777),
			Hint: askAdministrator}
	}
	return nil
}

func checkNotReadable(f *os.File, st os.FileInfo) error {
	const readOnly = 1 // ST_RDONLY of Linux and MNT_RDONLY of macOS and the BSDs
	if st.Mode().Perm()&0o077 == 0 || !st.Mode().IsRegular() {
		return nil
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil && fs.Flags&readOnly != 0 {
		return nil
	}
	return &UnsafeError{Path: f.Name(), Why: fmt.Sprintf("is accessible to others (mode %04o)", st.Mode().Perm()),
		Fix: perm.Command("chmod 600", f.Name())}
}

// IsRegular reports whether what [os.Stat] or an open file says of itself is a regular file.
func IsRegular(st os.FileInfo) bool { return st.Mode().IsRegular() }

// canWrite reports whether this user can make files in a directory.
func canWrite(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }

// SystemPath returns where a file of the system's is, which is known by its path on
// Unix.
func SystemPath(unixPath string) (string, error) { return unixPath, nil }

// ReadStrictly reads a regular file of the system's of at most most bytes. It, its
// directory and the one above that must be root's, and writable by nobody else; no
// link is followed to either, and a file that changes while it is read is refused.
// The error is [os.ErrNotExist] only if there is no such file, or no such directory.
func ReadStrictly(path string, most int64) ([]byte, error) {
	dir := filepath.Dir(path)
	fd, err := disk.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		answers.Saw(dir, nil, err)
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	file, err := disk.Openat(fd, filepath.Base(path), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		answers.Saw(path, nil, err)
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(file), path)
	defer f.Close()
	answers.Saw(path, f, nil)
	// Only now: where there is no file, it does not matter whose the place is.
	var st unix.Stat_t
	if err := unix.Stat(filepath.Dir(dir), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: filepath.Dir(dir), Err: err}
	}
	if err := onlyRoots(filepath.Dir(dir), &st); err != nil {
		return nil, err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if err := onlyRoots(dir, &st); err != nil {
		return nil, err
	}
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &UnsafeError{Path: path, Why: "is not a regular file", Hint: askAdministrator}
	}
	sys := before.Sys().(*syscall.Stat_t)
	st.Uid, st.Mode = sys.Uid, sys.Mode
	if err := onlyRoots(path, &st); err != nil {
		return nil, err
	}
	return readUnchanged(f, before, most)
}

// onlyRoots refuses what is not root's, and what any other can write to, the group
// root too.
func onlyRoots(path string, st *unix.Stat_t) error {
	return checkSystem(path, st.Uid, 1, uint32(st.Mode))
}

// HomeVariable names the user's home to every program.
const HomeVariable = "HOME"

// CacheDir is where programs of the user keep what they could get again; nothing where
// that cannot be determined.
func CacheDir() string { return BaseDir("XDG_CACHE_HOME", ".cache") }

// ConfigDir is where they keep settings.
func ConfigDir() string { return BaseDir("XDG_CONFIG_HOME", ".config") }

func stateBase() string { return BaseDir("XDG_STATE_HOME", filepath.Join(".local", "state")) }

// AppData is where programs of Windows keep settings.
func AppData() string { return "" }

// EntryHome is the home directory in the user's entry, whatever variables say. Where
// /etc/passwd does not have the entry, the system's getent is asked, which knows
// directories such as LDAP's.
func EntryHome() (string, error) {
	id := strconv.Itoa(os.Getuid())
	if u, err := user.LookupId(id); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/getent", "passwd", id)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	if f := strings.Split(strings.TrimSuffix(string(out), "\n"), ":"); err == nil && len(f) == 7 && filepath.IsAbs(f[5]) {
		return f[5], nil
	}
	return "", fmt.Errorf("user %s has no entry with a home directory", id)
}

// SetHome has this process's variables name a home.
func SetHome(home string) error { return os.Setenv("HOME", home) }

// EntryCacheDir is the cache directory below the home in the user's entry.
func EntryCacheDir() (string, error) {
	home, err := EntryHome()
	return filepath.Join(home, ".cache", "sso-exec"), err
}

// EntryStateDir is [StateDir] below the home in the user's entry.
func EntryStateDir() (string, error) {
	home, err := EntryHome()
	return filepath.Join(home, ".local", "state", "sso-exec"), err
}

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
