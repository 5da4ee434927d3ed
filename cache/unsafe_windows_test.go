package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/cache/perm"
)

// What stands in the place of a file is removed by a command that only removes that: del
// would take all that is in a directory, or where a link to one leads.
func TestRemoval(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a cache")
	d, err := perm.OpenRoot(root, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(root, "file"), filepath.Join(root, "second")); err != nil {
		t.Fatal(err)
	}
	for name, verb := range map[string]string{"dir": "rmdir ", "file": "del "} {
		_, err := d.OpenRead(name)
		unsafe, ok := errors.AsType[*perm.UnsafeError](err)
		if !ok || unsafe.Fix != verb+filepath.Join(root, name) {
			t.Errorf("%s: %v, %+v", name, err, unsafe)
		}
	}
}

// No command takes from others what is everybody's.
func TestSharedDirectories(t *testing.T) {
	for _, path := range []string{`C:\`, `C:\Users`, `c:\users\Public`, `C:\Windows\Temp`, `C:\ProgramData\x`} {
		if got := perm.Command("icacls", path); got != "" {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := perm.Command("icacls", `C:\Users\zoe\cache`); !strings.HasPrefix(got, "icacls ") {
		t.Errorf("of one's own: %q", got)
	}
}
