//go:build unix

package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// whoever is another user than the one who runs the tests.
const whoever = 54321

// filled is a cache with one file of every kind; it returns their paths by kind.
func filled(t *testing.T) (*Store, map[string]string) {
	t.Helper()
	return fillStore(t, newStore(t))
}

func fillStore(t *testing.T, s *Store) (*Store, map[string]string) {
	t.Helper()
	commit(t, s, "k", aSession())
	l, err := s.Lock(t.Context(), LockRefresh, "k")
	for _, e := range []error{err, s.WriteTokens("k", "t", telltale(1)), s.WriteDerived("k", "d", keysOf("A")),
		s.WriteProvider("p", &Provider{}), s.WriteLatch("k", &Latch{})} {
		if e != nil {
			t.Fatal(e)
		}
	}
	l.Unlock()
	paths := map[string]string{}
	for kind, rel := range map[string]string{"session": "sessions/k.json", "tokens": "tokens/k/t.json",
		"derived": "derived/k/d.json", "provider": "providers/p.json",
		"latch": "latches/k.json", "lock": "locks/k.refresh"} {
		paths[kind] = filepath.Join(s.path, rel)
	}
	return s, paths
}

// use does what a run does with a file of some kind.
func use(t *testing.T, s *Store, kind string) error {
	t.Helper()
	var err error
	switch kind {
	case "session":
		_, err = s.Session("k")
	case "tokens":
		_, err = s.Tokens("k", "t")
	case "derived":
		_, err = s.Derived("k", "d")
	case "provider":
		_, err = s.Provider("p")
	case "latch":
		_, err = s.Latch("k")
	case "lock":
		var l *Lock
		if l, err = s.Lock(t.Context(), LockRefresh, "k"); err == nil {
			l.Unlock()
		}
	}
	return err
}

func TestModes(t *testing.T) {
	s := newStore(t)
	old := unix.Umask(0)
	defer unix.Umask(old)
	fillStore(t, s)
	count := 0
	err := filepath.WalkDir(s.path, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if count++; err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil || count < 13 {
		t.Errorf("%d files and directories, %v", count, err)
	}
}

// Our files that somebody else could have had a hand in are refused with the
// command that fixes it, and stay as they are.
func TestUnsafeFiles(t *testing.T) {
	spoil := map[string]func(t *testing.T, path string){
		"readable by others":    func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) },
		"readable by the group": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o640)) },
		"executable by others":  func(t *testing.T, path string) { must(t, os.Chmod(path, 0o601)) },
		"a link to a good file": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		},
		"a relative link": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".real"), os.Symlink(filepath.Base(path)+".real", path))
		},
		"a link to nothing": func(t *testing.T,
			path string) {
			must(t, os.Remove(path), os.Symlink(path+".absent", path))
		},
		"a hard link":            func(t *testing.T, path string) { must(t, os.Link(path, path+".second")) },
		"a FIFO":                 func(t *testing.T, path string) { must(t, os.Remove(path), unix.Mkfifo(path, 0o600)) },
		"a directory":            func(t *testing.T, path string) { must(t, os.Remove(path), os.Mkdir(path, 0o700)) },
		"a file of another user": func(t *testing.T, path string) { must(t, os.Chown(path, whoever, -1)) },
	}
	if os.Geteuid() != 0 {
		delete(spoil, "a file of another user")
		t.Log("not root: files cannot be given away, see TestDirectoryOfAnotherUser")
	}
	for name, f := range spoil {
		for _, kind := range []string{"session", "tokens", "derived", "provider", "latch", "lock"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s, paths := filled(t)
				path := paths[kind]
				f(t, path)
				before, _ := os.ReadFile(path + ".real")
				err := use(t, s, kind)
				unsafeAt(t, err, path)
				if after, _ := os.ReadFile(path + ".real"); string(after) != string(before) {
					t.Errorf("the link's target was written to: %s", after)
				}
				if _, err := os.Lstat(path + ".absent"); err == nil {
					t.Error("the link's target was made")
				}
			})
		}
	}
}

// A lock file that is a link must not have its target emptied.
func TestLockFileIsALink(t *testing.T) {
	s, paths := filled(t)
	precious := filepath.Join(t.TempDir(), "precious")
	must(t, os.WriteFile(precious, []byte("precious"), 0o600), os.Remove(paths["lock"]),
		os.Symlink(precious, paths["lock"]))
	unsafeAt(t, use(t, s, "lock"), paths["lock"])
	if b, _ := os.ReadFile(precious); string(b) != "precious" {
		t.Errorf("the target is %q", b)
	}
}

