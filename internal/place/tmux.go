package place

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/browser"
)

// tmuxLimit is how long tmux may take to answer: it is asked while a person
// waits for a browser, and answers in a few milliseconds, but on a machine that
// is busy. Without its answer a page may open where nobody sits.
const tmuxLimit = time.Second

// tmuxDecides reports whether it is left to tmux where the person sits: a shell
// in it knows only where tmux was begun, and all of that speaks for a browser.
func (h host) tmuxDecides(f flows.Facts) bool {
	switch {
	case h.getenv("TMUX") == "":
		return false
	case f.Flow != "" && f.Flow != flows.FlowAuto: // named: the place changes nothing
		return false
	case f.BrowserBy != flows.BrowserBySystem && f.BrowserBy != flows.BrowserByVariable: // neither does it here
		return false
	}
	return flows.Choose(f).Flow == flows.FlowPKCE
}

// tmuxClient asks tmux who is attached, which is the client used last if there
// are several, and tells if that one came from another machine. This is the
// only process that is started to look at the place.
func (h host) tmuxClient(p *Place) string {
	socket, _, _ := strings.Cut(h.getenv("TMUX"), ",")
	program, ok := h.finder().LookPath("tmux")
	if !ok || !filepath.IsAbs(socket) || h.owner(socket) != h.uid {
		p.note("tmux could not be asked who is attached")
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.tmuxLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.path(program), "-S", h.path(socket),
		"display-message", "-p", "#{client_pid}", ";", "show-environment", "SSH_CONNECTION")
	for _, name := range []string{"TMUX", "TMUX_PANE", "HOME", "LANG", "LC_ALL", "LC_CTYPE"} { // it wants a UTF-8 locale
		if v := h.getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if h.alone {
		cmd.Env = browser.Environment()
	}
	cmd.WaitDelay = h.tmuxLimit
	out, err := cmd.Output()
	answer := strings.Split(string(out), "\n")
	if pid, _ := strconv.Atoi(answer[0]); pid > 1 {
		return h.tmuxFrom(pid, answer[1:], p)
	}
	if err != nil {
		p.note("tmux did not say who is attached: " + err.Error())
	}
	return ""
}

// tmuxFrom tells where a client of tmux came from: by its own environment and
// ancestors on Linux, and else by what tmux copied from the client that was
// attached last (its update-environment).
func (h host) tmuxFrom(pid int, session []string, p *Place) string {
	const attached = "tmux, attached from "
	if env := h.read("/proc/"+strconv.Itoa(pid)+"/environ", 1<<20); env != "" {
		if strings.Contains("\x00"+env, "\x00SSH_CONNECTION=") {
			return attached + "a session over SSH (its client's SSH_CONNECTION)"
		}
		if words := lettingIn(h.above(pid)); words != "" {
			return attached + words
		}
	} else if len(session) > 0 && strings.HasPrefix(session[0], "SSH_CONNECTION=") {
		return attached + "a session over SSH (its SSH_CONNECTION)"
	}
	p.note("tmux is attached at this machine")
	return ""
}
