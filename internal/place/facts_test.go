//go:build unix

package place

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// A line may be read from the keyboard only where that is ours and nothing else
// reads there.
func TestKeyboard(t *testing.T) {
	for _, c := range []struct {
		terminal terminal.Facts
		asked    Asked
		want     bool
	}{
		{tty, Asked{}, true},
		{behind, Asked{StderrSwallowed: true}, true},
		{tty, Asked{StdinNotOurs: true}, false},
		{full, Asked{}, false},
		{noTTY, Asked{}, false},
		{terminal.Facts{Stderr: true, Owner: -1}, Asked{}, false}, // in the background
	} {
		p, err := laid{terminal: c.terminal}.host(t).look(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		if f := p.Facts; f.Keyboard != c.want || f.Terminal != c.terminal.Open || f.StderrTerminal != c.terminal.Stderr ||
			f.StderrSwallowed != c.asked.StderrSwallowed || (f.FullScreen != "") != c.terminal.Raw {
			t.Errorf("%+v, %+v: %+v", c.terminal, c.asked, f)
		}
	}
}

// What a browser is taken from, in which order, and what is said of those that
// were passed over.
func TestBrowser(t *testing.T) {
	bin := map[string]string{"/usr/bin/xdg-open": program, "/usr/bin/x-www-browser": program, "/usr/bin/firefox": program,
		"/usr/bin/lynx": program, "/usr/bin/w3m": program}
	for _, c := range []struct {
		env, files map[string]string
		named      string
		by         string
		programs   []string
		note       string // in one of them
	}{
		{nil, bin, "", flows.BrowserBySystem, []string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, ""},
		{nil, bin, "none", flows.BrowserNone, nil, ""},
		{map[string]string{"BROWSER": "firefox"}, bin, "none", flows.BrowserNone, nil, ""},
		{map[string]string{"BROWSER": "firefox"}, bin, "x-www-browser --new", flows.BrowserByFlag,
			[]string{"/usr/bin/x-www-browser"}, ""},
		{map[string]string{"BROWSER": "firefox"}, bin, "", flows.BrowserByVariable, []string{"/usr/bin/firefox"}, ""},
		{map[string]string{"BROWSER": "lynx:chrome:bin/x:firefox"}, bin, "", flows.BrowserByVariable,
			[]string{"/usr/bin/firefox"}, `$BROWSER, passed over: the browser "lynx" needs the terminal for itself`},
		{map[string]string{"BROWSER": "lynx:chrome:bin/x:firefox"}, bin, "", flows.BrowserByVariable,
			[]string{"/usr/bin/firefox"}, `"chrome" was not found`},
		{map[string]string{"BROWSER": "lynx:chrome:bin/x:firefox"}, bin, "", flows.BrowserByVariable,
			[]string{"/usr/bin/firefox"}, `"bin/x" is relative`},
		{map[string]string{"BROWSER": "w3m"}, bin, "", flows.BrowserBySystem,
			[]string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, "w3m"},
		{map[string]string{"BROWSER": ":"}, nil, "", "", nil, ""},
		// On a desktop the system's way comes after the variable's.
		{with(wayland, "BROWSER", "firefox %s"), with(desktop, "/usr/bin/firefox", program), "", flows.BrowserByVariable,
			[]string{"/usr/bin/firefox", "/usr/bin/xdg-open"}, ""},
		{with(wayland, "BROWSER", "firefox %s"), with(desktop, "/usr/bin/firefox", program, "/.dockerenv", ""), "",
			flows.BrowserByVariable, []string{"/usr/bin/firefox"}, ""},
		{with(wayland, "BROWSER", "firefox %s", "SSH_CLIENT", "a"), with(desktop, "/usr/bin/firefox", program), "",
			flows.BrowserByVariable, []string{"/usr/bin/firefox"}, ""},
		{nil, with(wsl2, "/usr/bin/wslview", program, "/usr/bin/xdg-open", program), "", flows.BrowserBySystem,
			[]string{"/usr/bin/wslview", "/mnt/c/Windows/System32/rundll32.exe", "/usr/bin/xdg-open"}, ""},
		// Docker Desktop
		{nil, with(wsl2, "/.dockerenv", "", "/usr/bin/xdg-open", program), "", flows.BrowserBySystem,
			[]string{"/usr/bin/xdg-open"}, ""},
		{map[string]string{"BROWSER": helper, "VSCODE_IPC_HOOK_CLI": hook}, with(bin, helper, program, hook, socket), "",
			flows.BrowserByEditor, []string{helper}, ""},
		{map[string]string{"BROWSER": helper, "VSCODE_IPC_HOOK_CLI": hook}, with(bin, helper, program, hook, dead), "",
			flows.BrowserBySystem, []string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, "its editor has gone"},
		{map[string]string{"BROWSER": helper}, with(bin, helper, program), "", flows.BrowserBySystem,
			[]string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, "its editor has gone"},
		{map[string]string{"BROWSER": helper, "VSCODE_IPC_HOOK_CLI": hook}, with(bin, hook, socket), "",
			flows.BrowserBySystem, []string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, "is not there"},
		{map[string]string{"BROWSER": tunnel, "VSCODE_IPC_HOOK_CLI": hook}, with(bin, tunnel, program, hook, socket), "",
			flows.BrowserBySystem, []string{"/usr/bin/xdg-open", "/usr/bin/x-www-browser"}, "may not reach this machine"},
	} {
		p, err := laid{env: c.env, files: c.files, terminal: tty}.host(t).look(Asked{Browser: c.named})
		if err != nil {
			t.Fatal(err)
		}
		var programs []string
		for _, b := range p.Browser {
			programs = append(programs, b.Program)
		}
		if p.Facts.BrowserBy != c.by || !slices.Equal(programs, c.programs) ||
			!strings.Contains(strings.Join(p.Notes, "\n"), c.note) {
			t.Errorf("--browser %q, %v: %q by %q, notes %q", c.named, c.env, programs, p.Facts.BrowserBy, p.Notes)
		}
	}
	// A variable of which nothing can be used is told of by itself.
	for value, want := range map[string]string{
		"":                  "",
		":":                 "",
		"lynx:firefox":      "",
		helper:              "",
		"lynx":              `the browser "lynx" needs the terminal for itself`,
		"chrome\x1b[2J":     `the browser "chrome\x1b[2J" was not found`,
		"fire fox:bin/x":    `the browser "fire" was not found; "bin/x" is relative to the working directory`,
		`"firefox --window`: `the browser command "\"firefox --window" has an open quote`,
	} {
		h := laid{env: map[string]string{"BROWSER": value}, files: bin, terminal: tty}.host(t)
		if p, err := h.look(Asked{}); err != nil || p.Passed != want {
			t.Errorf("BROWSER=%s: passed over because %q, want %q; %v", value, p.Passed, want, err)
		}
		for _, named := range []string{"firefox", "none"} {
			if p, err := h.look(Asked{Browser: named}); err != nil || p.Passed != "" {
				t.Errorf("BROWSER=%s, --browser %s: passed over because %q; %v", value, named, p.Passed, err)
			}
		}
	}
	for _, named := range []string{"no-such-browser", `"open`, "lynx", " "} {
		if p, err := (laid{files: bin, terminal: tty}).host(t).look(Asked{Browser: named}); err == nil {
			t.Errorf("--browser %q is %v", named, p.Browser)
		}
	}
}

// The servers of editors, by the path of their helper.
func TestWebEditor(t *testing.T) {
	for path, web := range map[string]bool{
		"/home/a/.vscode-server/bin/1/bin/helpers/browser.sh":                                    false,
		"/home/a/.vscode-server-insiders/bin/1/bin/helpers/browser.sh":                           false,
		"/home/a/.vscode-server/cli/servers/Stable-1/server/bin/helpers/browser.sh":              false,
		"/home/a/.cursor-server/bin/linux-x64/1/bin/helpers/browser.sh":                          false,
		"/home/.cursor-server/cli/servers/Stable-1/server/bin/helpers/browser.sh":                false,
		"/home/a/.vscodium-server/bin/1/bin/helpers/browser.sh":                                  false,
		"/home/a/.windsurf-server/bin/1/bin/helpers/browser.sh":                                  false,
		"/vscode/vscode-server/bin/linux-arm64/1/bin/helpers/browser.sh":                         false,
		"/home/a/.vscode/cli/servers/Stable-1/server/bin/helpers/browser.sh":                     true,
		"/home/dev-server/.vscode-insiders/cli/servers/Insiders-1/server/bin/helpers/browser.sh": true,
		"/vscode/bin/linux-x64/1/bin/helpers/browser.sh":                                         true,
		"/usr/lib/code-server/lib/vscode/bin/helpers/browser.sh":                                 true,
		"/home/.openvscode-server/bin/helpers/browser.sh":                                        true,
		"/home/a/.vscode/cli/serve-web/1/bin/helpers/browser.sh":                                 true,
		"/opt/new/bin/helpers/browser.sh":                                                        true,
		"/usr/bin/firefox":                                                                       false,
		"":                                                                                       false,
	} {
		if got := webEditor(path); (got != "") != web {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestParseDisplay(t *testing.T) {
	for s, want := range map[string]xDisplay{
		":0": {"", 0, true}, ":1.0": {"", 1, true}, "unix:2": {"unix", 2, true}, "localhost:10.0": {"localhost", 10, false},
		"[::1]:11": {"::1", 11, false}, "::1:11": {"::1", 11, false}, "desk.example:0": {"desk.example", 0, false},
	} {
		if got, ok := parseDisplay(s); !ok || got != want {
			t.Errorf("%q: %+v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "x", ":", ":x", ":-1", ":99999", "/private/tmp/com.apple.launchd.x/org.xquartz"} {
		if got, ok := parseDisplay(s); ok {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

func TestUnitOf(t *testing.T) {
	for cgroup, want := range map[string]struct {
		unit    string
		watched bool
	}{
		"0::/\n":                          {"", false},
		"":                                {"", false},
		"0::/system.slice/cron.service\n": {"cron.service", false},
		"0::/user.slice/user-1.slice/session-3.scope\n":                                                           {"session-3.scope", true},
		"0::/user.slice/user-1.slice/user@1.service/app.slice/backup.service\n":                                   {"backup.service", false},
		"0::/user.slice/user-1.slice/user@1.service/app.slice/app-a@1.service\n":                                  {"app-a@1.service", true},
		"0::/user.slice/user-1.slice/user@1.service/session.slice/x.service\n":                                    {"x.service", true},
		"0::/user.slice/user-1.slice/user@1.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope\n":   {"vte-spawn-1.scope", true},
		"0::/user.slice/user-1.slice/user@1.service/app.slice/backup.service/child\n":                             {"backup.service", false},
		"0::/system.slice/getty@tty1.service\n":                                                                   {"getty@tty1.service", true},
		"0::/system.slice/ssh.service\n":                                                                          {"ssh.service", true},
		"2:cpu:/system.slice/other.service\n1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n": {"a.service", false},
		"nonsense\n0\n0:\n0::\n::\n": {"",
			false},
	} {
		if unit, watched := unitOf(cgroup); unit != want.unit || watched != want.watched {
			t.Errorf("%q: %q, %v", cgroup, unit, watched)
		}
	}
}

// A process's name is its own choice: it must not lead elsewhere, nor round in
// circles.
func TestAbove(t *testing.T) {
	h := laid{files: map[string]string{
		"/proc/9/stat": "9 (x) S 1 (y) S 8 9",
		"/proc/8/stat": "8 () S 7",
		"/proc/7/stat": "7 (a b",
		"/proc/6/stat": "6 (loop) S 5", "/proc/5/stat": "5 (loop) S 6",
		"/proc/4/stat": "4 (last)",
		"/proc/3/stat": "3 (x) S 1", "/proc/1/stat": "1 (sshd) S 0", // the first process started everything
	}}.host(t)
	for pid, want := range map[int][]string{9: {"x) S 1 (y", ""}, 7: nil, 4: {"last"}, 3: {"x"}, 2: nil, 1: nil, 0: nil,
		-1: nil} {
		if got := h.above(pid); !slices.Equal(got, want) {
			t.Errorf("above %d: %q", pid, got)
		}
	}
	if got := h.above(6); len(got) == 0 || len(got) > 100 {
		t.Errorf("in a circle: %d", len(got))
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("0::/system.slice/cron.service\n", "[automount]\nroot=/x", "localhost:10.0")
	f.Fuzz(func(t *testing.T, cgroups, conf, display string) {
		if unit, _ := unitOf(cgroups); unit != "" && filepath.Base(unit) != unit {
			t.Errorf("the unit %q", unit)
		}
		if root := wslRoot(conf); root != "" && (!filepath.IsAbs(root) || !strings.HasSuffix(root, "/")) {
			t.Errorf("the drives are at %q", root)
		}
		if x, ok := parseDisplay(display); ok && (x.number < 0 || x.number > 65535) {
			t.Errorf("display %+v", x)
		}
	})
}

// Looking starts no process but tmux: it is done under every tool, and a person
// waits. Only tmux.go can start one, and the browser package only to open a
// page; and tmux is left alone where something else has decided.
func TestLookStartsNothing(t *testing.T) {
	for _, dir := range []string{".", "../browser", "../terminal"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			may := []string{"tmux.go", "open.go", "find.go"} // find.go: exec.LookPath
			for _, i := range parsed.Imports {
				if i.Path.Value == `"os/exec"` && !strings.HasSuffix(file, "_test.go") &&
					!slices.Contains(may, filepath.Base(file)) {
					t.Errorf("%s imports os/exec", file)
				}
			}
		}
	}
	for _, c := range []struct {
		env   map[string]string
		asked Asked
		asks  bool
	}{
		{tmuxEnv, Asked{}, true},
		{with(tmuxEnv, "TMUX", "-"), Asked{}, false},
		{with(tmuxEnv, "SSH_CONNECTION", "a"), Asked{}, false},
		{with(tmuxEnv, "WAYLAND_DISPLAY", "-"), Asked{}, false},
		{with(tmuxEnv, "CI", "1"), Asked{}, false},
		{tmuxEnv, Asked{NobodyHere: true}, false},
		{tmuxEnv, Asked{Browser: "none"}, false},
		{tmuxEnv, Asked{Browser: "xdg-open"}, false},
		{tmuxEnv, Asked{Flow: flows.FlowPKCE}, false},
		{tmuxEnv, Asked{Flow: flows.FlowDevice}, false},
	} {
		h := laid{env: c.env, files: with(tmux, "/usr/bin/tmux", "#!/bin/sh\necho >\"${0%/*}/asked\"\n"),
			terminal: tty}.host(t)
		if _, err := h.look(c.asked); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(h.root, "/usr/bin/asked")); (err == nil) != c.asks {
			t.Errorf("%v, %+v: tmux was asked is %v", c.env, c.asked, err == nil)
		}
	}
}

// On whatever machine this is: the facts can be had, and are fit to be printed.
func TestLook(t *testing.T) {
	p, err := Look(Asked{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", p)
	if c := flows.Choose(p.Facts); len(c.Why) == 0 {
		t.Error("no reason")
	}
}

func BenchmarkLook(b *testing.B) {
	b.Setenv("TMUX", "")
	for b.Loop() {
		if _, err := Look(Asked{}); err != nil {
			b.Fatal(err)
		}
	}
}
