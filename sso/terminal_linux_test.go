package sso_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sso-exec/sso-exec/internal/ptytest"
	"github.com/sso-exec/sso-exec/providertest"
)

// Without a Prompter a person is asked on the terminal, in the program's name, and
// stdout stays the program's. The code here is for a browser elsewhere.
func TestPromptsOnTheTerminal(t *testing.T) {
	w := newWorld(t, providertest.Config{DeviceInterval: 1})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	control, tty := ptytest.Open(t, 80, 50)
	cmd := exec.Command(self)
	cmd.Env = []string{"HOME=" + filepath.Dir(w.dir), "TERM=xterm", roleVariable + "=token", "SSO_EXEC_BROWSER=none",
		"SSO_EXEC_ISSUER=" + w.Issuer(), "SSO_EXEC_CACHE_DIR=" + w.dir, "GOCOVERDIR=" + t.TempDir()}
	var stdout bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, &stdout, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen lockedBuffer
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := control.Read(b)
			_, _ = seen.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	shows := func(text string) func() bool {
		return func() bool { return strings.Contains(seen.text(), text) }
	}
	waitFor(t, "a code", func() bool { return len(w.PendingUserCodes()) == 1 })
	code := w.PendingUserCodes()[0]
	waitFor(t, "the code on the terminal", shows(code))
	if err := w.ApproveDevice(code); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, seen.text())
	}
	waitFor(t, "who signed in", shows("Signed in to "))
	if got := strings.TrimSpace(stdout.String()); got != w.LastTokens().AccessToken {
		t.Errorf("stdout: %q", got)
	}
	text := seen.text()
	if !strings.Contains(text, "sso.test: sign in to 127.0.0.1") || strings.Contains(text, "sso-exec") ||
		strings.Contains(text, w.LastTokens().AccessToken) {
		t.Errorf("terminal: %q", text)
	}
}
