package userfile

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"testing"
)

func TestExpand(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for path, want := range map[string]string{
		"~": home, "~/": home, "~/a/b": filepath.Join(home, "a/b"), "~//a": filepath.Join(home,
			"a"), "~/../a": filepath.Join(filepath.Dir(home), "a"), "~/~": filepath.Join(home, "~"),
		"": "", "a": "a", "./~/a": "./~/a", "a/~/b": "a/~/b", "/~": "/~", "~root": "~root", "~root/a": "~root/a", "~~/a": "~~/a", " ~/a": " ~/a", "$HOME/a": "$HOME/a", `C:~\a`: `C:~\a`,
		`\a`: `\a`, "host:/a": "host:/a",
	} {
		if got, err := Expand(path); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", path, got, err, want)
		}
	}
	if got, err := Expand(`~\a`); err != nil || (got == filepath.Join(home, "a")) != (runtime.GOOS == "windows") {
		t.Errorf("%q, %v", got, err)
	}
	for _, path := range []string{`C:\a`, "d:/a", `\\wsl.localhost\Debian\a`} {
		if got, err := Expand(path); (err == nil && got == path) != (runtime.GOOS == "windows") {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
}

func TestHome(t *testing.T) {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		t.Setenv("HOME", "x")
		variable = "USERPROFILE"
	}
	t.Setenv(variable, "")
	for _, bad := range []string{"", "relative", "~", "~/a"} {
		t.Setenv(variable, bad)
		if got, err := Home(); err == nil {
			t.Errorf("HOME=%q: %q", bad, got)
		}
		if got, err := Expand("~/a"); err == nil || got != "" {
			t.Errorf("HOME=%q: %q, %v", bad, got, err)
		}
		if got := BaseDir("SSO_EXEC_NONE", "a"); got != "" {
			t.Errorf("HOME=%q: %q", bad, got)
		}
	}
	// Not set at all: that of the passwd entry.
	for _, name := range []string{"HOME", variable} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Home(); err != nil || got != me.HomeDir {
		t.Errorf("%q, %v, want %q", got, err, me.HomeDir)
	}
	for value, want := range map[string]string{"": filepath.Join(me.HomeDir, "b"),
		"relative": filepath.Join(me.HomeDir, "b"), "~/x": filepath.Join(me.HomeDir, "x"), me.HomeDir + "\r": me.HomeDir} {
		t.Setenv("SSO_EXEC_NONE", value)
		if got := BaseDir("SSO_EXEC_NONE", "b"); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
