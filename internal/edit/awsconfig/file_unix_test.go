//go:build unix

package awsconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone fails if something was left in the directory.
func alone(t *testing.T, dir string, n int) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != n {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home", ".aws", "config")
	f := open(t, path)
	if f.Exists || f.Text != "" {
		t.Errorf("%+v", f)
	}
	if err := f.Write("text"); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	dir, derr := os.Stat(filepath.Dir(path))
	if err != nil || derr != nil || st.Mode() != 0o600 || dir.Mode().Perm() != 0o700 || content(t, path) != "text" {
		t.Errorf("%v %v, %v %v", st, dir, err, derr)
	}
	alone(t, filepath.Dir(path), 1)
}

// Links stay links, and the file keeps its mode and its owner.
func TestReplacedFile(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "aws-config")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	uid := os.Getuid()
	if uid == 0 {
		uid = 54321
		if err := os.Chown(target, uid, 54322); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"config": "between", "between": target} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, filepath.Join(dir, "config"))
	if !f.Exists || f.Text != "old" {
		t.Errorf("%+v", f)
	}
	if err := f.Write("new"); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(target)
	if err != nil || st.Mode() != 0o640 || int(st.Sys().(*syscall.Stat_t).Uid) != uid || content(t, target) != "new" {
		t.Errorf("%v, %v", st, err)
	}
	for _, name := range []string{"config", "between"} {
		if st, err := os.Lstat(filepath.Join(dir, name)); err != nil || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	alone(t, elsewhere, 1)
	alone(t, dir, 3)
	if st, err := os.Lstat(filepath.Join(dir, "config.bak")); err != nil || st.Mode() != 0o640 ||
		content(t, filepath.Join(dir, "config.bak")) != "old" {
		t.Errorf("the backup: %v, %v", st, err)
	}
}

// What must not be replaced stays as it was, and nothing is left next to it.
func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		says  string
	}{
		"read-only": {func(path string) error { return os.Chmod(path, 0o444) }, "it is read-only"},
		"hard link": {func(path string) error { return os.Link(path, filepath.Join(filepath.Dir(path), "..", "second")) },
			"hard links"},
		"changed": {func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o600) }, "changed"},
		"removed": {os.Remove, "changed"},
		"a link now": {func(path string) error {
			other := filepath.Join(filepath.Dir(path), "..", "other")
			return errors.Join(os.WriteFile(other, []byte("old"), 0o600), os.Remove(path), os.Symlink("../other", path))
		}, "changed"},
	} {
		dir := filepath.Join(t.TempDir(), "aws")
		path := filepath.Join(dir, "config")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(path, []byte("old"), 0o600)); err != nil {
			t.Fatal(err)
		}
		late := c.says == "changed"
		f := open(t, path)
		if err := c.spoil(path); err != nil {
			t.Fatal(err)
		}
		if !late {
			f = open(t, path)
		}
		before, _ := os.ReadFile(path)
		err := f.Write("new")
		if err == nil || !strings.Contains(err.Error(), c.says) || late != errors.Is(err, userfile.ErrChanged) ||
			late == errors.Is(err, fault.Storage) || !late && !errors.Is(f.Writable(), fault.Storage) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: %q became %q", name, before, after)
		}
		n := 1
		if name == "removed" {
			n = 0
		}
		alone(t, dir, n)
	}
}

func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, dangling, loop, large := filepath.Join(dir, "fifo"), filepath.Join(dir, "dangling"), filepath.Join(dir,
		"loop"), filepath.Join(dir, "large")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink("nothing", dangling), os.Symlink("loop", loop),
		os.WriteFile(large, nil, 0o600), os.Truncate(large, 1<<40)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dangling, loop, large, dir, "/dev/zero", filepath.Join(large, "x")} {
		if f, err := Open(path); err == nil {
			t.Errorf("%s: %+v", path, f)
		}
	}
	if _, err := Open(dangling); err == nil || !strings.Contains(err.Error(), "link") {
		t.Error(err)
	}
}

// As Python's expandvars and expanduser do it.
func TestPaths(t *testing.T) {
	env := map[string]string{"HOME": "/home/a", "X": "/x", "EMPTY": "", "TILDE": "~/t", "DOLLAR": "$X", "A_1": "one"}
	for named, want := range map[string]string{
		"": "/home/a/.aws/config", "/x/y": "/x/y", "~/z": "/home/a/z", "~": "/home/a", "rel": "rel", "a/~/b": "a/~/b", "./~/z": "./~/z",
		"$HOME/.aws/work": "/home/a/.aws/work", "${HOME}/.aws/work": "/home/a/.aws/work", "$X$X/y": "/x/x/y", "$A_1.b": "one.b", "${A_1}b": "oneb",
		"$NOT/y": "$NOT/y", "${NOT}/y": "${NOT}/y", "$EMPTY/y": "/y", "$/y": "$/y", "${X/y": "${X/y", "$DOLLAR": "$X", "$TILDE": "/home/a/t",
		"~root/z": "/root/z", "~no-such-user/z": "~no-such-user/z", "a$X": "a/x",
	} {
		env["AWS_CONFIG_FILE"] = named
		lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		if got := ConfigPath(lookup, "/home/a"); got != want {
			t.Errorf("%q: %q, want %q", named, got, want)
		}
		if got := CredentialsPath(lookup, "/home/a"); got != "/home/a/.aws/credentials" {
			t.Error(got)
		}
	}
}
