package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestCacheOfVersion00 answers from a cache that version 0.0 left (the tokens are
// replaced by their files' names): the keys of people stayed, to the byte.
func TestCacheOfVersion00(t *testing.T) {
	b := newBench(t, providertest.Config{})
	if err := os.CopyFS(b.dir, os.DirFS("testdata/cache-0.0")); err != nil {
		t.Fatal(err)
	}
	_ = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700) //nolint:gosec // a directory
		}
		return os.Chmod(path, 0o600)
	})
	made := time.Date(2026, 11, 29, 9, 36, 5, 0, time.UTC)
	b.shift(t, time.Since(made))
	b.setenv("SSO_EXEC_ISSUER", "http://127.0.0.1:40693") // where nobody is any more
	b.setenv("SSO_EXEC_CA_FILE", "")
	work := "--session work --scope groups,email --audience api --organization org_1" +
		" --resource https://b.example --resource https://a.example"
	for _, c := range []struct{ args, want string }{
		{"token", "accessToken-of-0.0-9ac4"},
		{"token --token-type id", "idToken-of-0.0-9ac4"},
		{"kube", "idToken-of-0.0-9ac4"},
		{"token " + work, "accessToken-of-0.0-8b0c"},
		{"token --session looks --auth-param ui_locales=de --auth-param prompt=consent", "accessToken-of-0.0-d4c2"},
		{"whoami", "alice"},
		{"status", "alice"},
	} {
		o := b.run(append(strings.Fields(c.args), "--interactive", "never")...)
		if o.code != 0 || !strings.Contains(o.stdout, c.want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", c.args, o.code, o.stdout, o.stderr)
		}
	}
}
