//go:build unix

package userfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// place makes directories that are this user's alone, and the path of a file in them.
func place(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "etc", "sso-exec")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "policy.yaml")
}

func TestReadStrictly(t *testing.T) {
	write := func(path string) error { return os.WriteFile(path, []byte("text"), 0o644) }
	if os.Geteuid() != 0 { // then nothing that can be made here is the system's
		if os.Getenv("CI") != "" {
			t.Fatal("files of the system's are root's: this needs root")
		}
		fmt.Fprintln(os.Stderr, "NOT TESTED: what is accepted as the system's file; that needs root")
		path := place(t)
		if err := write(path); err != nil {
			t.Fatal(err)
		}
		if b, err := ReadStrictly(path, 64); err == nil {
			t.Errorf("one's own is read: %q", b)
		}
		return
	}
	for name, c := range map[string]struct {
		make   func(path string) error
		absent bool
		good   bool
	}{
		"good":         {make: write, good: true},
		"absent":       {make: func(string) error { return nil }, absent: true},
		"no directory": {make: func(p string) error { return os.Remove(filepath.Dir(p)) }, absent: true},
		"a file for a directory": {make: func(p string) error {
			return errors.Join(os.Remove(filepath.Dir(p)), write(filepath.Dir(p)))
		}},
		"a directory": {make: func(p string) error { return os.Mkdir(p, 0o755) }},
		"a FIFO":      {make: func(p string) error { return unix.Mkfifo(p, 0o644) }},
		"a device": {make: func(p string) error {
			return mknod(unix.Mknod, p)
		}},
		"a link": {make: func(p string) error {
			return errors.Join(write(filepath.Join(filepath.Dir(p), "other")), os.Symlink("other", p))
		}},
		"a link to nothing": {make: func(p string) error { return os.Symlink("other", p) }},
		"a linked directory": {make: func(p string) error {
			dir := filepath.Dir(p)
			return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir), write(p))
		}},
		"another's": {make: func(p string) error { return errors.Join(write(p), os.Chown(p, 12345, 0)) }},
		"group":     {make: func(p string) error { return errors.Join(write(p), os.Chmod(p, 0o664)) }},
		"others":    {make: func(p string) error { return errors.Join(write(p), os.Chmod(p, 0o646)) }},
		"directory of another": {make: func(p string) error {
			return errors.Join(write(p), os.Chown(filepath.Dir(p), 12345, 0))
		}},
		"directory for all": {make: func(p string) error { return errors.Join(write(p), os.Chmod(filepath.Dir(p), 0o777)) }},
		"directory above for all": {make: func(p string) error {
			return errors.Join(write(p), os.Chmod(filepath.Dir(filepath.Dir(p)), 0o777))
		}},
		"too large": {make: func(p string) error { return errors.Join(write(p), os.Truncate(p, 10<<20)) }},
	} {
		path := place(t)
		if err := c.make(path); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		began := time.Now()
		b, err := ReadStrictly(path, 64)
		if (err == nil) != c.good || errors.Is(err, fs.ErrNotExist) != c.absent || c.good && string(b) != "text" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if time.Since(began) > 5*time.Second {
			t.Errorf("%s took %v", name, time.Since(began))
		}
	}
}

// A file that is not the same after it was read as before is not obeyed.
func TestReadUnchanged(t *testing.T) {
	for name, change := range map[string]func(f *os.File) error{
		"longer":  func(f *os.File) error { _, err := f.WriteAt([]byte("more"), 4); return err },
		"shorter": func(f *os.File) error { return f.Truncate(2) },
		"touched": func(f *os.File) error { return os.Chtimes(f.Name(), time.Now(), time.Now().Add(time.Minute)) },
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("text"); err != nil {
			t.Fatal(err)
		}
		before, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		if err := change(f); err != nil {
			t.Fatal(err)
		}
		if b, err := readUnchanged(f, before, 64); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
}

// mknod makes a /dev/zero, with either type that systems give a device's number.
func mknod[N int | uint64](by func(string, uint32, N) error, path string) error {
	return by(path, unix.S_IFCHR|0o644, N(unix.Mkdev(1, 5)))
}
