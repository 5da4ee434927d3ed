package place

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sso-exec/sso-exec/internal/browser"
)

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
