package e2e

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// onLinux is a path of Windows as this side sees it.
func onLinux(path string) string {
	rest, ok := strings.CutPrefix(path, "Z:")
	if !ok {
		rest = "/drive_c" + strings.TrimPrefix(path, "C:")
		return winePrefix() + strings.ReplaceAll(rest, `\`, "/")
	}
	return strings.ReplaceAll(rest, `\`, "/")
}

// install puts a program into a directory of drive C, which PATH then has.
func (w *windows) install(program, dir, name string) {
	w.t.Helper()
	dir = filepath.Join(winePrefix(), "drive_c", dir)
	w.t.Cleanup(func() { os.RemoveAll(dir) })
	data, err := os.ReadFile(filepath.Join(w.bin, program))
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), data, 0o700))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// write writes a file on drive C.
func (w *windows) write(path, text string) {
	w.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.Remove(path) })
}

// TestAllWineGit: setup git writes where Git for Windows looks, what its shell reads as
// the program and its words. git.exe is one that has the real git do it.
func TestAllWineGit(t *testing.T) {
	w := newWindows(t, providertest.Config{})
	linux := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		args := slices.Clone(r.Form["arg"])
		for i, arg := range args {
			if len(arg) > 2 && arg[1:3] == `:\` {
				args[i] = onLinux(arg)
			}
		}
		var exit *exec.ExitError
		out, err := exec.Command(mustTool(t, "git"), args...).Output()
		code := 0
		if errors.As(err, &exit) {
			code = exit.ExitCode()
			rw.Header().Set("Stderr", strings.ReplaceAll(string(exit.Stderr), "\n", " "))
		} else if err != nil {
			t.Error(err)
		}
		rw.Header().Set("Code", strconv.Itoa(code))
		rw.Write(out)
	}))
	t.Cleanup(linux.Close)
	w.install("wine.exe", "git", "git.exe")
	w.write(filepath.Join(winePrefix(), "drive_c/git/git.exe.url"), linux.URL)
	w.install("sso-exec.exe", "Program Files/single sign-on", "sso-exec.exe")
	own := filepath.Join(winePrefix(), "drive_c/Program Files/single sign-on/sso-exec.exe")
	w.write(filepath.Join(w.home, "AppData/Roaming/sso-exec/config.yaml"), "version: 1\nprofiles:\n  corp:\n    issuer: "+
		w.idp.Issuer()+"\n    client-id: cli\n    hosts: [git.example.com]\n")
	w.env = append(w.env, "SSO_EXEC_ISSUER=", "SSO_EXEC_CLIENT_ID=", `WINEPATH=C:\git`)
	w.signIn("--profile", "corp")

	other := filepath.Join(winePrefix(), "drive_c/a home")
	w.write(filepath.Join(other, "file"), "")
	w.write(filepath.Join(w.home, ".gitconfig"), "[user]\n\tname = Zoë\n")
	w.write(filepath.Join(other, ".gitconfig"), "")
	for file, env := range map[string]string{
		filepath.Join(w.home, ".gitconfig"): "WINEHOME=", // which is HOME there
		filepath.Join(other, ".gitconfig"):  `WINEHOME=C:\a home`,
	} {
		w := *w
		w.env = append(slices.Clone(w.env), env)
		w.run(own, "setup", "git", "--profile", "corp", "--yes").ok()
		get := exec.Command(mustTool(t, "git"), "config", "--file", file, "--get-all",
			"credential.https://git.example.com.helper")
		helpers, err := get.Output()
		helper, ok := strings.CutPrefix(string(helpers), "\n!")
		if err != nil || !ok {
			t.Fatalf("%s: %v, %q", file, err, helpers)
		}
		t.Logf("%s: %s", file, helper)
		// git has sh run the line with the operation behind it
		split := exec.Command("sh", "-c", "set -- "+strings.TrimSpace(helper)+` get; printf '%s\n' "$@"`)
		words, err := split.Output()
		line := strings.Split(strings.TrimSpace(string(words)), "\n")
		want := []string{`C:\Program Files\single sign-on\sso-exec.exe`, "git", "--profile=corp"}
		if err != nil || len(line) < 4 || !slices.Equal(line[:3], want) {
			t.Fatalf("%v: %q", err, line)
		}
		cmd := inWine(w.pid, w.bin, w.env, append([]string{"wine"}, line...)...)
		cmd.Stdin = strings.NewReader("protocol=https\nhost=git.example.com\n\n")
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), "username=oauth2\npassword=") {
			t.Errorf("%q: %v, %q", line, err, out)
		}
		w.run(own, "setup", "git", "--profile", "corp", "--remove", "--yes").ok()
		if left, _ := os.ReadFile(file); strings.Contains(string(left), "helper") {
			t.Errorf("left in %s: %s", file, left)
		}
	}
}

// TestAllWineConsole: what a console shows does not depend on its code page; what goes
// into a pipe is UTF-8.
func TestAllWineConsole(t *testing.T) {
	const name = "zoë „Z“ müller"
	w := newWindows(t, providertest.Config{User: providertest.User{Subject: name}})
	for _, page := range []string{"437", "850", "1252", "65001"} {
		w.tty = newTerminal(t, 100, 70)
		login := w.run("cmd", "/c", "chcp "+page+" && sso-exec.exe login --force --flow device")
		code := regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if found := code.FindString(w.tty.text()); found != "" {
				if err := w.idp.ApproveDevice(found); err != nil {
					t.Fatal(err)
				}
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("code page %s: no prompt: %q", page, w.tty.text())
			}
		}
		login.ok()
		w.tty.drain()
		for _, want := range []string{page, name, "▀▄", "█"} { // the last ones: a QR code
			if !strings.Contains(w.tty.text(), want) {
				t.Errorf("code page %s: no %q on the console: %s", page, want, w.tty.text())
			}
		}
	}
	t.Logf("%s", w.tty.text())
	w.tty = nil
	if out := w.sso("whoami").ok(); !strings.Contains(out, name) {
		t.Errorf("whoami: %q", out)
	}
}
