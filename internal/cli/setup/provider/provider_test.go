package provider

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// What another process has written to the same end is fine; whatever else it
// has written is not overwritten.
func TestSetupProviderChangedMeanwhile(t *testing.T) {
	for now, want := range map[string]error{"version: 1\n": nil, "new\n": nil, "other\n": userfile.ErrChanged} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte("version: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &providerSetup{path: path}
		e, err := p.change(func([]byte) ([]byte, error) { return []byte("new\n"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(now), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := e.Write(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", now, err, want)
		}
		wanted := "new\n"
		if want != nil {
			wanted = now
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != wanted {
			t.Errorf("%q became %q, %v", now, got, err)
		}
		if _, err := os.Stat(path + ".bak"); (err == nil) != (now == "version: 1\n") {
			t.Errorf("%q: backup: %v", now, err)
		}
	}
}
