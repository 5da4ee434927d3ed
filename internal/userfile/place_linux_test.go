package userfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Kubernetes mounts a ConfigMap read-only, as a directory of mode 0777 with links
// into another: nobody can write to it.
func TestReadOnlyPlace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0777"); err != nil {
		t.Logf("only root can mount: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	data := filepath.Join(dir, "..2026_01_01")
	path := filepath.Join(dir, "config.yaml")
	if err := errors.Join(os.Mkdir(data, 0o755), os.Symlink("..2026_01_01", filepath.Join(dir, "..data")),
		os.Symlink("..data/config.yaml", path),
		os.WriteFile(filepath.Join(data, "config.yaml"), []byte("content"), 0o644)); err != nil {
		t.Fatal(err)
	}
	var unsafe *UnsafeError
	if _, err := ReadConfig(path); !errors.As(err, &unsafe) {
		t.Errorf("mounted read-write: %v", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadConfig(path); err != nil || string(b) != "content" {
		t.Errorf("mounted read-only: %q, %v", b, err)
	}
	// Where nothing can be written, nothing is, and the file stays.
	if err := WriteAtomic(path, []byte("new"), WriteOptions{}); !errors.Is(err, unix.EROFS) {
		t.Errorf("written to a read-only mount: %v", err)
	}
}

// On a disk that is full the old content stays, and no half of the new.
func TestWriteToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Logf("only root can mount: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(path, make([]byte, 128<<10), WriteOptions{Backup: true}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v", err)
	}
	holds(t, path, "old", 0o600)
	if got := files(t, dir); got != "file" {
		t.Errorf("left behind: %s", got)
	}
}
