//go:build unix

package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// What no variable may choose runs without what the caller set.
func TestEnvironment(t *testing.T) {
	home, err := userfile.EntryHome()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"LD_PRELOAD": "/evil.so", "PATH": "/evil", "HOME": "/evil",
		"BROWSER":         "evil",
		"XDG_CONFIG_HOME": "/evil", "XDG_DATA_DIRS": "/evil", "XDG_RUNTIME_DIR": "evil", "DISPLAY": ":7",
		"DBUS_SESSION_BUS_ADDRESS": "unixexec:path=/evil"} {
		t.Setenv(name, value)
	}
	got := Environment()
	for _, kv := range got {
		if strings.Contains(kv, "evil") {
			t.Errorf("%s", kv)
		}
	}
	for _, want := range []string{"PATH=" + SystemPath, "HOME=" + home, "DISPLAY=:7"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus")
	if got := Environment(); !slices.Contains(got, "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1/bus") {
		t.Errorf("%q", got)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a;unixexec:path=/evil")
	if got := Environment(); slices.ContainsFunc(got, func(kv string) bool { return strings.Contains(kv, "evil") }) {
		t.Errorf("%q", got)
	}
}

func TestAlone(t *testing.T) {
	dir := t.TempDir()
	program, out := filepath.Join(dir, "opener"), filepath.Join(dir, "out")
	script := "#!/bin/sh\nenv > " + out + ".new\nmv " + out + ".new " + out + "\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	t.Setenv("LD_EVIL", "evil")
	if err := (Commands{{Program: program}}).Alone().open(t.Context(), "https://a.example/", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(b), "evil") || !strings.Contains(string(b), "PATH="+SystemPath) {
		t.Errorf("%s, %v", b, err)
	}
}
