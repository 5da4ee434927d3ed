//go:build unix

package place

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// A laid is a place as it is laid out.
type laid struct {
	os       string            // linux if empty
	env      map[string]string // beside PATH
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
		"/proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope\n",
	}
	overSSH = map[string]string{"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22", "SSH_CLIENT": "192.0.2.1 1 22", "SSH_TTY": "/dev/pts/1"}

	helper    = "/home/a/.vscode-server/cli/servers/Stable-1/server/bin/helpers/browser.sh"
	devHelper = "/vscode/vscode-server/bin/linux-x64/1/bin/helpers/browser.sh"
	tunnel    = "/home/a/.vscode/cli/servers/Stable-1/server/bin/helpers/browser.sh"
	webHelper = "/vscode/bin/linux-x64/1/bin/helpers/browser.sh"
	hook      = "/run/user/1/vscode-ipc-1.sock"

	wsl2 = map[string]string{
		"/proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n", "/proc/sys/fs/binfmt_misc/WSLInterop": "enabled\ninterpreter /init\n",
		"/mnt/c/Windows/System32/rundll32.exe": program, "/run/systemd/container": "wsl\n",
	}
	wsl1 = with(wsl2, "/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")

	tmuxEnv = with(wayland, "TMUX", "/tmp/tmux-1/default,1,0")
	tmux    = with(desktop, "/tmp/tmux-1/default", dead, "/usr/bin/tmux", "#!/bin/sh\necho 4242\necho unknown variable >&2; exit 1\n",
		"/proc/4242/environ", "TERM=xterm\x00LANG=C\x00", "/proc/4242/stat", "4242 (tmux: client) S 1 0")
)

