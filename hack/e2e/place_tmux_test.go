package e2e

import "testing"

// TestPlaceTmux: tmux was begun on a desktop, and its shells have the desktop's
// environment for good. Who looks at them changes.
func TestPlaceTmux(t *testing.T) {
	t.Parallel()
	c := newClient(t, provider)
	home := desktop(c)
	window := newTmux(home, 100, 50)
	server := newSSHServer(t, home)

	local := home.onTerminal().attach(window)
	window.run("kube", "--explain", "--force").check(c, choice{"pkce", "stderr", "browser"})
	window.do("detach-client", "-s", "e2e")
	local.wait()

	// The same shell, and the person has gone home.
	remote := place{c: c}.onTerminal()
	remote.all = true
	client := remote.start(mustTool(t, "ssh"),
		append(server.ssh("-t"), quoted(append([]string{mustTarget(t, "tmux")}, window.attached()...)))...)
	client.eventually("tmux has no client over SSH", func() bool { return window.clients() == 1 })
	window.run("kube", "--explain", "--force", "--session", "away").check(c, choice{"device", "stderr", "tmux"})
}

// attach looks at the window from a place with a terminal.
func (p place) attach(window *tmux) *command {
	p.c.t.Helper()
	p.all = true
	client := p.start(mustTarget(p.c.t, "tmux"), window.attached()...)
	client.eventually("tmux has no client", func() bool { return window.clients() == 1 })
	return client
}
