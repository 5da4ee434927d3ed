package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// root is a root directory of its own for a program: an empty one in memory,
// into which these are put. What isn't named isn't there, such as the marks of a
// container that the tests themselves may run in.
type root struct {
	Mount string            // an empty directory, to mount it at
	Links map[string]string // symbolic links, and where they lead
	Dirs  []string
	Files map[string]string // and what is in them
	Binds []string          // directories and files of this machine
	Over  map[string]string // files and directories of this machine, and what stands in their places
	Above map[string]string // directories of this machine, and those that have more
}

// systemRoot has the system's programs, without /var, /run and /tmp.
func systemRoot(t *testing.T) *root {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	r := &root{
		Mount: t.TempDir(), Links: map[string]string{}, Files: map[string]string{}, Over: map[string]string{},
		Above: map[string]string{},
		Dirs:  []string{"/run", "/tmp", "/var", me.HomeDir},
		Binds: []string{"/usr", "/etc", "/dev", "/proc", "/sys"},
	}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt"} {
		if target, err := os.Readlink(dir); err == nil {
			r.Links[dir] = target
		} else if _, err := os.Stat(dir); err == nil {
			r.Binds = append(r.Binds, dir)
		}
	}
	return r
}

// wrap makes a command run there. It stays the process that was started: what
// enters the root becomes the program.
func (r *root) wrap(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	spec, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{self, inRoot, string(spec), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = self
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
}

// inRoot is what enters a root and becomes the program that runs there.
const inRoot = "in-root"

func enterRoot(args []string) int {
	var r root
	err := json.Unmarshal([]byte(args[0]), &r)
	if err == nil {
		err = r.enter()
	}
	if err == nil {
		err = syscall.Exec(args[1], args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "in-root:", err)
	return 1
}

func (r *root) enter() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	// None of this is to be seen outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("no mounts of its own: %w", err)
	}
	if err := unix.Mount("tmpfs", r.Mount, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	if err := r.fill(); err != nil {
		return err
	}
	if err := unix.Chroot(r.Mount); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}

func (r *root) fill() error {
	for link, target := range r.Links {
		link = filepath.Join(r.Mount, link)
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(target, link)); err != nil {
			return err
		}
	}
	for _, dir := range r.Dirs {
		if err := os.MkdirAll(filepath.Join(r.Mount, dir), 0o755); err != nil {
			return err
		}
	}
	// Before anything of this machine is there to be written into.
	for path, text := range r.Files {
		if err := makeFile(filepath.Join(r.Mount, path), text); err != nil {
			return err
		}
	}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(r.Binds))) {
		if err := r.bind(path); err != nil {
			return err
		}
	}
	for path, source := range r.Over {
		if err := unix.Mount(source, filepath.Join(r.Mount, path), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s over %s: %w", source, path, err)
		}
	}
	for path, more := range r.Above {
		if err := unix.Mount("overlay", filepath.Join(r.Mount, path), "overlay", 0, "lowerdir="+more+":"+path); err != nil {
			return fmt.Errorf("%s above %s: %w", more, path, err)
		}
	}
	return nil
}

// bind makes a directory or a file of this machine appear under its own name.
func (r *root) bind(path string) error {
	to := filepath.Join(r.Mount, path)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch _, missing := os.Lstat(to); {
	case missing == nil: // it is below what was bound already, and is this machine's own
	case info.IsDir():
		err = os.MkdirAll(to, 0o755)
	default:
		err = makeFile(to, "")
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(path, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func makeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