// Each row is a place, from what is in it to the flow that is chosen there: the
// evidence is found, it is put into words, and Choose goes by it.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		place string
		laid  laid
		asked Asked
		flow  string
		why   string // in the reasons
	}{
		{"a Linux desktop, Wayland", laid{env: wayland, files: desktop, terminal: tty},
			Asked{}, flows.FlowPKCE, "there is Wayland (wayland-0) and a browser (/usr/bin/xdg-open)"},
		{"the same, by an absolute path", laid{env: with(wayland, "WAYLAND_DISPLAY", "/run/user/1/wayland-0", "XDG_RUNTIME_DIR", "-"), files: desktop, terminal: tty},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"a Linux desktop, X11", laid{env: map[string]string{"DISPLAY": ":0.0"}, files: with(desktop, "/tmp/.X11-unix/X0", socket), terminal: tty},
			Asked{}, flows.FlowPKCE, "there is X11 (:0.0)"},
		{"the same, its socket only by an abstract name", laid{env: map[string]string{"DISPLAY": "unix:1"},
			files: with(desktop, "/proc/net/unix", "Num RefCount\n0: 2 0 10000 1 1 5 @/tmp/.X11-unix/X1\n"), terminal: tty},
			Asked{}, flows.FlowPKCE, "X11 (unix:1)"},
		{"an editor on the desktop, stderr in a log", laid{env: wayland, files: desktop, terminal: noTTY},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"a desktop that has no xdg-open", laid{env: wayland, files: with(desktop, "/usr/bin/xdg-open", "-", "/usr/bin/gio", program), terminal: tty},
			Asked{}, flows.FlowPKCE, "/usr/bin/gio"},
		{"a desktop without any browser", laid{env: wayland, files: with(desktop, "/usr/bin/xdg-open", "-"), terminal: tty},
			Asked{}, flows.FlowDevice, "no browser was found"},
		{"the desktop has ended, tmux goes on", laid{env: wayland, files: with(desktop, "/run/user/1/wayland-0", dead), terminal: tty},
			Asked{}, flows.FlowDevice, "no graphical session"},
		{"a display that was never there", laid{env: map[string]string{"DISPLAY": ":7"}, files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "no graphical session"},
		{"somebody else's desktop", laid{env: wayland, files: desktop, terminal: terminal.Facts{Stderr: true, Open: true, Owner: ours + 1}, uid: number(ours + 1)},
			Asked{}, flows.FlowDevice, "no graphical session"},
		{"a Linux console", laid{files: map[string]string{"/usr/bin/xdg-open": program}, terminal: tty},
			Asked{}, flows.FlowDevice, "no graphical session"},
		{"a toolbox on the desktop", laid{env: with(wayland, "container", "oci"), files: with(desktop, "/run/.containerenv", "", "/run/.toolboxenv", ""), terminal: tty},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"a terminal in a Flatpak", laid{env: with(wayland, "container", "flatpak"), files: desktop, terminal: tty},
			Asked{}, flows.FlowPKCE, "Wayland"},

		{"SSH with a terminal", laid{env: overSSH, files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "this is a session over SSH (SSH_CONNECTION)"},
		{"SSH without a terminal", laid{env: with(overSSH, "SSH_TTY", "-"), files: desktop, terminal: noTTY},
			Asked{}, "", "this is a session over SSH (SSH_CONNECTION)"},
		{"SSH to a machine where the person also has a desktop", laid{env: with(overSSH, "XDG_RUNTIME_DIR", "/run/user/1", "WAYLAND_DISPLAY", "wayland-0"), files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},
		{"SSH with X forwarding", laid{env: with(overSSH, "DISPLAY", "localhost:10.0"), files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},
		{"X forwarding, after the rest was dropped", laid{env: map[string]string{"DISPLAY": "localhost:11.0"}, files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "X forwarding (DISPLAY=localhost:11.0)"},
		{"an X terminal", laid{env: map[string]string{"DISPLAY": "desk.example:0"}, files: desktop, terminal: tty},
			Asked{}, flows.FlowDevice, "a display of another machine (DISPLAY=desk.example:0)"},
		{"SSH, its environment dropped", laid{env: wayland, ppid: 30, terminal: tty,
			files: with(desktop, "/proc/30/stat", "30 (bash) S 20 1", "/proc/20/stat", "20 (a) b (c) S 10 1", "/proc/10/stat", "10 (sshd-session) S 1 1")},
			Asked{}, flows.FlowDevice, "sshd-session started it"},
		{"SSH_TTY alone, and gone", laid{env: with(wayland, "SSH_TTY", "/dev/pts/9"), files: desktop, terminal: tty},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"SSH_TTY alone", laid{env: with(wayland, "SSH_TTY", "/dev/pts/9"), files: with(desktop, "/dev/pts/9", ""), terminal: tty},
			Asked{}, flows.FlowDevice, "SSH_TTY"},
		{"SSH, $BROWSER set by the shell's profile", laid{env: with(overSSH, "BROWSER", "firefox"), files: with(desktop, "/usr/bin/firefox", program), terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},
		{"SSH, a browser named", laid{env: overSSH, files: with(desktop, "/usr/bin/remote-open", program), terminal: tty},
			Asked{Browser: "remote-open --url %s"}, flows.FlowPKCE, "a browser was named (/usr/bin/remote-open)"},
		{"SSH, a client that has gone", laid{env: overSSH, files: desktop, terminal: tty}, Asked{Device: flows.DeviceNever}, flows.FlowPaste, "device sign-in is not allowed"},

		{"VS Code Remote-SSH", laid{env: with(overSSH, "BROWSER", helper, "VSCODE_IPC_HOOK_CLI", hook), files: map[string]string{helper: program, hook: socket}, terminal: tty},
			Asked{}, flows.FlowPKCE, "a remote editor's terminal"},
		{"the same in a tmux that outlived the window", laid{env: with(overSSH, "BROWSER", helper, "VSCODE_IPC_HOOK_CLI", hook), files: map[string]string{helper: program, hook: dead}, terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},
		{"the same, another user's socket", laid{env: with(overSSH, "BROWSER", helper, "VSCODE_IPC_HOOK_CLI", hook), files: map[string]string{helper: program, hook: socket}, uid: number(ours + 1),
			terminal: terminal.Facts{Stderr: true, Open: true, Owner: ours + 1}}, Asked{}, flows.FlowDevice, "SSH"},
		{"a VS Code tunnel", laid{env: map[string]string{"BROWSER": tunnel, "VSCODE_IPC_HOOK_CLI": hook}, files: with(desktop, tunnel, program, hook, socket), terminal: tty},
			Asked{}, flows.FlowDevice, "an editor's tunnel"},
		{"a dev container", laid{env: map[string]string{"BROWSER": devHelper, "VSCODE_IPC_HOOK_CLI": hook}, files: map[string]string{devHelper: program, hook: socket, "/.dockerenv": ""}, terminal: tty},
			Asked{}, flows.FlowPKCE, "a remote editor's terminal"},
		{"a dev container from outside of the editor", laid{files: map[string]string{"/.dockerenv": ""}, terminal: tty},
			Asked{}, flows.FlowDevice, "a container (/.dockerenv)"},
		{"Codespaces", laid{env: map[string]string{"CODESPACES": "true", "BROWSER": webHelper, "VSCODE_IPC_HOOK_CLI": hook}, files: map[string]string{webHelper: program, hook: socket, "/.dockerenv": ""}, terminal: tty},
			Asked{}, flows.FlowDevice, "a codespace (CODESPACES)"},
		{"Codespaces with a path as a desktop's", laid{env: map[string]string{"CODESPACES": "true", "BROWSER": helper, "VSCODE_IPC_HOOK_CLI": hook}, files: map[string]string{helper: program, hook: socket}, terminal: tty},
			Asked{}, flows.FlowDevice, "a codespace (CODESPACES)"},
		{"code-server", laid{env: map[string]string{"BROWSER": "/usr/lib/code-server/lib/vscode/bin/helpers/browser.sh"}, terminal: tty},
			Asked{}, flows.FlowDevice, "an editor in a web page"},
		{"Gitpod", laid{env: map[string]string{"GITPOD_WORKSPACE_ID": "a-b-c"}, terminal: tty}, Asked{}, flows.FlowDevice, "Gitpod"},

		{"Docker with a terminal", laid{env: wayland, files: with(desktop, "/.dockerenv", ""), terminal: terminal.Facts{Stderr: true, Open: true, Owner: ours + 1}},
			Asked{}, flows.FlowDevice, "a container (/.dockerenv)"},
		{"Docker Desktop, on WSL's kernel", laid{files: with(wsl2, "/.dockerenv", "", "/run/systemd/container", "-"), terminal: tty},
			Asked{}, flows.FlowDevice, "a container (/.dockerenv)"},
		{"Podman without a terminal", laid{files: with(desktop, "/run/.containerenv", ""), terminal: noTTY},
			Asked{}, "", "a container (/run/.containerenv)"},
		{"systemd-nspawn", laid{files: map[string]string{"/run/systemd/container": "systemd-nspawn\n"}, terminal: tty},
			Asked{}, flows.FlowDevice, "a container (systemd-nspawn"},
		{"some other container", laid{env: map[string]string{"container": "lxc\x1b[2J"}, terminal: tty},
			Asked{}, flows.FlowDevice, "a container (container=lxc[2J)"},
		{"a Kubernetes pod", laid{env: map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, terminal: noTTY},
			Asked{}, "", "a pod of Kubernetes (KUBERNETES_SERVICE_HOST)"},
		{"a Kubernetes pod, somebody attached, variables off", laid{files: map[string]string{"/var/run/secrets/kubernetes.io/serviceaccount/token": "x"}, terminal: tty},
			Asked{}, flows.FlowDevice, "service account"},

		{"tmux on a desktop", laid{env: tmuxEnv, files: tmux, terminal: tty}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"tmux begun on a desktop, attached over SSH", laid{env: tmuxEnv, files: with(tmux, "/proc/4242/environ", "TERM=xterm\x00SSH_CONNECTION=a b\x00"), terminal: tty},
			Asked{}, flows.FlowDevice, "tmux, attached from a session over SSH"},
		{"the same, its client's environment dropped", laid{env: tmuxEnv, files: with(tmux, "/proc/4242/stat", "4242 (tmux: client) S 42 0", "/proc/42/stat", "42 (sshd) S 1 0"), terminal: tty},
			Asked{}, flows.FlowDevice, "sshd started it"},
		{"the same on macOS", laid{os: "darwin", env: tmuxEnv, files: with(tmux, "/proc/4242/environ", "-", "/dev/console", "", "/usr/bin/open", program,
			"/usr/bin/tmux", "#!/bin/sh\necho 4242; echo SSH_CONNECTION=a b\n"), terminal: tty},
			Asked{}, flows.FlowDevice, "tmux, attached from a session over SSH"},
		{"the same, $BROWSER set", laid{env: with(tmuxEnv, "BROWSER", "firefox"), files: with(tmux, "/usr/bin/firefox", program, "/proc/4242/environ", "SSH_CONNECTION=a b\x00"), terminal: tty},
			Asked{}, flows.FlowDevice, "tmux, attached from a session over SSH"},
		{"tmux begun over SSH, new panes since it is attached at the desktop", laid{env: with(tmuxEnv, "SSH_CLIENT", "a"), files: tmux, terminal: tty},
			Asked{}, flows.FlowDevice, "SSH_CLIENT"},
		{"a tmux that hangs", laid{env: tmuxEnv, files: with(tmux, "/usr/bin/tmux", "#!/bin/sh\nexec sleep 600\n"), terminal: tty, hangs: true}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"a tmux that nobody is attached to", laid{env: tmuxEnv, files: with(tmux, "/usr/bin/tmux", "#!/bin/sh\necho\n"), terminal: tty}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"a tmux that has gone", laid{env: tmuxEnv, files: with(tmux, "/tmp/tmux-1/default", "-"), terminal: tty}, Asked{}, flows.FlowPKCE, "Wayland"},

		{"WSL 2 with wslview", laid{files: with(wsl2, "/usr/bin/wslview", program), terminal: tty},
			Asked{}, flows.FlowPKCE, "there is the Windows desktop (WSL 2) and a browser (/usr/bin/wslview)"},
		{"WSL 2 without wslview", laid{files: wsl2, terminal: tty},
			Asked{}, flows.FlowPKCE, "there is the Windows desktop (WSL 2) and a browser (/mnt/c/Windows/System32/rundll32.exe)"},
		{"WSL 2 with its drives elsewhere", laid{files: with(wsl2, "/etc/wsl.conf", "[boot]\nroot = /no\n[automount]\n root = \"/win\"\n", "/win/c/Windows/System32/rundll32.exe", program), terminal: tty},
			Asked{}, flows.FlowPKCE, "(/win/c/Windows/System32/rundll32.exe)"},
		{"WSL 2 with an X server on Windows", laid{env: map[string]string{"DISPLAY": "172.24.0.1:0"}, files: wsl2, terminal: tty}, Asked{}, flows.FlowPKCE, "WSL 2"},
		{"WSL 2 with systemd", laid{files: with(wsl2, "/proc/sys/fs/binfmt_misc/WSLInterop", "-", "/proc/sys/fs/binfmt_misc/WSLInterop-late", "enabled\n"), terminal: tty},
			Asked{}, flows.FlowPKCE, "WSL 2"},
		{"WSL 2 without interop", laid{files: with(wsl2, "/proc/sys/fs/binfmt_misc/WSLInterop", "disabled\n", "/usr/bin/wslview", program), terminal: tty},
			Asked{}, flows.FlowDevice, "no browser was found"},
		{"WSL 2 without interop, with WSLg", laid{env: wayland, files: with(desktop, "/proc/sys/kernel/osrelease", "5.15-microsoft-standard-WSL2"), terminal: tty},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"WSL 2, over SSH", laid{env: overSSH, files: wsl2, terminal: tty}, Asked{}, flows.FlowDevice, "SSH"},
		{"WSL 1 with wslview", laid{files: with(wsl1, "/usr/bin/wslview", program), terminal: tty},
			Asked{}, flows.FlowPKCE, "there is the Windows desktop (WSL 1) and a browser (/usr/bin/wslview)"},
		{"WSL 1 without wslview", laid{files: wsl1, terminal: tty}, Asked{}, flows.FlowPKCE, "(WSL 1) and a browser (/mnt/c/"},

		{"macOS", laid{os: "darwin", files: map[string]string{"/dev/console": "", "/usr/bin/open": program}, terminal: tty},
			Asked{}, flows.FlowPKCE, "there is the macOS desktop"},
		{"macOS with nobody signed in at the screen", laid{os: "darwin", files: map[string]string{"/dev/console": "", "/usr/bin/open": program}, uid: number(ours + 1),
			terminal: terminal.Facts{Stderr: true, Open: true, Owner: ours + 1}}, Asked{}, flows.FlowDevice, "no graphical session"},
		{"macOS over SSH", laid{os: "darwin", env: overSSH, files: map[string]string{"/dev/console": "", "/usr/bin/open": program}, terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},
		{"macOS, an editor", laid{os: "darwin", env: map[string]string{"XPC_SERVICE_NAME": "application.com.microsoft.VSCode.1.2"}, files: map[string]string{"/dev/console": "", "/usr/bin/open": program}, terminal: noTTY},
			Asked{}, flows.FlowPKCE, "macOS"},
		{"macOS, a job of launchd", laid{os: "darwin", env: map[string]string{"XPC_SERVICE_NAME": "com.example.backup"}, files: map[string]string{"/dev/console": "", "/usr/bin/open": program}, terminal: noTTY},
			Asked{}, "", "a job of launchd (com.example.backup)"},
		{"Windows", laid{os: "windows", env: map[string]string{"SystemRoot": `C:\Windows`}, files: map[string]string{`C:\Windows\System32\rundll32.exe`: program}, uid: number(-1), session: windowsSession(1), terminal: tty},
			Asked{}, flows.FlowPKCE, "there is the Windows desktop (session 1)"},
		{"Windows, a service", laid{os: "windows", env: map[string]string{"SystemRoot": `C:\Windows`}, files: map[string]string{`C:\Windows\System32\rundll32.exe`: program}, uid: number(-1), session: windowsSession(0), terminal: noTTY},
			Asked{}, "", "session 0"},
		{"Windows over SSH", laid{os: "windows", env: with(overSSH, "SystemRoot", `C:\Windows`), files: map[string]string{`C:\Windows\System32\rundll32.exe`: program}, uid: number(-1), session: windowsSession(0), terminal: tty},
			Asked{}, flows.FlowDevice, "SSH"},

		{"GitHub Actions", laid{env: map[string]string{"CI": "true", "GITHUB_ACTIONS": "true"}, terminal: noTTY}, Asked{}, "", "this is GitHub Actions (GITHUB_ACTIONS)"},
		{"GitHub Actions on a desktop of one's own", laid{env: with(wayland, "GITHUB_ACTIONS", "true"), files: desktop, terminal: tty}, Asked{}, "", "GitHub Actions"},
		{"GitLab", laid{env: map[string]string{"GITLAB_CI": "true"}, terminal: noTTY}, Asked{}, "", "GitLab CI (GITLAB_CI)"},
		{"Jenkins", laid{env: map[string]string{"JENKINS_URL": "https://ci.example/"}, terminal: noTTY}, Asked{}, "", "Jenkins (JENKINS_URL)"},
		{"CI=true", laid{env: map[string]string{"CI": "true"}, terminal: tty}, Asked{}, "", "a CI job (CI)"},
		{"CI=false on a desktop", laid{env: with(wayland, "CI", "false"), files: desktop, terminal: tty}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"CI, --flow device", laid{env: map[string]string{"CI": "1"}, terminal: noTTY}, Asked{Flow: flows.FlowDevice}, flows.FlowDevice, "--flow device"},

		{"cron", laid{files: with(desktop, "/proc/self/cgroup", "0::/system.slice/cron.service\n"), terminal: noTTY}, Asked{}, "", "this is cron.service (systemd), which nobody watches"},
		{"cron with a display in its table", laid{env: with(wayland, "DISPLAY", ":0"), files: with(desktop, "/proc/self/cgroup", "0::/system.slice/cron.service\n"), terminal: noTTY},
			Asked{}, "", "this is cron.service (systemd), which nobody watches"},
		{"cron that opens a session", laid{env: wayland, ppid: 7, files: with(desktop, "/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-c5.scope\n", "/proc/7/stat", "7 (crond) S 1 1"), terminal: noTTY},
			Asked{}, "", "a scheduled job (crond started it)"},
		{"a timer of the user's systemd", laid{env: wayland, files: with(desktop, "/proc/self/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service\n"), terminal: noTTY},
			Asked{}, "", "backup.service"},
		{"the same, $BROWSER set by the login's profile", laid{env: with(wayland, "BROWSER", "firefox"), terminal: noTTY,
			files: with(desktop, "/usr/bin/firefox", program, "/proc/self/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service\n")},
			Asked{}, "", "backup.service"},
		{"the same with cgroup 1", laid{env: wayland, files: with(desktop, "/proc/self/cgroup", "12:pids:/x.service\n1:name=systemd:/system.slice/backup.service\n"), terminal: noTTY},
			Asked{}, "", "backup.service"},
		{"a service whose cgroup is not to be seen", laid{env: with(wayland, "JOURNAL_STREAM", "8:12345"), files: with(desktop, "/proc/self/cgroup", "-"), terminal: terminal.Facts{Owner: -1, StderrFile: "8:12345"}},
			Asked{}, "", "stderr is the journal"},
		{"an application of the desktop, started as a service", laid{env: with(wayland, "JOURNAL_STREAM", "8:12345"), terminal: terminal.Facts{Owner: -1, StderrFile: "8:12345"},
			files: with(desktop, "/proc/self/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-code@1.service\n")},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"what the desktop itself starts", laid{env: wayland, files: with(desktop, "/proc/self/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/session.slice/shell.service\n"), terminal: noTTY},
			Asked{}, flows.FlowPKCE, "Wayland"},

		{"sudo on a desktop", laid{env: with(wayland, "SUDO_UID", "1000"), files: desktop, uid: number(0), terminal: tty},
			Asked{}, flows.FlowDevice, "root by way of sudo (SUDO_UID)"},
		{"sudo -u on a desktop", laid{env: with(wayland, "SUDO_UID", "1000"), files: desktop, uid: number(1001), terminal: tty},
			Asked{}, flows.FlowDevice, "another user by way of sudo (SUDO_UID)"},
		{"su on a desktop", laid{env: wayland, files: desktop, uid: number(0), terminal: terminal.Facts{Stderr: true, Open: true, Owner: 1000}},
			Asked{}, flows.FlowDevice, "root, on a terminal that belongs to user 1000"},
		{"doas on a desktop", laid{env: with(wayland, "DOAS_USER", "ann"), files: desktop, uid: number(0), terminal: tty},
			Asked{}, flows.FlowDevice, "doas"},
		{"a terminal that is nobody's in this user namespace", laid{env: wayland, files: desktop, terminal: terminal.Facts{Stderr: true, Open: true, Owner: 65534}},
			Asked{}, flows.FlowPKCE, "Wayland"},
		{"sudo in a container where all is root", laid{env: map[string]string{"SUDO_UID": "0"}, files: map[string]string{"/.dockerenv": ""}, uid: number(0), terminal: terminal.Facts{Stderr: true, Open: true, Owner: 1000}},
			Asked{}, flows.FlowDevice, "a container"},

		{"the AWS CLI or Terraform on a desktop", laid{env: wayland, files: desktop, terminal: behind}, Asked{StderrSwallowed: true}, flows.FlowPKCE, "Wayland"},
		{"the AWS CLI over SSH", laid{env: overSSH, terminal: behind}, Asked{StderrSwallowed: true}, flows.FlowDevice, "the calling tool keeps stderr, but there is a terminal"},
		{"the AWS CLI over SSH without a terminal", laid{env: overSSH, terminal: noTTY}, Asked{StderrSwallowed: true}, "", "keeps stderr and there is no terminal"},
		{"k9s on a desktop", laid{env: wayland, files: desktop, terminal: full}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"k9s over SSH", laid{env: overSSH, terminal: full}, Asked{}, "", "takes each key"},
		{"Google Cloud Shell", laid{env: map[string]string{"CLOUD_SHELL": "true"}, terminal: tty}, Asked{}, flows.FlowDevice, "Google Cloud Shell"},
		{"AWS CloudShell", laid{env: map[string]string{"AWS_EXECUTION_ENV": "CloudShell"}, terminal: tty}, Asked{}, flows.FlowDevice, "AWS CloudShell"},
		{"AWS Lambda is none", laid{env: with(wayland, "AWS_EXECUTION_ENV", "AWS_Lambda_go1.x"), files: desktop, terminal: tty}, Asked{}, flows.FlowPKCE, "Wayland"},
		{"Azure Cloud Shell", laid{env: map[string]string{"AZUREPS_HOST_ENVIRONMENT": "cloud-shell/1.0"}, terminal: tty}, Asked{}, flows.FlowDevice, "Azure Cloud Shell"},

		{"--browser none", laid{env: with(wayland, "BROWSER", "firefox"), files: desktop, terminal: tty}, Asked{Browser: "none"}, flows.FlowDevice, "--browser none"},
		{"--interactive never", laid{env: wayland, files: desktop, terminal: tty}, Asked{NobodyHere: true}, "", "--interactive never"},
		{"$BROWSER on a console", laid{env: map[string]string{"BROWSER": "firefox"}, files: map[string]string{"/usr/bin/firefox": program}, terminal: tty},
			Asked{}, flows.FlowPKCE, "named by $BROWSER (/usr/bin/firefox)"},
		{"$BROWSER=lynx on a console", laid{env: map[string]string{"BROWSER": "lynx"}, files: map[string]string{"/usr/bin/lynx": program}, terminal: tty},
			Asked{}, flows.FlowDevice, "no browser was found"},
		{"$BROWSER=lynx on a desktop", laid{env: with(wayland, "BROWSER", "lynx"), files: with(desktop, "/usr/bin/lynx", program), terminal: tty},
			Asked{}, flows.FlowPKCE, "a browser (/usr/bin/xdg-open)"},
	} {
		t.Run(c.place, func(t *testing.T) {
			t.Parallel()
			p, err := c.laid.host(t).look(c.asked)
			if err != nil {
				t.Fatal(err)
			}
			got := flows.Choose(p.Facts)
			if got.Flow != c.flow || !strings.Contains(strings.Join(got.Why, "; "), c.why) {
				t.Errorf("flow %q because of %q\nwant %q because of %q\nfacts %+v\nnotes %q", got.Flow, got.Why, c.flow, c.why, p.Facts, p.Notes)
			}
			for _, s := range slices.Concat(got.Why, p.Notes, []string{p.Facts.CI, p.Facts.Service, p.Facts.Remote, p.Facts.OtherUser, p.Facts.Container, p.Facts.Display}) {
				if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
					t.Errorf("a control character in %q", s)
				}
			}
			if (p.Facts.Browser == "") != (len(p.Browser) == 0) || len(p.Browser) > 0 && p.Facts.BrowserBy == "" {
				t.Errorf("the facts speak of %q by %q, the commands are %v", p.Facts.Browser, p.Facts.BrowserBy, p.Browser)
			}
		})
	}
}
