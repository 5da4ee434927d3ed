package userfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// files lists a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func holds(t *testing.T, path, want string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != want {
		t.Errorf("%s: %q, %v, want %q", filepath.Base(path), b, err, want)
		return
	}
	st, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && st.Mode() != mode {
		t.Errorf("%s: mode %v, %v, want %v", filepath.Base(path), st.Mode(), err, mode)
	}
}

func TestWriteAtomic(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "file")
	step := func(data string, o WriteOptions) {
		t.Helper()
		if err := WriteAtomic(path, []byte(data), o); err != nil {
			t.Fatal(err)
		}
	}
	step("one", WriteOptions{Perm: 0o640, Backup: true})
	holds(t, path, "one", 0o640)
	if got := files(t, dir); got != "file" {
		t.Errorf("a backup of nothing: %s", got)
	}
	step("two", WriteOptions{Perm: 0o600})
	holds(t, path, "two", 0o640) // it keeps its mode
	step("three", WriteOptions{Backup: true})
	holds(t, path, "three", 0o640)
	holds(t, path+".bak", "two", 0o640)
	before, _ := os.Stat(path)
	step("three", WriteOptions{Backup: true}) // nothing to do, and the backup stays
	holds(t, path+".bak", "two", 0o640)
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("it was written for nothing")
	}
	step("", WriteOptions{Was: []byte("three")})
	holds(t, path, "", 0o640)
	for _, was := range []string{"three", "four"} {
		if err := WriteAtomic(path, []byte("x"), WriteOptions{Was: []byte(was), Backup: true}); !errors.Is(err, ErrChanged) {
			t.Errorf("%v", err)
		}
	}
	holds(t, path+".bak", "two", 0o640)
	if err := WriteAtomic(filepath.Join(dir, "new"), []byte("x"), WriteOptions{Was: []byte("y")}); !errors.Is(err,
		ErrChanged) {
		t.Errorf("gone: %v", err)
	}
	holds(t, path, "", 0o640)
	if got := files(t, dir); got != "file file.bak" {
		t.Errorf("left behind: %s", got)
	}
}

// A link stays a link, also one to a file that is not there yet.
func TestWriteThroughLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("links need a privilege on Windows")
		return
	}
	repo, home := t.TempDir(), t.TempDir()
	target, link := filepath.Join(repo, "config"), filepath.Join(home, "config")
	rel, err := filepath.Rel(home, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(rel, filepath.Join(home, "step")), os.Symlink("step", link)); err != nil {
		t.Fatal(err)
	}
	for i, data := range []string{"one", "two"} {
		if err := WriteAtomic(link, []byte(data), WriteOptions{Perm: 0o600, Backup: true}); err != nil {
			t.Fatal(err)
		}
		holds(t, target, data, 0o600)
		if to, err := os.Readlink(link); err != nil || to != "step" {
			t.Errorf("%d: the link: %q, %v", i, to, err)
		}
	}
	if got := files(t, repo) + "; " + files(t, home); got != "config; config config.bak step" {
		t.Error(got)
	}
	holds(t, link+".bak", "one", 0o600)
	// A link in the backup's place is not followed.
	victim := filepath.Join(home, "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("v"), 0o600), os.Remove(link+".bak"),
		os.Symlink(victim, link+".bak")); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(link, []byte("three"), WriteOptions{Backup: true}); err != nil {
		t.Fatal(err)
	}
	holds(t, victim, "v", 0o600)
	holds(t, link+".bak", "two", 0o600)

	loop := filepath.Join(home, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(loop, nil, WriteOptions{}); err == nil {
		t.Error("a loop has an end")
	}
}

// What cannot be written is left as it was, and nothing next to it.
func TestWriteRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for name, prepare := range map[string]func() error{
		"a directory":  func() error { return os.Mkdir(path, 0o700) },
		"a large file": func() error { return os.WriteFile(path, make([]byte, maxFile+1), 0o600) },
		"a backup's directory": func() error {
			return errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.MkdirAll(filepath.Join(path+".bak", "x"), 0o700))
		},
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		if err := WriteAtomic(path, []byte("new"), WriteOptions{Backup: true}); err == nil {
			t.Errorf("%s: it was replaced", name)
		}
		if after := files(t, dir); after != before {
			t.Errorf("%s: %s, before %s", name, after, before)
		}
		if err := errors.Join(os.RemoveAll(path), os.RemoveAll(path+".bak")); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteAtomic(filepath.Join(dir, "no\x00name"), nil, WriteOptions{}); err == nil {
		t.Error("a name with a NUL")
	}
}

// Whoever reads while many write sees one of them, whole.
func TestWriteManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := WriteAtomic(path, bytes.Repeat([]byte{byte('a' + i)}, 100_000),
				WriteOptions{Perm: 0o600, Backup: true}); err != nil && runtime.GOOS != "windows" {
				t.Error(err)
			}
			for range 20 {
				b, err := os.ReadFile(path)
				if err != nil && runtime.GOOS == "windows" {
					continue // held by a writer
				}
				if err != nil || len(b) != 100_000 || len(bytes.Trim(b, string(b[0]))) > 0 {
					t.Errorf("%d bytes, %v", len(b), err)
				}
			}
		})
	}
	wg.Wait()
	// On Windows it may be that only the first of them got in between the readers.
	if got := files(t, filepath.Dir(path)); got != "file file.bak" && (runtime.GOOS != "windows" || got != "file") {
		t.Errorf("left behind: %s", got)
	}
}

// What a killed process left is swept away after a time; nothing else is.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for i, name := range []string{".sso-exec-file-1", ".sso-exec-file-2", ".sso-exec-other-1", "file"} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			if err := os.Chtimes(p, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := WriteAtomic(filepath.Join(dir, "file"), []byte("x"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, want := files(t, dir), ".sso-exec-file-2 .sso-exec-other-1 file"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// In place: longer, shorter and the same.
func TestOverwrite(t *testing.T) {
	for _, text := range []string{"", "o", "old", "much longer"} {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Overwrite(path, []byte(text)); err != nil {
			t.Error(err)
		}
		if b, _ := os.ReadFile(path); string(b) != text {
			t.Errorf("%q, want %q", b, text)
		}
	}
}

// Of many writers at once each succeeds in its turn.
func TestWritersAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "config")
	const writers = 20
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				was, _ := os.ReadFile(path)
				err := WriteAtomic(path, append(was, 'x'), WriteOptions{Perm: 0o600, Backup: true, Was: append([]byte{}, was...)})
				if !errors.Is(err, ErrChanged) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	if b, _ := os.ReadFile(path); len(b) != writers {
		t.Errorf("%d of %d", len(b), writers)
	}
}
