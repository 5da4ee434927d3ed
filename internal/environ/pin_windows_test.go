package environ

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPinAnyCase: a caller's variables are the same whatever the case of their names, and
// the PATH is mostly called Path.
func TestPinAnyCase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool.exe"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	given = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return len(kv) > 5 && kv[:5] == "PATH=" }),
		"Path="+dir, "Browser=evil.exe")
	defer func() { given = nil }()
	t.Setenv("Browser", "evil.exe")
	PinPrograms()
	if v, set := os.LookupEnv("BROWSER"); set {
		t.Errorf("BROWSER=%s", v)
	}
	if path, err := LookPath("tool"); err != nil || filepath.Dir(path) != dir {
		t.Errorf("%q, %v", path, err)
	}
}
