//go:build unix

package userfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func file(t *testing.T, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// Which mode is refused for what.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		mode           os.FileMode
		config, secret bool
	}{
		{0o600, true, true}, {0o400, true, true}, {0o700, true, true},
		{0o644, true, false}, {0o640, true, false}, {0o604, true, false}, {0o611, true, false},
		{0o602, false, false}, {0o666, false, false}, {0o622, false, false},
	} {
		path := file(t, c.mode)
		for what, r := range map[string]struct {
			read func(string) ([]byte, error)
			ok   bool
		}{"config": {ReadConfig, c.config}, "secret": {ReadSecret, c.secret}, "CA": {Read, true}} {
			b, err := r.read(path)
			var unsafe *UnsafeError
			if r.ok && (err != nil || string(b) != "content") || !r.ok &&
				(!errors.As(err, &unsafe) || unsafe.Path != path || unsafe.Fix == "") {
				t.Errorf("%s with mode %04o: %q, %v, want ok %v", what, c.mode, b, err, r.ok)
			}
		}
	}
}

// Under umask 002 a file is writable to its owner's private group, which is
// nobody else; another group is.
func TestGroupWritableConfig(t *testing.T) {
	path := file(t, 0o660)
	uid := os.Getuid()
	for gid, ok := range map[int]bool{uid: true, uid + 1: false} {
		if err := os.Chown(path, -1, gid); err != nil {
			t.Logf("only root can give a file to group %d: %v", gid, err)
			continue
		}
		if _, err := ReadConfig(path); (err == nil) != ok {
			t.Errorf("group %d: %v, want ok %v", gid, err, ok)
		}
	}
}

// A config of root's is fine, one of another user is not; a secret may be
// anybody's as long as only we can read it.
func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := ReadConfig("/etc/passwd"); err != nil {
			t.Errorf("a file of root's: %v", err)
		}
		t.Log("not root: files cannot be given away")
		return
	}
	path := file(t, 0o600)
	if err := os.Chown(path, 54321, -1); err != nil {
		t.Fatal(err)
	}
	var unsafe *UnsafeError
	if _, err := ReadConfig(path); !errors.As(err, &unsafe) {
		t.Errorf("a config of another user: %v", err)
	}
	if _, err := ReadSecret(path); err != nil {
		t.Errorf("a secret of another user: %v", err)
	}
}

// Kubernetes mounts secrets as links to links.
func TestLinksAreFollowed(t *testing.T) {
	path := file(t, 0o600)
	dir := t.TempDir()
	for name, target := range map[string]string{"data": filepath.Dir(path), "secret": "data/file"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, read := range []func(string) ([]byte, error){ReadConfig, ReadSecret, Read} {
		if b, err := read(filepath.Join(dir, "secret")); err != nil || string(b) != "content" {
			t.Errorf("%q, %v", b, err)
		}
	}
	// The target's mode counts, not the link's.
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var unsafe *UnsafeError
	if _, err := ReadSecret(filepath.Join(dir, "secret")); !errors.As(err, &unsafe) {
		t.Errorf("a link to a readable secret: %v", err)
	}
}

func TestSize(t *testing.T) {
	for size, ok := range map[int64]bool{0: true, maxFile: true, maxFile + 1: false, 10 << 30: false} {
		path := file(t, 0o600)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		b, err := ReadSecret(path)
		if (err == nil) != ok || ok && int64(len(b)) != size {
			t.Errorf("%d bytes: read %d, %v", size, len(b), err)
		}
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read("/dev/zero"); err == nil {
		t.Error("/dev/zero ends")
	}
}

// A secret through a pipe, whenever its writer comes to write:
// sso-exec … --client-secret-file <(vault read …)
func TestSecretFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		time.Sleep(50 * time.Millisecond)
		if _, err := w.WriteString("content"); err != nil {
			t.Error(err)
		}
	}()
	b, err := ReadSecret(fmt.Sprintf("/dev/fd/%d", r.Fd()))
	if err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
}

// A FIFO that nobody writes to is no reason to wait for ever.
func TestFIFOWithoutAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(string) ([]byte, error){"config": ReadConfig, "secret": ReadSecret,
		"CA": Read} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if b, err := read(path); err == nil && len(b) > 0 {
				t.Errorf("%s: %q", name, b)
			}
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: it waits for ever", name)
		}
	}
}

// Whoever replaces the file meanwhile keeps nobody from reading it.
func TestReadOwnOfAFileThatIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "file"), filepath.Join(dir, "next")
	put := func() {
		if err := errors.Join(os.WriteFile(next, []byte("text"), 0o600), os.Rename(next, path)); err != nil {
			t.Error(err)
		}
	}
	put()
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				put()
			}
		}
	})
	defer writer.Wait()
	defer close(done)
	for range 5000 {
		if b, err := ReadOwn(path); err != nil || string(b) != "text" {
			t.Fatalf("%q, %v", b, err)
		}
	}
}
