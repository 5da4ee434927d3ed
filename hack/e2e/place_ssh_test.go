package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestPlaceSSH: the person sits at the other end of a real SSH connection.
func TestPlaceSSH(t *testing.T) {
	t.Parallel()
	mustTool(t, "xauth") // which ssh and sshd find by themselves
	for _, row := range []struct {
		name    string
		options []string
		env     string // set on the far side
		want    choice
	}{
		{"with a terminal", []string{"-t"}, "", choice{"device", "stderr", "SSH"}},
		{"without one", []string{"-T"}, "", choice{"none", "nowhere", "SSH"}},
		{"with the display of the far side's own desktop", []string{"-t"}, "DISPLAY=" + xvfb(t),
			choice{"device", "stderr", "SSH"}},
		{"the same, SSH's variables lost", []string{"-t"},
			"env -u SSH_CONNECTION -u SSH_CLIENT -u SSH_TTY DISPLAY=" + xvfb(t), choice{"device", "stderr", "sshd"}},
		{"with X forwarding", []string{"-t", "-Y"}, "", choice{"device", "stderr", "SSH"}},
		{"with X forwarding and no terminal", []string{"-T", "-Y"}, "", choice{"none", "nowhere", "SSH"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, provider)
			far := desktop(c) // it has a display of its own, too
			server := newSSHServer(t, far)
			near := place{c: c}.with("DISPLAY=" + xvfb(t))
			if row.want.flow != "none" {
				near = near.onTerminal()
			}
			r := far.overSSH(near, server, row.options, row.env, "--explain")
			r.check(c, row.want)
			if forwarded := strings.Contains(r.seen(), "display localhost:"); forwarded != slices.Contains(row.options, "-Y") {
				t.Errorf("a forwarded display: %v", forwarded)
			}
		})
	}
}

// overSSH runs sso-exec on the far side. A terminal there has both stdout and
// stderr, so the document goes into a file, as under a tool it would go into a pipe.
func (p place) overSSH(near place, server *sshServer, options []string, env string, more ...string) *command {
	p.c.t.Helper()
	remote := quoted(append([]string{mustTool(p.c.t, "sso-exec")}, p.c.args("kube", more...)...))
	document := p.c.write("document", "")
	near.all = near.tty != nil
	r := near.start(mustTool(p.c.t, "ssh"), append(server.ssh(options...),
		"test -z \"$DISPLAY\" || echo \"display $DISPLAY\" >&2; "+env+" "+remote+" >"+document)...)
	r.document = document
	return r
}
