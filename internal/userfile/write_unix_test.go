//go:build unix

package userfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A file keeps its owner and group, if root writes it.
func TestWriteKeepsOwner(t *testing.T) {
	if !rootOnly(t) {
		return
	}
	path := file(t, 0o640)
	if err := os.Chown(path, 54321, 12345); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(path, []byte("new"), WriteOptions{Backup: true}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".bak"} {
		st, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if sys := st.Sys().(*syscall.Stat_t); sys.Uid != 54321 || sys.Gid != 12345 || st.Mode() != 0o640 {
			t.Errorf("%s: %d:%d %v", p, sys.Uid, sys.Gid, st.Mode())
		}
	}
}

// Who is not root: a file that is read-only stays so, and the old group's rights
// do not become the new group's. The test runs itself as another user.
func TestWriteAsAnotherUser(t *testing.T) {
	if dir := os.Getenv("USERFILE_TEST_DIR"); dir != "" {
		asAnotherUser(t, dir)
		return
	}
	if !rootOnly(t) {
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // let the other user in
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"readonly": 0o444, "group": 0o660} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), []byte("old"), mode),
			os.Chown(filepath.Join(dir, name), 54321, 54321), os.Chmod(filepath.Join(dir, name), mode)); err != nil {
			t.Fatal(err)
		}
	}
	// A file of root's, in a directory of the user's and of the group root.
	place := filepath.Join(dir, "place")
	if err := errors.Join(os.Mkdir(place, 0o700), os.WriteFile(filepath.Join(place, "system"), []byte("old"), 0o644),
		os.Chown(place, 54321, 0), os.Chmod(place, 0o775)); err != nil {
		t.Fatal(err)
	}
	// A group that the other user is not in.
	if err := errors.Join(os.Chown(filepath.Join(dir, "group"), 54321, 12345), os.Chown(dir, 54321, 54321)); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestWriteAsAnotherUser$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"USERFILE_TEST_DIR=" + dir, "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func asAnotherUser(t *testing.T, dir string) {
	readonly, group := filepath.Join(dir, "readonly"), filepath.Join(dir, "group")
	if err := WriteAtomic(readonly, []byte("new"), WriteOptions{Backup: true}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a read-only file: %v", err)
	}
	holds(t, readonly, "old", 0o444)
	if err := WriteAtomic(group, []byte("new"), WriteOptions{}); err != nil {
		t.Errorf("a file of another group: %v", err)
	}
	holds(t, group, "new", 0o600)
	system := filepath.Join(dir, "place", "system")
	if _, err := ReadConfig(system); err != nil {
		t.Errorf("a file of root's in our own directory: %v", err)
	}
	var unsafe *UnsafeError
	if _, err := ReadSystem(system); !errors.As(err, &unsafe) {
		t.Errorf("it speaks for the whole machine: %v", err)
	}
	// Of others' directories, nothing.
	if err := WriteAtomic("/etc/sso-exec-test/x", nil, WriteOptions{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a directory of root's: %v", err)
	}
}
