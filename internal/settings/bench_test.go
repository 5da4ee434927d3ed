package settings

import (
	"os"
	"path/filepath"
	"testing"
)

// What each call pays before it can look into the cache: flags, variables and a
// profile.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "config.yaml")
	text := "version: 1\nprofiles:\n  corp:\n    issuer: https://login.example.com\n    client-id: cli\n" +
		"    scopes: [email, groups]\n    device: headless\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("SSO_EXEC_CLIENT_ID", "x")
	b.ReportAllocs()
	for b.Loop() {
		o, err := Parse(ToolKube, []string{"--profile=corp", "--config", path, "--acr=a", "--acr=b"})
		if err == nil {
			err = o.Read(nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
