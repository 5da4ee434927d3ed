package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tmux is a server of the terminal multiplexer with one window, in which a
// shell waits. It tells what a person sees: the lines of a screen, not what was
// written to it.
type tmux struct {
	t      *testing.T
	at     place
	socket string
	server *command
	env    []string // for what run starts, next to the shell's
	runs   int
}

// newTmux begins it at a place, from which the shell has its environment.
func newTmux(at place, columns, rows int) *tmux {
	t := at.c.t
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "tmux-") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	m := &tmux{t: t, socket: filepath.Join(dir, "socket")}
	at.root.Binds = append(at.root.Binds, dir)
	at.tty, m.at = nil, at
	m.server = at.start(mustTarget(t, "tmux"), "-D", "-S", m.socket, "-f", os.DevNull)
	m.server.eventually("tmux does not answer", func() bool {
		return exec.Command(mustTool(t, "tmux"), "-S", m.socket, "show-options", "-g").Run() == nil
	})
	m.do("set-option", "-g", "default-shell", "/bin/sh")
	m.do("set-option", "-g", "status", "off")
	// The window has the environment of the client that asks for it.
	at.start(mustTarget(t, "tmux"), "-S", m.socket, "new-session", "-d", "-s", "e2e",
		"-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "env PS1='$ ' sh").ok()
	t.Cleanup(func() { exec.Command(mustTool(t, "tmux"), "-S", m.socket, "kill-server").Run() }) // with what runs in it
	return m
}

// do gives a command to the server.
func (m *tmux) do(args ...string) string {
	m.t.Helper()
	out, err := exec.Command(mustTool(m.t, "tmux"), append([]string{"-S", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

// press types what a person would.
func (m *tmux) press(keys string) {
	m.t.Helper()
	args := []string{"send-keys", "-t", "e2e", "-H"}
	for _, key := range []byte(keys) {
		args = append(args, strconv.FormatInt(int64(key), 16))
	}
	m.do(args...)
}

// text is what the window shows and what scrolled out of it, with lines put
// together again that it broke.
func (m *tmux) text() string {
	m.t.Helper()
	return m.do("capture-pane", "-p", "-J", "-S", "-", "-t", "e2e")
}

// attached is the command line of a client.
func (m *tmux) attached() []string { return []string{"-S", m.socket, "attach-session", "-t", "e2e"} }

// clients are how many look at the window.
func (m *tmux) clients() int {
	m.t.Helper()
	return strings.Count(m.do("list-clients"), "\n")
}

// run starts a command of sso-exec in the window; its document goes into a
// file. What is returned ends with it, and as it does.
func (m *tmux) run(name string, more ...string) *command {
	m.t.Helper()
	c, program := m.at.c, mustTool(m.t, "sso-exec")
	m.runs++
	channel, code := fmt.Sprintf("run-%d", m.runs), filepath.Join(filepath.Dir(m.socket), "code")
	signal := quoted([]string{mustTarget(m.t, "tmux"), "-S", m.socket, "wait-for"})
	r := place{c: c}.start("/bin/sh", "-c", signal+" "+channel+"; exit $(cat "+code+")")
	r.window, r.document = m, c.write("document", "")
	words := append(append([]string{"env"}, m.env...), program)
	line := c.write(channel, quoted(append(words, c.args(name, more...)...))+" >"+r.document+"\n"+
		"echo $? >"+code+"\n"+signal+" -S "+channel+"\n")
	m.do("send-keys", "-R", "-t", "e2e") // what is read next is this run's
	m.do("clear-history", "-t", "e2e")
	m.press(". " + line + "\r")
	return r
}
