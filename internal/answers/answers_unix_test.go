//go:build unix

package answers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCacheDir(t *testing.T) {
	for _, c := range []struct {
		args, env, want string
	}{
		{"kube", "HOME=/h", "/h/.cache/sso-exec"},
		{"kube", "HOME=/h XDG_CACHE_HOME=/c", "/c/sso-exec"},
		{"kube", "HOME=/h XDG_CACHE_HOME=c", ""},
		{"kube", "HOME=/h XDG_CACHE_HOME=/c SSO_EXEC_CACHE_DIR=/d", "/d"},
		{"kube --cache-dir=/e", "HOME=/h SSO_EXEC_CACHE_DIR=/d", "/e"},
		{"kube --cache-dir /e --cache-dir=~/f", "HOME=/h", "/h/f"},
		{"kube --cache-dir e", "HOME=/h", ""},
		{"kube --cache-dir=", "HOME=/h", ""},
		{"kube -- --cache-dir=/e", "HOME=/h", ""},
		{"kube", "PWD=/", ""},
		{"kube --cache-dir=/e", "PWD=/", ""}, // a home that /etc/passwd has, which nothing looks at here
		{"kube", "HOME=h", ""},
		{"kube --cache-dir=/e//", "HOME=/h", "/e"}, // a link in its place would be followed
		{"kube --cache-dir=/e/.", "HOME=/h", ""},
		{"kube --cache-dir=/l/../e", "HOME=/h", ""}, // not /e, if l is a link
		{"kube --cache-dir=/.e/..e/e.", "HOME=/h", "/.e/..e/e."},
		{"kube", "HOME=/h/", "/h//.cache/sso-exec"},
	} {
		if got := CacheDir(strings.Fields(c.args), strings.Fields(c.env)); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.args, c.env, got, c.want)
		}
	}
}

// TestLoose: what others could open, or what a link leads to, is no answer.
func TestLoose(t *testing.T) {
	mode := func(name string, mode os.FileMode) func(dir string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	for name, change := range map[string]func(dir string) error{
		"the cache":   mode("", 0o755),
		"the answers": mode("answers", 0o770),
		"the token":   mode("tokens/s/t.json", 0o640),
		"a link to nothing, for none": func(dir string) error {
			return os.Symlink("nowhere", filepath.Join(dir, "absent"))
		},
		"a file, for no directory": func(dir string) error { return os.WriteFile(filepath.Join(dir, "none"), nil, 0o600) },
		"a link": func(dir string) error {
			_ = os.Rename(filepath.Join(dir, "tokens"), filepath.Join(dir, "moved"))
			return os.Symlink("moved", filepath.Join(dir, "tokens"))
		},
	} {
		args, env, dir := world(t, nil)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if doc, ok := Lookup(args, env, time.Now().UnixNano()); ok {
			t.Errorf("%s: answered with %q", name, doc)
		}
	}
}

// TestPutBack: a file of the same size shows that it is another, or was written to, also
// where its time is put back.
func TestPutBack(t *testing.T) {
	for name, write := range map[string]func(path string, b []byte) error{
		"in place": func(path string, b []byte) error { return os.WriteFile(path, b, 0o600) },
		"renamed": func(path string, b []byte) error {
			return errors.Join(os.WriteFile(path+"x", b, 0o600), os.Rename(path+"x", path))
		},
	} {
		for _, file := range []string{"config", "tokens/s/t.json"} {
			args, env, dir := world(t, func(e *Entry) {
				path := filepath.Join(filepath.Dir(e.Files[1].Path), "config")
				if err := os.WriteFile(path, []byte("a: b"), 0o600); err != nil {
					t.Fatal(err)
				}
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				id, _ := IDOf(f)
				e.Files = append(e.Files, File{path, id})
			})
			if _, ok := Lookup(args, env, time.Now().UnixNano()); !ok {
				t.Fatal("no answer")
			}
			path := filepath.Join(dir, file)
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // more than a tick of the file system's clock
			err = write(path, make([]byte, st.Size()))
			if err = errors.Join(err, os.Chtimes(path, st.ModTime(), st.ModTime())); err != nil {
				t.Fatal(err)
			}
			if doc, ok := Lookup(args, env, time.Now().UnixNano()); ok {
				t.Errorf("%s, %s: answered with %q", file, name, doc)
			}
		}
	}
}

// TestLinkedCache: a link in the cache directory's place is not followed, however the
// directory is written.
func TestLinkedCache(t *testing.T) {
	for _, tail := range []string{"", "/", "//", "/."} {
		args, env, dir := world(t, nil)
		env = []string{"SSO_EXEC_CACHE_DIR=" + dir + tail, env[1]}
		e, err := os.ReadFile(filepath.Join(dir, "answers", Name(Key(args, []string{"SSO_EXEC_CACHE_DIR=" + dir, env[1]}))))
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := decode(e)
		entry.Key = Key(args, env)
		if err := os.WriteFile(filepath.Join(dir, "answers", Name(entry.Key)), entry.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := Lookup(args, env, time.Now().UnixNano()); !ok && tail != "/." {
			t.Errorf("%q: no answer", tail)
		}
		if err := os.Rename(dir, dir+".real"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(dir+".real", dir); err != nil {
			t.Fatal(err)
		}
		if doc, ok := Lookup(args, env, time.Now().UnixNano()); ok {
			t.Errorf("%q: answered with %q", tail, doc)
		}
	}
}

// TestOddEntries: what stands in an entry's place is no answer, and never a wait.
func TestOddEntries(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"nothing":         os.Remove,
		"empty":           func(path string) error { return os.Truncate(path, 0) },
		"half":            func(path string) error { return os.Truncate(path, 60) },
		"huge":            func(path string) error { return os.Truncate(path, most+1) },
		"loose":           func(path string) error { return os.Chmod(path, 0o644) }, //nolint:gosec // the point
		"a link":          func(path string) error { _ = os.Rename(path, path+"x"); return os.Symlink(path+"x", path) },
		"two names":       func(path string) error { return os.Link(path, path+"x") },
		"a directory":     func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
		"somebody else's": func(path string) error { return os.Chown(path, 1, -1) },
		"a pipe":          func(path string) error { _ = os.Remove(path); return syscall.Mkfifo(path, 0o600) },
	} {
		if name == "somebody else's" && os.Geteuid() != 0 {
			continue // only root can give a file away
		}
		args, env, dir := world(t, nil)
		if err := put(filepath.Join(dir, "answers", Name(Key(args, env)))); err != nil {
			t.Fatal(err)
		}
		if doc, ok := Lookup(args, env, time.Now().UnixNano()); ok {
			t.Errorf("%s: answered with %q", name, doc)
		}
	}
}
