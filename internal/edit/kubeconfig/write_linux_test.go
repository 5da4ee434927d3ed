package kubeconfig

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file that is mounted alone, as into a container, cannot be replaced; it is
// written in place.
func TestMountedFile(t *testing.T) {
	dir := write(t, map[string]string{"outside": "old"})
	outside, path := filepath.Join(dir, "outside"), filepath.Join(dir, "inside", "config")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(outside, path, "", syscall.MS_BIND, ""); err != nil {
		t.Logf("only root can mount: %v", err)
		return
	}
	defer func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	}()
	for _, text := range []string{"longer", "s"} {
		if err := Update(t.Context(), path, to(text)); err != nil || content(t, outside) != text {
			t.Errorf("%q, %v", content(t, outside), err)
		}
	}
	only(t, filepath.Dir(path), "config")
}

// A directory that takes no file, for whomever: told before anything is asked,
// and of a link's end too. Where it can be made, nothing is left of the try.
func TestWritableDirectory(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/proc/self/config", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/proc/self/config", "/proc/self/none/config", link} {
		if err := Writable(path); !cannot(err, path+" cannot be written: ") {
			t.Errorf("%s: %v", path, err)
		}
		if err := Update(t.Context(), path, to("x")); !cannot(err, path+" cannot be written: ") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := Writable(filepath.Join(dir, "a", "b", "config")); err != nil {
		t.Error(err)
	}
	only(t, dir, "link")
}
