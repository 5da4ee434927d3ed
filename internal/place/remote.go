package place

import (
	"slices"
	"strings"
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
