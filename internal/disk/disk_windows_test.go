package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// A lock is one holder's, and leaves nothing: of a directory and of a file.
func TestTryLock(t *testing.T) {
	path := t.TempDir()
	a, b := Open(path), Open(path)
	defer b.Close()
	f, err := os.Create(filepath.Join(path, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, step := range []struct {
		lock func() (bool, error)
		want bool
	}{
		{a.TryLock, true}, {b.TryLock, false}, {func() (bool, error) { return TryLock(f) }, true},
		{func() (bool, error) { a.Close(); return b.TryLock() }, true},
	} {
		if got, err := step.lock(); err != nil || got != step.want {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
	if b.Close(); len(mustNames(t, b)) != 1 {
		t.Errorf("left: %q", mustNames(t, b))
	}
}

// A lock that nobody will ever have is an error, and not somebody else's.
func TestTryLockRefused(t *testing.T) {
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, ".sso-exec.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{taken, filepath.Join(t.TempDir(), "missing")} {
		if ok, err := Open(path).TryLock(); ok || err == nil {
			t.Errorf("%s: %v, %v", path, ok, err)
		}
	}
}

// A file is replaced while others have it open, who go on reading what they opened.
func TestReplaceOpen(t *testing.T) {
	d := Open(t.TempDir())
	for _, text := range []string{"old", "new"} {
		if err := d.Write(".tmp-", "file", []byte(text), true); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(d.Path, "file")
	wide, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(wide, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|
		windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader := os.NewFile(uintptr(h), path)
	if err := os.WriteFile(path+".next", []byte("newest"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		time.Sleep(200 * time.Millisecond) // Wine can't replace it until then
		got := make([]byte, 16)
		n, _ := reader.Read(got)
		_ = reader.Close()
		read <- string(got[:n])
	}()
	if err := d.Rename("file.next", "file"); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if got := <-read; got != "new" || string(now) != "newest" || err != nil {
		t.Errorf("the reader has %q, the file %q, %v", got, now, err)
	}
	if names := mustNames(t, d); len(names) != 1 {
		t.Errorf("left: %q", names)
	}
}

// What cannot be replaced is an error, and leaves nothing.
func TestReplaceRefused(t *testing.T) {
	d := Open(t.TempDir())
	if err := os.Mkdir(filepath.Join(d.Path, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(".tmp-", "dir", nil, true); err == nil {
		t.Error("a directory was replaced")
	}
	if names := mustNames(t, d); len(names) != 1 {
		t.Errorf("left: %q", names)
	}
}

func mustNames(t *testing.T, d Dir) []string {
	t.Helper()
	names, err := d.Names()
	if err != nil {
		t.Fatal(err)
	}
	return names
}
