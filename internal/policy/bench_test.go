package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// What a call pays where the machine has no policy, and where it has one with every rule.
func BenchmarkPolicy(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "sso-exec")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	at := filepath.Join(dir, "policy.yaml")
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			if _, err := userfile.ReadStrictly(at, maxSize); !errors.Is(err, fs.ErrNotExist) {
				b.Fatal(err)
			}
		}
	})
	b.Run("full", func(b *testing.B) {
		if os.Geteuid() != 0 {
			b.Skip("the file must be root's")
		}
		if err := os.WriteFile(at, []byte(full), 0o644); err != nil { //nolint:gosec // everybody reads it
			b.Fatal(err)
		}
		for b.Loop() {
			text, err := userfile.ReadStrictly(at, maxSize)
			if err == nil {
				_, err = Parse(at, text)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
