//go:build unix

package browser

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// session is the terminal session of this process.
func session() int {
	sid, _ := unix.Getsid(0)
	return sid
}

func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// hasOutput reports whether one of the first three files is not the null device.
func hasOutput() bool {
	null, err := os.Stat(os.DevNull)
	return err != nil || slices.ContainsFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, func(f *os.File) bool {
		st, err := f.Stat()
		return err != nil || !os.SameFile(st, null)
	})
}

// openFiles are the regular files, by device and inode, that this process has
// open beyond the first three. Go has some of its own.
func openFiles() []string {
	var open []string
	for fd := 3; fd < 64; fd++ {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
			open = append(open, fmt.Sprint(st.Dev, ":", st.Ino))
		}
	}
	return open
}

// passesOnEnv makes a test of this binary open a browser, and nothing else.
const passesOnEnv = "BROWSER_TEST_PASSES_ON"

// What our parent had open, such as a script's lock, does not stay open for as
// long as the browser runs.
func TestOpenPassesNoFilesOn(t *testing.T) {
	if path := os.Getenv(passesOnEnv); path != "" {
		t.Setenv(reportEnv, path)
		if err := (Commands{{Program: self(t)}}).open(t.Context(), "https://x.example/", patient); err != nil {
			t.Fatal(err)
		}
		return
	}
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	path := filepath.Join(t.TempDir(), "report")
	var st unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self(t), "-test.run=^TestOpenPassesNoFilesOn$")
	cmd.Env = append(os.Environ(), passesOnEnv+"="+path)
	cmd.ExtraFiles = []*os.File{lock}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := wait(t, path); slices.Contains(got.Open, fmt.Sprint(st.Dev, ":", st.Ino)) {
		t.Error("the browser has the lock open")
	}
}

// Failures by the program's name, and by a signal.
func TestOpenFailures(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"xdg-open": "exit 3", "explorer.exe": "exit 1", "killed": "kill -9 $$", "odd\x1b[2J": "exit 1",
		"noisy": "echo hunter2 \"$1\" >&2; echo hunter2; exit 4", "no-script": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "no-script"), []byte("\x00"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"xdg-open": "xdg-open found no browser (exit code 3)", "killed": "killed was ended (signal: killed)",
		"odd\x1b[2J": `"odd\x1b[2J" failed (exit code 1)`, "noisy": "noisy failed (exit code 4)",
		"no-script": "no-script could not be started: exec format error",
	} {
		err := Commands{{Program: filepath.Join(dir, name)}}.open(t.Context(), "https://x.example/?state=hunter2", patient)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	// It ends with 1 whatever it did.
	if err := (Commands{{Program: filepath.Join(dir, "explorer.exe")}}).open(t.Context(), "https://x.example/",
		patient); err != nil {
		t.Error(err)
	}
}

// The system's ways, by absolute path whatever PATH says.
func TestSystems(t *testing.T) {
	for _, c := range []struct {
		os     string
		files  []string
		drives string // of WSL
		want   []string
	}{
		{"linux", nil, "", nil},
		{"linux", []string{"/usr/bin/xdg-open", "/usr/bin/gio", "/usr/bin/x-www-browser", "/opt/xdg-open"}, "",
			[]string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}},
		{"linux", []string{"/usr/bin/gio", "/usr/bin/x-www-browser"}, "",
			[]string{"/usr/bin/gio open", "/usr/bin/x-www-browser"}},
		{"linux", []string{"/usr/bin/xdg-open", "/usr/local/bin/xdg-open"}, "", []string{"/usr/local/bin/xdg-open"}},
		{"linux", []string{"/run/current-system/sw/bin/xdg-open"}, "", []string{"/run/current-system/sw/bin/xdg-open"}},
		{"linux", []string{"/usr/bin/wslview", "/mnt/c/Windows/System32/rundll32.exe"}, "/mnt/",
			[]string{"/usr/bin/wslview", "/mnt/c/Windows/System32/rundll32.exe url.dll,FileProtocolHandler"}},
		{"linux", []string{"/usr/bin/wslview", "/mnt/c/Windows/System32/rundll32.exe"}, "", nil},
		{"darwin", []string{"/usr/bin/open", "/usr/bin/xdg-open"}, "", []string{"/usr/bin/open"}},
		{"windows", []string{`C:\W\System32\rundll32.exe`}, "",
			[]string{`C:\W\System32\rundll32.exe url.dll,FileProtocolHandler`}},
	} {
		root := t.TempDir()
		for _, f := range c.files {
			at := filepath.Join(root, f)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, nil, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		find := Finder{OS: c.os, Root: root, Getenv: func(name string) string {
			return map[string]string{"PATH": "/opt", "SystemRoot": `C:\W`}[name]
		}}
		found := find.System()
		if c.drives != "" {
			found = find.FromWSL(c.drives)
		}
		var got []string
		for _, f := range found {
			got = append(got, strings.Join(append([]string{f.Program}, f.Args...), " "))
			if !f.system {
				t.Errorf("%q is not the system's", f.Program)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s with %q: %q, want %q", c.os, c.files, got, c.want)
		}
	}
}

// What is no program is not found: a directory, a file that nobody may run.
func TestLookPath(t *testing.T) {
	root := t.TempDir()
	for path, mode := range map[string]os.FileMode{"/bin/plain": 0o600, "/sbin/plain": 0o700, "/bin/good": 0o700} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	find := Finder{OS: "linux", Root: root, Getenv: func(string) string { return "/none:bin:.::/bin:/sbin" }}
	for name, want := range map[string]string{"good": "/bin/good", "plain": "/sbin/plain", "/bin/good": "/bin/good",
		"/bin": "", "/bin/plain": "", "bin/good": "", "./good": "", "": "", "none": ""} {
		if got, ok := find.LookPath(name); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v", name, got, ok)
		}
	}
}
