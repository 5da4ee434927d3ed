//go:build unix

package place

import (
	"maps"
	"os"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/terminal"
)

// A laid is a place as it is laid out.
type laid struct {
	os       string            // linux if empty
	env      map[string]string // next to PATH
	files    map[string]string
	terminal terminal.Facts
	uid      func() int    // the tests' own if nil
	session  func() uint32 // Windows
	ppid     int
	hangs    bool // tmux does
}

func (l laid) host(t *testing.T) host {
	t.Helper()
	h := host{os: l.os, root: tree(t, l.files), uid: os.Geteuid(), ppid: l.ppid, tmuxLimit: time.Hour}
	if h.os == "" {
		h.os = "linux"
	}
	if l.uid != nil {
		h.uid = l.uid()
	}
	h.getenv = func(name string) string {
		if name == "PATH" && l.env[name] == "" {
			return "/usr/bin:/bin"
		}
		return l.env[name]
	}
	if l.hangs {
		h.tmuxLimit = time.Millisecond
	}
	h.terminal = func(bool) terminal.Facts { return l.terminal }
	h.session = func() (uint32, bool) {
		if l.session == nil {
			return 0, false
		}
		return l.session(), true
	}
	return h
}

func number(n int) func() int               { return func() int { return n } }
func windowsSession(n uint32) func() uint32 { return func() uint32 { return n } }

// with is a map with more in it; a value "-" takes one out.
func with(m map[string]string, more ...string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	for i := 0; i < len(more); i += 2 {
		if m[more[i]] = more[i+1]; more[i+1] == "-" {
			delete(m, more[i])
		}
	}
	return m
}

var (
	ours   = os.Geteuid()
	tty    = terminal.Facts{Stderr: true, Open: true, Owner: ours}
	noTTY  = terminal.Facts{Owner: -1}
	behind = terminal.Facts{Open: true, Owner: ours} // stderr is the parent's, the terminal is there
	full   = terminal.Facts{Stderr: true, Open: true, Raw: true, Owner: ours}

	wayland = map[string]string{"XDG_RUNTIME_DIR": "/run/user/1", "WAYLAND_DISPLAY": "wayland-0"}
	desktop = map[string]string{
		"/usr/bin/xdg-open": program, "/run/user/1/wayland-0": socket,
		"/proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/" +
			"app-org.gnome.Terminal.slice/vte-spawn-1.scope\n",
	}
	overSSH = map[string]string{"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22", "SSH_CLIENT": "192.0.2.1 1 22",
		"SSH_TTY": "/dev/pts/1"}

	helper    = "/home/a/.vscode-server/cli/servers/Stable-1/server/bin/helpers/browser.sh"
	devHelper = "/vscode/vscode-server/bin/linux-x64/1/bin/helpers/browser.sh"
	tunnel    = "/home/a/.vscode/cli/servers/Stable-1/server/bin/helpers/browser.sh"
	webHelper = "/vscode/bin/linux-x64/1/bin/helpers/browser.sh"
	hook      = "/run/user/1/vscode-ipc-1.sock"

	wsl2 = map[string]string{
		"/proc/sys/kernel/osrelease":           "5.15.153.1-microsoft-standard-WSL2\n",
		"/proc/sys/fs/binfmt_misc/WSLInterop":  "enabled\ninterpreter /init\n",
		"/mnt/c/Windows/System32/rundll32.exe": program, "/run/systemd/container": "wsl\n",
	}
	wsl1 = with(wsl2, "/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")

	tmuxEnv = with(wayland, "TMUX", "/tmp/tmux-1/default,1,0")
	tmux    = with(desktop, "/tmp/tmux-1/default", dead, "/usr/bin/tmux",
		"#!/bin/sh\necho 4242\necho unknown variable >&2; exit 1\n",
		"/proc/4242/environ", "TERM=xterm\x00LANG=C\x00", "/proc/4242/stat", "4242 (tmux: client) S 1 0")
)
