package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPlaceWidths is what a person sees, on terminals that are wide, narrow and
// plain. The screens are saved where $E2E_SHOTS says.
func TestPlaceWidths(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name          string
		columns, rows int
		env           []string
	}{
		{"wide", 80, 50, nil},
		{"low", 80, 24, nil},
		{"narrow", 40, 30, nil},
		{"tiny", 40, 12, nil},
		{"plain", 80, 40, []string{"NO_COLOR=1"}},
		{"dumb", 80, 40, []string{"TERM=dumb"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			window := newTmux(machine(c), row.columns, row.rows)
			window.env = row.env

			device := window.run("login", "--flow", "device")
			target, code := device.prompted()
			window.shot("device-" + row.name)
			c.visit(withCode(t, target, code))
			device.eventually("the person isn't told who signed in",
				func() bool { return strings.Contains(window.text(), alice.Email) })
			device.ok()
			window.shot("signed-in-" + row.name)
			if shown := window.visible(); row.name != "dumb" && row.name != "tiny" && strings.Contains(shown, code) {
				t.Errorf("the code is still there after the sign-in:\n%s", shown)
			}

			paste := window.run("login", "--flow", "paste", "--force")
			paste.addressToOpen()
			window.shot("paste-" + row.name)
			window.press("what\r")
			paste.eventually("nothing is said about a word", func() bool { return strings.Contains(window.text(), "neither") })
			window.shot("paste-nonsense-" + row.name)
			window.press(ctrlC)
			if res := paste.wait(); res.code != 130 {
				t.Errorf("after Ctrl-C: exit code %d", res.code)
			}
			window.shot("paste-interrupted-" + row.name)
			window.wantShell()

			pkce := window.run("login", "--flow", "pkce", "--force", "--browser", c.browser)
			c.url(pkce)
			window.shot("browser-" + row.name)
			window.press(ctrlC)
			if res := pkce.wait(); res.code != 130 {
				t.Errorf("after Ctrl-C: exit code %d", res.code)
			}
			window.shot("browser-interrupted-" + row.name)
			window.wantShell()
		})
	}
}

// wantShell: the terminal is as it was: what is typed is shown, and a line ends
// with Enter.
func (m *tmux) wantShell() {
	m.t.Helper()
	m.press("echo I am $((20+3))\r")
	var text string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text = m.text()
		if strings.Contains(text, "echo I am $((20+3))") && strings.Contains(text, "I am 23\n") {
			return
		}
	}
	m.t.Errorf("the shell does not show what is typed and what comes of it:\n%s", text)
}

// visible is what the window shows, line by line.
func (m *tmux) visible(options ...string) string {
	m.t.Helper()
	return strings.TrimRight(m.do(append([]string{"capture-pane", "-p", "-t", "e2e"}, options...)...), "\n") + "\n"
}

// shot saves what the window shows, if $E2E_SHOTS names a directory.
func (m *tmux) shot(name string) {
	m.t.Helper()
	dir := os.Getenv("E2E_SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	for ending, options := range map[string][]string{".txt": nil, ".ansi": {"-e"}} {
		if err := os.WriteFile(filepath.Join(dir, name+ending), []byte(m.visible(options...)), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
}
