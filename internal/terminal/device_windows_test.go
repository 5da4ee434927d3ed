package terminal

import (
	"testing"

	"golang.org/x/sys/windows"
)

// A terminal of Git Bash is a pipe with a name.
func TestIsPTY(t *testing.T) {
	for name, want := range map[string]bool{
		"msys-1888ae32e00d56aa-pty0-to-master":       true,
		"msys-1888ae32e00d56aa-pty12-from-master":    true,
		"cygwin-e022582115c10879-pty4-to-master-nat": true,
		"msys-1888ae32e00d56aa-3012-0x1":             false, // of a command's pipe
		"sso-exec-test":                              false,
	} {
		path, err := windows.UTF16PtrFromString(`\\.\pipe\` + name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX, 0, 1, 4096, 4096, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := isPTY(h); got != want {
			t.Errorf("%s: %v", name, got)
		}
		_ = windows.CloseHandle(h)
	}
	if isPTY(windows.InvalidHandle) {
		t.Error("no handle is one")
	}
}