func TestUnsafeDirectories(t *testing.T) {
	for _, rel := range []string{".", "sessions", "tokens", "tokens/k", "derived", "locks"} {
		for name, f := range map[string]func(t *testing.T, path string){
			"open to others": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o701)) },
			"a link": func(t *testing.T, path string) {
				must(t, os.Rename(path, path+".real"), os.Symlink(path+".real", path))
			},
			"a relative link": func(t *testing.T, path string) {
				must(t, os.Rename(path, path+".real"), os.Symlink(filepath.Base(path)+".real", path))
			},
		} {
			t.Run(rel+" "+name, func(t *testing.T) {
				s, _ := filled(t)
				path := filepath.Join(s.path, rel)
				f(t, path)
				kind := map[string]string{".": "tokens", "sessions": "session", "tokens": "tokens", "tokens/k": "tokens",
					"derived": "derived", "locks": "lock"}[rel]
				unsafeAt(t, use(t, s, kind), path)
				if rel == "tokens/k" {
					unsafeAt(t, s.WriteTokens("k", "t", telltale(1)), path)
				}
				if rel == "sessions" {
					_, err := s.Reserve(context.Background(), "k")
					unsafeAt(t, err, path)
				}
			})
		}
	}
}

func TestDirectoryOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		s := Open("/usr", func(string) {})
		_, err := s.Session("k")
		unsafeAt(t, err, "/usr")
		return
	}
	s, _ := filled(t)
	must(t, os.Chown(s.path, whoever, -1))
	err := use(t, s, "tokens")
	unsafeAt(t, err, s.path)
	var unsafe *UnsafeError
	if errors.As(err, &unsafe); strings.Contains(unsafe.Fix, "chown") {
		t.Errorf("root is told to take the user's cache away: %s", unsafe.Fix)
	}
}

// Run as root with another user's home: refused, and nothing is made there. In
// a container, where the owner of a mounted home means little, it is not.
func TestParentOfAnotherOwner(t *testing.T) {
	switch {
	case os.Geteuid() != 0:
		t.Log("not root: there is nobody else's home to write to")
		return
	case perm.InContainer():
		t.Log("in a container: root may work in every home")
		return
	}
	home := t.TempDir()
	must(t, os.Chown(home, whoever, -1))
	s := Open(filepath.Join(home, ".cache", "sso-exec"), func(string) {})
	_, err := s.Reserve(context.Background(), "k")
	unsafeAt(t, err, home)
	if entries, _ := os.ReadDir(home); len(entries) > 0 {
		t.Fatalf("made there: %v", entries)
	}
	parent := filepath.Join(home, ".cache")
	must(t, os.Mkdir(parent, 0o700), os.Chown(parent, whoever, -1))
	_, err = s.Lock(t.Context(), LockRefresh, "k")
	unsafeAt(t, err, parent)
	if entries, _ := os.ReadDir(parent); len(entries) > 0 {
		t.Errorf("made there: %v", entries)
	}
}

// A parent is refused if others can write to it and it has no sticky bit (whose it
// is, and the directories above it: see perm).
func TestParents(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{
		0o700: true, 0o755: true, 0o775: true, 0o777: false, 0o702: false, 0o777 | os.ModeSticky: true,
	} {
		parent := filepath.Join(t.TempDir(), "parent")
		must(t, os.Mkdir(parent, 0o700), os.Chmod(parent, mode))
		s := Open(filepath.Join(parent, "cache"), func(string) {})
		err := s.WriteProvider("p", &Provider{})
		if (err == nil) != ok {
			t.Errorf("parent with mode %v: %v, want ok %v", mode, err, ok)
		}
		if !ok {
			unsafeAt(t, err, parent)
		}
	}
}

// What is missing is made, as far down as it goes; a file in the way is not.
func TestMissingParents(t *testing.T) {
	base := t.TempDir()
	s := Open(filepath.Join(base, "a", "b", "cache"), func(string) {})
	if _, err := s.Tokens("k", "t"); !errors.Is(err, ErrNotExist) {
		t.Errorf("reading: %v", err)
	}
	if _, err := os.Stat(filepath.Join(base, "a")); err == nil {
		t.Error("reading has made directories")
	}
	must(t, s.WriteTokens("k", "t", telltale(1)))
	must(t, os.WriteFile(filepath.Join(base, "file"), nil, 0o600))
	for _, path := range []string{"file", "file/below"} {
		s := Open(filepath.Join(base, path), func(string) {})
		if err := s.WriteTokens("k", "t", telltale(1)); err == nil {
			t.Errorf("%s: no error", path)
		}
		if _, err := s.Lock(t.Context(), LockRefresh, "k"); err == nil {
			t.Errorf("%s: a lock was taken", path)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
