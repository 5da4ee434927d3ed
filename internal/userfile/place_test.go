//go:build unix

package userfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Where others can replace our file with one of theirs, a config is not
// obeyed. A secret or a CA may be anywhere.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		name string
		mode os.FileMode
		ok   bool
	}{
		{"ours", 0o700, true},
		{"that others can read", 0o755, true},
		{"of everybody", 0o777, false},
		{"of everybody, without reading it", 0o703, false},
		{"of everybody, sticky", 0o777 | os.ModeSticky, true},
	} {
		path := file(t, 0o600)
		dir := filepath.Dir(path)
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, way := range []string{path, link} {
			_, err := ReadConfig(way)
			var unsafe *UnsafeError
			if (err == nil) != c.ok || err != nil &&
				(!errors.As(err, &unsafe) || unsafe.Path != dir || unsafe.Fix != "chmod go-w "+dir) {
				t.Errorf("a directory %s, %s: %v", c.name, way, err)
			}
			for _, read := range []func(string) ([]byte, error){ReadSecret, Read} {
				if _, err := read(way); err != nil {
					t.Errorf("a directory %s: %v", c.name, err)
				}
			}
		}
		// The link's own directory counts too.
		safe, open := file(t, 0o600), t.TempDir()
		if err := errors.Join(os.Chmod(open, c.mode), os.Symlink(safe, filepath.Join(open, "link"))); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConfig(filepath.Join(open, "link")); (err == nil) != c.ok {
			t.Errorf("a link in a directory %s: %v", c.name, err)
		}
	}
	if _, err := ReadConfig("/dev/null"); err != nil {
		t.Errorf("/dev/null: %v", err)
	}
	if !rootOnly(t) {
		return
	}
	// Another user's directory is that user's to change, sticky or not; a private
	// group is nobody else, and the group root is root's.
	for _, c := range []struct {
		uid, gid int
		mode     os.FileMode
		ok       bool
	}{
		{54321, 0, 0o755, false}, {54321, 0, 0o755 | os.ModeSticky, false},
		{0, 54321, 0o775, false}, {0, 54321, 0o755, true}, {0, 54321, 0o775 | os.ModeSticky, true}, {0, 0, 0o775, true},
	} {
		path := file(t, 0o600)
		dir := filepath.Dir(path)
		if err := errors.Join(os.Chown(dir, c.uid, c.gid), os.Chmod(dir, c.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConfig(path); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func rootOnly(t *testing.T) bool {
	if os.Geteuid() != 0 {
		t.Log("not root: files cannot be given away")
		return false
	}
	return true
}

// The system's file is root's, in a directory of root's.
func TestReadSystem(t *testing.T) {
	var unsafe *UnsafeError
	if _, err := ReadSystem("/etc/passwd"); err != nil {
		t.Errorf("a file of root's: %v", err)
	}
	if !rootOnly(t) {
		if _, err := ReadSystem(file(t, 0o600)); !errors.As(err, &unsafe) {
			t.Errorf("a file of our own: %v", err)
		}
		return
	}
	for _, c := range []struct {
		name             string
		fileUID, fileGID int
		file             os.FileMode
		dirUID, dirGID   int
		dir              os.FileMode
		ok               bool
	}{
		{"root's", 0, 0, 0o644, 0, 0, 0o755, true},
		{"root's, and its group's", 0, 0, 0o664, 0, 0, 0o775, true},
		{"another's", 54321, 0, 0o644, 0, 0, 0o755, false},
		{"in another's directory", 0, 0, 0o644, 54321, 0, 0o755, false},
		{"a group's", 0, 54321, 0o664, 0, 0, 0o755, false},
		{"everybody's", 0, 0, 0o646, 0, 0, 0o755, false},
		{"in a group's directory", 0, 0, 0o644, 0, 54321, 0o775, false},
		{"in everybody's directory", 0, 0, 0o644, 0, 0, 0o757, false},
		{"in a sticky directory", 0, 0, 0o644, 0, 54321, 0o775 | os.ModeSticky, true},
	} {
		path := file(t, 0o600)
		dir := filepath.Dir(path)
		if err := errors.Join(os.Chown(path, c.fileUID, c.fileGID), os.Chmod(path, c.file),
			os.Chown(dir, c.dirUID, c.dirGID), os.Chmod(dir, c.dir)); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, way := range []string{path, link} {
			if _, err := ReadSystem(way); (err == nil) != c.ok || err != nil && !errors.As(err, &unsafe) {
				t.Errorf("%s, %s: %v", c.name, way, err)
			}
		}
	}
}
