package place

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/browser"
)

// clouds are machines that a person meets in a web page. No port of theirs is
// 127.0.0.1 of the browser that shows the page.
var clouds = []struct{ name, value, words string }{
	{"CODESPACES", "", "a codespace (CODESPACES)"},
	{"GITPOD_WORKSPACE_ID", "", "a Gitpod workspace (GITPOD_WORKSPACE_ID)"},
	{"CLOUD_SHELL", "", "Google Cloud Shell (CLOUD_SHELL)"},
	{"AWS_EXECUTION_ENV", "cloudshell", "AWS CloudShell (AWS_EXECUTION_ENV)"},
	{"AZUREPS_HOST_ENVIRONMENT", "cloud-shell/", "Azure Cloud Shell (AZUREPS_HOST_ENVIRONMENT)"},
	{"ACC_CLOUD", "", "Azure Cloud Shell (ACC_CLOUD)"},
}

// remoteServers let people in from another machine. All of them hand
// SSH_CONNECTION down or are asked for it below; their names show where it was
// lost: after env -i, su -, machinectl shell.
var remoteServers = []string{"sshd", "sshd-session", "dropbear", "mosh-server", "etterminal", "in.telnetd", "telnetd"}

// remote tells whether the person sits at another machine. Above are the
// ancestors of this process. GNU screen and zellij, like tmux, live on when a
// connection ends and can be attached to from elsewhere, but cannot be asked
// who is: what they began with counts. So a tmux that was begun over SSH and is
// now attached at the desktop counts as remote; the worst of that is a code in
// place of a browser.
func (h host) remote(above []string, windows wsl) string {
	for _, c := range clouds {
		if v := strings.ToLower(h.getenv(c.name)); h.on(c.name) && strings.HasPrefix(v, c.value) {
			return c.words
		}
	}
	if words := webEditor(h.getenv("BROWSER")); words != "" {
		return words
	}
	if name := h.first("SSH_CONNECTION", "SSH_CLIENT"); name != "" {
		return "a session over SSH (" + name + ")"
	}
	// It names a terminal. Without the others, which are set with it, it is
	// what some shell kept; so at least that terminal must still be there.
	if tty := h.getenv("SSH_TTY"); strings.HasPrefix(tty, "/dev/") && h.exists(tty) {
		return "a session over SSH (SSH_TTY)"
	}
	// In WSL it is how a server on the Windows side is reached.
	if words := h.xFromAfar(); words != "" && !windows.interop {
		return words
	}
	return lettingIn(above)
}

func lettingIn(above []string) string {
	for _, name := range above {
		if slices.Contains(remoteServers, name) {
			return "a session over SSH (" + name + " started it)"
		}
	}
	return ""
}

// The servers of VS Code and its kin set $BROWSER, in the terminals that they
// offer, to a helper that has the page opened by the editor before the person,
// through the socket in VSCODE_IPC_HOOK_CLI. An editor that is a program on the
// person's machine finds a redirect_uri with localhost or 127.0.0.1 (not ::1)
// in the page's query and forwards that port first (VS Code's tunnel.ts,
// extractQueryLocalHostUriMetaDataForPortMapping). An editor in a web page
// cannot.

// isHelper reports whether a value of $BROWSER is such a helper.
func isHelper(variable string) bool {
	return strings.HasSuffix(filepath.ToSlash(variable), "/bin/helpers/browser.sh")
}

// The helper's path tells the servers apart.
//
//	~/.vscode-server/bin/COMMIT/bin/helpers/browser.sh                        Remote-SSH, WSL, dev containers
//	~/.vscode-server/cli/servers/Stable-COMMIT/server/bin/helpers/browser.sh  the same, lately
//	/vscode/vscode-server/bin/linux-x64/COMMIT/bin/helpers/browser.sh         dev containers
//	~/.vscode/cli/servers/Stable-COMMIT/server/bin/helpers/browser.sh         tunnels; the client may be a web page
//	/vscode/bin/linux-x64/COMMIT/bin/helpers/browser.sh                       codespaces
//	/usr/lib/code-server/lib/vscode/bin/helpers/browser.sh                    code-server: a web page
//	~/.openvscode-server/bin/helpers/browser.sh                               the same
//
// Cursor, VSCodium, Windsurf and others have the first two under their own
// names, as .cursor-server. A path that is like none of these belongs to a web
// page until we know better.
const desktopServer = `/\.?[a-z]+-server(-insiders|-exploration|-oss)?/(bin|cli)/`

// webEditor tells of an editor whose client is, or may be, a web page.
func webEditor(variable string) string {
	path := filepath.ToSlash(variable)
	switch {
	case !isHelper(variable):
		return ""
	case strings.Contains(path, "/code-server/") || strings.Contains(path, "openvscode-server/"):
		return "an editor in a web page ($BROWSER)"
	case regexp.MustCompile(desktopServer).MatchString(path): // compiled only here, where one is needed
		return ""
	case strings.Contains(path, "/cli/servers/"):
		return "an editor's tunnel, which may end in a web page ($BROWSER)"
	}
	return "an editor that may be a web page ($BROWSER)"
}

// editorHelper returns the helper if it reaches the person: its editor is not
// in a web page, and is still there. In a tmux that outlived the editor's window
// it is not, and the helper would do nothing.
func (h host) editorHelper(variable string, p *Place) (browser.Command, bool) {
	if where := h.remote(nil, wsl{}); webEditor(variable) != "" || strings.HasPrefix(where, "a codespace") ||
		strings.HasPrefix(where, "a Gitpod") {
		p.note("$BROWSER, an editor's helper, was passed over: a page that it opens may not reach this machine")
		return browser.Command{}, false
	}
	socket := h.getenv("VSCODE_IPC_HOOK_CLI")
	if !filepath.IsAbs(socket) || h.owner(socket) != h.uid || !h.listens(socket) {
		p.note("$BROWSER, an editor's helper, was passed over: its editor has gone (VSCODE_IPC_HOOK_CLI)")
		return browser.Command{}, false
	}
	program, ok := h.finder().LookPath(variable)
	if !ok {
		p.note("$BROWSER, an editor's helper, is not there: " + variable)
	}
	return browser.Command{Program: program}, ok
}
