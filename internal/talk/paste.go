package talk

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// paste shows the address of a sign-in elsewhere and takes what is brought back.
func (p *prompter) paste(q *prompt, asking session.Ask, a *flows.Authorization) error {
	reads := q.screen != nil && p.here.Facts.Keyboard || q.screen == nil && !p.noStdin()
	if !reads && !a.Listening {
		return &session.LoginRequiredError{Reason: "nothing can be pasted here, and no port can be listened on",
			Try: "run this on a terminal"}
	}
	shown := q.show(terminal.Paste{Asker: p.who(asking), URL: a.URL, RedirectURI: a.RedirectURI,
		Forward: p.forward(a, !reads), NoInput: !reads, Until: asking.Until})
	then := ""
	if reads && q.screen != nil {
		then = " After that, press Enter for a new one."
	}
	q.tellEnd(a, then)
	switch {
	case !shown || !reads:
	case q.screen != nil:
		q.along.Go(func() { q.bring(a, q.live.ReadLine) }) // until ctx ends; it leaves the terminal as it was
	default: // the flow was named, for a program that answers over a pipe, which is read until it ends
		lines := bufio.NewReader(io.LimitReader(os.Stdin, 1<<20))
		go q.bring(a, func(context.Context) (string, error) { return lines.ReadString('\n') })
	}
	return nil
}

// tellEnd says how long the address can be opened, if it has an end.
func (p *prompt) tellEnd(a *flows.Authorization, then string) {
	life := a.URLFor
	if life > time.Minute { // no longer than it is
		life = life.Truncate(time.Minute)
	}
	if life > 0 && p.live != nil {
		p.live.Note("The address can be opened within " + Rough(life) + "." + then)
	}
}

// bring takes what the person brings back, until that is an answer. Enter alone
// is for a new address, where the one before may have ended.
func (p *prompt) bring(a *flows.Authorization, read func(context.Context) (string, error)) {
	for {
		text, err := read(p.ctx)
		switch {
		case p.ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF) && text == "":
			if p.screen != nil { // Ctrl-D. A pipe that ends leaves the listener.
				a.GiveUp(flows.ErrCancelled)
			}
			return
		case errors.Is(err, terminal.ErrTooLong):
			p.live.Note(err.Error())
			continue
		case err != nil && !errors.Is(err, io.EOF):
			p.live.Note(err.Error())
			return
		}
		if strings.TrimSpace(text) == "" && p.screen != nil { // a pipe may have any number of them
			switch next, err := a.Again(p.ctx); {
			case p.ctx.Err() != nil:
				return
			case err != nil:
				p.live.Note("A new address could not be had: " + OneLine(err.Error()) + ".")
				continue
			case next != "":
				p.live.Note("A new address, for the same sign-in:", next)
				continue
			}
		}
		if err := a.Answer(text); err != nil {
			p.live.Note("That was not it: " + err.Error() + ".")
			continue
		}
		return
	}
}

// forward is the command that has the last page load by itself, to be run
// next to the browser, where it is known how this machine is reached, or anyhow.
func (p *prompter) forward(a *flows.Authorization, anyhow bool) string {
	u, err := url.Parse(a.RedirectURI)
	host, herr := os.Hostname()
	if err != nil || herr != nil || !a.Listening || !anyhow && !strings.Contains(p.here.Facts.Remote, "SSH") {
		return ""
	}
	if who, err := user.Current(); err == nil {
		host = who.Username + "@" + host
	}
	address := "127.0.0.1"
	if u.Hostname() == "::1" {
		address = "[::1]"
	}
	address += ":" + u.Port()
	return Paste("ssh", "-N", "-L", address+":"+address, host)
}
