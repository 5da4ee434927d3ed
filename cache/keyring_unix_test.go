//go:build unix

package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeyringAccount: one entry a directory, by whatever name it is reached.
func TestKeyringAccount(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.MkdirAll(filepath.Join(base, name, "cache"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("one", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	account := func(name string) string { return Open(filepath.Join(base, name, "cache"), nil).account(skey) }
	if account("one") == account("two") || account("one") != account("link") ||
		!strings.HasPrefix(account("one"), skey+"@") {
		t.Errorf("one %s, two %s, link %s", account("one"), account("two"), account("link"))
	}
}
