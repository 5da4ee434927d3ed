//go:build unix

package disk

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A file is made and replaced, from the directory's descriptor and, where there is
// none, by its path. What could not be written leaves nothing.
func TestWrite(t *testing.T) {
	paths := map[string]string{"descriptor": t.TempDir(), "path": t.TempDir()}
	defer unix.Umask(unix.Umask(0o777)) // it takes even the owner's bits away
	for name, open := range map[string]func(string) Dir{
		"descriptor": Open,
		"path":       func(path string) Dir { return Dir{unix.AT_FDCWD, path} },
	} {
		path := paths[name]
		d := open(path)
		defer d.Close()
		left := filepath.Join(path, ".tmp-left")
		if err := os.Symlink("nowhere", left); err != nil {
			t.Fatal(err)
		}
		old := unix.NsecToTimespec(time.Now().Add(-2 * tempAge).UnixNano())
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, left, []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			t.Fatal(err)
		}
		for _, durable := range []bool{true, false} {
			want := name + map[bool]string{true: "!"}[durable]
			if err := d.Write(".tmp-", "file", []byte(want), durable); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(path, "file"))
			st, serr := os.Lstat(filepath.Join(path, "file"))
			if err != nil || serr != nil || string(b) != want || st.Mode() != 0o600 {
				t.Errorf("%s: %q, %v, %v, %v", name, b, st.Mode(), err, serr)
			}
		}
		if err := os.Mkdir(filepath.Join(path, "dir"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := d.Write(".tmp-", "dir", nil, true); err == nil {
			t.Errorf("%s: a directory was replaced", name)
		}
		names, err := d.Names()
		if slices.Sort(names); err != nil || !slices.Equal(names, []string{"dir", "file"}) {
			t.Errorf("%s: %q, %v", name, names, err)
		}
		if d.RemoveDir("dir"); d.Remove("file") != nil {
			t.Errorf("%s: the file was not removed", name)
		}
		if names, err := d.Names(); err != nil || len(names) > 0 {
			t.Errorf("%s: left: %q, %v", name, names, err)
		}
	}
}

// A lock is one holder's, and ends with the descriptor: of a directory and of a
// file. They are locks of their own.
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
		{a.TryLock, true}, {a.TryLock, true}, {b.TryLock, false},
		{func() (bool, error) { return TryLock(f) }, true},
		{func() (bool, error) { a.Close(); return b.TryLock() }, true},
	} {
		if got, err := step.lock(); err != nil || got != step.want {
			t.Errorf("%d: %v, %v", i, got, err)
		}
	}
}
