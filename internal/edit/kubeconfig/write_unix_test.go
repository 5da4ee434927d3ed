//go:build unix

package kubeconfig

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/internal/userfile"

	"golang.org/x/sys/unix"
)

// New files are 0600 and directories 0755; those that are there keep their mode.
func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "config")
	if err := Update(t.Context(), path, to("one")); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o755, filepath.Join(dir, "a"): 0o755} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", p, st.Mode(), err)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o666, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := Update(t.Context(), path, to(mode.String())); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%v, want %v, %v", st.Mode(), mode, err)
		}
	}
}

// A file that is read-only says so, to root as well, and is not replaced.
func TestReadOnly(t *testing.T) {
	dir := write(t, map[string]string{"config": "old"})
	path := filepath.Join(dir, "config")
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := Update(t.Context(), path, to("new")); !cannot(err, path+" is read-only") {
		t.Errorf("%v", err)
	}
	if content(t, path) != "old" {
		t.Error("it was written")
	}
	only(t, dir, "config")
}

// The owner stays; only root can try that with another's file.
func TestOwner(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"config": "old"}), "config")
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 54321, 54322
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := Update(t.Context(), path, to("new")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if sys := st.Sys().(*syscall.Stat_t); int(sys.Uid) != uid || int(sys.Gid) != gid || content(t, path) != "new" {
		t.Errorf("%d:%d, want %d:%d", sys.Uid, sys.Gid, uid, gid)
	}
}

// A file with two names keeps both.
func TestHardLink(t *testing.T) {
	dir := write(t, map[string]string{"config": "old"})
	path, other := filepath.Join(dir, "config"), filepath.Join(dir, "other")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	if err := Update(t.Context(), path, to("newer")); err != nil || content(t, other) != "newer" {
		t.Errorf("%q, %v", content(t, other), err)
	}
}

// A pipe is not a file to edit, and is not waited for.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("read: %v", err)
	}
	if err := Update(t.Context(), path, to("x")); err == nil {
		t.Error("written")
	}
}

// Where there is no room the old text stays: of a file that is replaced, and of
// one that is written in place. A limit on the size of files stands for the disk.
func TestNoRoom(t *testing.T) {
	signalIgnored(t)
	dir := write(t, map[string]string{"config": "old text"})
	path := filepath.Join(dir, "config")
	const room = 4 << 20 // go test writes files of its own meanwhile
	limit(t, room)
	long := strings.Repeat("x", room+1)
	if err := Update(t.Context(), path, to(long)); !cannot(err, path+" cannot be written: ") ||
		content(t, path) != "old text" {
		t.Errorf("replaced: %d bytes, %v", len(content(t, path)), err)
	}
	if err := Backup(path, BackupName(path, 0), []byte(long)); !cannot(err, path+" cannot be written: ") {
		t.Errorf("the backup: %v", err)
	}
	only(t, dir, "config")
	if err := userfile.Overwrite(path, []byte(long)); err == nil || content(t, path) != "old text" {
		t.Errorf("in place: %d bytes, %v", len(content(t, path)), err)
	}
}

// limit bounds the size of what this process writes, until the test ends.
func limit(t *testing.T, size uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	now := old
	setLimit(&now.Cur, size)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	})
}

// signalIgnored makes a write beyond the limit an error instead of a signal.
func signalIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
}

// Unlock removes the locks that are held, and a backup has the file's mode.
func TestUnlockAndBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := hold(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	Unlock()
	held.Unlock()
	clear(held.files)
	if _, err := os.Stat(path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("the lock is still there: %v", err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "victim")
	os.WriteFile(link, []byte("victim"), 0o600)
	os.Symlink(link, path+".bak")
	if err := Backup(path, BackupName(path, 0), []byte("x")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(path + ".bak")
	if err != nil || !st.Mode().IsRegular() {
		t.Errorf("%v, %v", st, err)
	}
	if b, _ := os.ReadFile(link); string(b) != "victim" {
		t.Errorf("a link was followed: %q", b)
	}
	if err := Writable(path); err != nil {
		t.Error(err)
	}
	os.Chmod(path, 0o400)
	if err := Writable(path); err == nil {
		t.Error("a read-only file is writable")
	}
}

// Links are followed, through relative ones and to what is not there yet; they
// stay links.
func TestLinks(t *testing.T) {
	for _, exists := range []bool{true, false} {
		dir := write(t, nil)
		real := filepath.Join(dir, "dotfiles", "kubeconfig")
		if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
			t.Fatal(err)
		}
		if exists {
			if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, ".kube"), 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, ".kube", "config")
		for link, to := range map[string]string{path: "second",
			filepath.Join(dir, ".kube", "second"): "../dotfiles/kubeconfig"} {
			if err := os.Symlink(to, link); err != nil {
				t.Fatal(err)
			}
		}
		if err := Update(t.Context(), path, to("new")); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(path); err != nil || got != "second" || content(t, real) != "new" {
			t.Errorf("the link is %q, the file %q, %v", got, content(t, real), err)
		}
		only(t, filepath.Dir(real), "kubeconfig")
		only(t, filepath.Dir(path), "config", "second")
	}
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(loop, []byte("x")); err == nil || !strings.Contains(err.Error(), "links") {
		t.Errorf("a link to itself: %v", err)
	}
}

// setLimit is for both types that systems give a limit.
func setLimit[N int64 | uint64](limit *N, size uint64) { *limit = N(size) }
