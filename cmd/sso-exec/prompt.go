package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// stderr is where everything goes that is not the tool's document: past a
// prompt that is being shown, if there is one, so that neither tears the other.
var stderr = &talk{}

type talk struct {
	mu     sync.Mutex
	prompt *prompter // what is being shown
	past   bool      // it is on the same terminal as stderr
}

func (t *talk) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.prompt != nil && t.past {
		return t.prompt.live.Write(b)
	}
	return os.Stderr.Write(b)
}

// end ends the prompt. What follows begins on a line of its own.
func (t *talk) end() {
	if p := t.take(); p != nil {
		p.end()
		p.live.Stop()
	}
}

func (t *talk) begin(p *prompter, past bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prompt, t.past = p, past
}

func (t *talk) take() *prompter {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.prompt
	t.prompt = nil
	return p
}

// prompter asks a person to sign in, where the choice of the flow put the
// prompt. Its methods are the functions of session.Person.
type prompter struct {
	o      *options
	t      *tool
	here   place.Place        // looked at when a sign-in is needed, not before
	screen *terminal.Terminal // nil: the prompt is on something else
	live   *terminal.Live

	ctx    context.Context // of what goes on beside the sign-in: its opener, its keyboard
	cancel context.CancelFunc
	beside sync.WaitGroup
}

// newPerson tells a session how to ask somebody.
func newPerson(o *options, t *tool) session.Person {
	p := &prompter{o: o, t: t}
	p.begin()
	return session.Person{
		Timeout: o.loginTimeout, LatchOnTimeout: o.tool != toolAWS, WillingToSwitch: o.tool == toolLogin,
		Choose: p.choose, Browse: p.browse, ShowDevice: p.device, FallBack: p.fallBack, SignedIn: p.signedIn,
	}
}

func (p *prompter) choose(noLock bool) (flows.Choice, error) {
	var err error
	p.here, err = place.Look(place.Asked{Flow: p.o.flow, Device: p.o.device, Browser: p.o.browser, NobodyHere: p.o.interactive == "never",
		StderrSwallowed: p.t != nil && p.t.swallows, StdinNotOurs: p.stdinTaken()})
	if err != nil {
		return flows.Choice{}, &usageError{err, "--browser names a command, with %s for the URL if it is not the last word; none opens nothing"}
	}
	p.here.Facts.NoLock = noLock
	choice := flows.Choose(p.here.Facts)
	if p.o.explain {
		explain(choice, p.here.Notes)
	}
	return choice, nil
}

// begin begins a sign-in, end ends what goes on beside it.
func (p *prompter) begin() { p.ctx, p.cancel = context.WithCancel(context.Background()) }

func (p *prompter) end() {
	p.cancel()
	p.beside.Wait()
}

// browse opens the page of a sign-in with PKCE, or shows its address.
func (p *prompter) browse(asking session.Ask, a *flows.Authorization) error {
	if asking.Flow == flows.FlowPaste {
		p.paste(asking, a)
		return nil
	}
	block := terminal.Browser{Asker: p.asker(asking), URL: a.URL, Until: asking.Until}
	if len(p.here.Browser) == 0 {
		p.show(asking, block)
		return nil
	}
	fail := func(err error) error {
		err = fmt.Errorf("%w: %w", flows.ErrNoBrowser, err)
		if len(asking.Then) > 0 || asking.Prompt == flows.PromptNowhere {
			a.GiveUp(err)
			return err
		}
		if p.live == nil {
			p.show(asking, block)
		}
		p.live.Note(err.Error())
		return nil
	}
	// Most openers that fail do so at once. Of the others it is said when they do.
	opened := make(chan error, 1)
	go func() { opened <- p.here.Browser.Open(p.ctx, a.URL) }()
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case err := <-opened:
		if err != nil {
			return fail(err)
		}
		opened <- nil
	case <-t.C:
	}
	block.Opened = filepath.Base(p.here.Facts.Browser)
	shown := p.show(asking, block)
	p.beside.Go(func() {
		if err := <-opened; err != nil && p.ctx.Err() == nil {
			_ = fail(err)
		} else if shown {
			p.offer(asking, a)
		}
	})
	return nil
}

// settle is how long nothing is shown while the browser is being opened.
const settle = 250 * time.Millisecond

// offer waits for a while and then offers the next flow: the browser may be on
// another machine, or nobody may have seen it.
func (p *prompter) offer(asking session.Ask, a *flows.Authorization) {
	t := time.NewTimer(min(unanswered, p.o.loginTimeout/3))
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
		return
	}
	if len(asking.Then) == 0 || !p.here.Facts.Keyboard {
		other := flows.FlowDevice
		if p.o.device != flows.DeviceAllow {
			other = flows.FlowPaste
		}
		p.live.Note("Nothing has come back from the browser yet. If it cannot: Ctrl-C, then " + loginCommand(p.o) + " --flow=" + other)
		return
	}
	p.live.Note("Nothing has come back from the browser yet. To sign in " + wayOf(asking.Then[0]) + " instead, press Enter.")
	if p.live.WaitEnter(p.ctx) == nil {
		a.GiveUp(flows.ErrUnanswered)
	}
}

// unanswered is how long nobody is told that the browser has not answered.
const unanswered = 30 * time.Second

// paste shows the address of a sign-in elsewhere and takes what is brought back.
func (p *prompter) paste(asking session.Ask, a *flows.Authorization) {
	shown := p.show(asking, terminal.Paste{Asker: p.asker(asking), URL: a.URL, RedirectURI: a.RedirectURI, Forward: p.forward(a), Until: asking.Until})
	if !shown {
		return
	}
	read := p.live.ReadLine
	if p.screen == nil { // the flow was named, for a program that answers over a pipe
		lines := bufio.NewReader(io.LimitReader(os.Stdin, 1<<20))
		read = func(context.Context) (string, error) { return lines.ReadString('\n') }
	}
	if p.screen != nil && !p.here.Facts.Keyboard || p.screen == nil && p.stdinTaken() {
		return // the listener alone
	}
	bring := func() { p.bring(a, read) }
	if p.screen != nil {
		p.beside.Go(bring) // reads until ctx ends, and leaves the terminal as it was
	} else {
		go bring() // a pipe is read until it ends
	}
}

// bring takes what the person brings back, until that is an answer.
func (p *prompter) bring(a *flows.Authorization, read func(context.Context) (string, error)) {
	for {
		text, err := read(p.ctx)
		switch {
		case p.ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF) && text == "":
			if p.screen != nil { // Ctrl-D. A pipe that ends leaves the listener.
				a.GiveUp(fmt.Errorf("%w: the input ended", flows.ErrDenied))
			}
			return
		case errors.Is(err, terminal.ErrTooLong):
			p.live.Note(err.Error())
			continue
		case err != nil && !errors.Is(err, io.EOF):
			p.live.Note(err.Error())
			return
		}
		if err := a.Answer(text); err != nil {
			p.live.Note("That was not it: " + err.Error() + ".")
			continue
		}
		return
	}
}

// forward is the command that has the last page load by itself, to be run
// beside the browser, where it is known how this machine is reached.
func (p *prompter) forward(a *flows.Authorization) string {
	u, err := url.Parse(a.RedirectURI)
	host, herr := os.Hostname()
	if err != nil || herr != nil || !a.Listening || !strings.Contains(p.here.Facts.Remote, "SSH") {
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
	return "ssh -N -L " + address + ":" + address + " " + quote(host)
}

// device shows the code of a device sign-in.
func (p *prompter) device(asking session.Ask, d flows.DevicePrompt) error {
	until := d.ExpiresAt
	if asking.Until.Before(until) {
		until = asking.Until
	}
	p.show(asking, terminal.Device{Asker: p.asker(asking), UserCode: d.UserCode, VerificationURI: d.VerificationURI,
		VerificationURIComplete: d.VerificationURIComplete, Until: until})
	return nil
}

// fallBack says in a line why another flow is tried.
func (p *prompter) fallBack(asking session.Ask, to string, why error) {
	p.replace(asking, "sso-exec: "+oneLine(why.Error())+"; signing in "+wayOf(to)+" instead")
}

// signedIn says who signed in, on stderr if there was no prompt: whoever could
// read the authorization URL could have completed it as himself, and this line
// is what shows it.
func (p *prompter) signedIn(asking session.Ask, who credential.Identity) {
	p.replace(asking, "Signed in to "+p.provider()+" as "+flows.Clean(who.Display(), 100)+".")
}

// replace ends the prompt with one line in its place.
func (p *prompter) replace(asking session.Ask, line string) {
	p.end()
	p.begin()
	if stderr.take() == p {
		p.live.Replace(line)
		return
	}
	w := p.place(asking)
	if w == nil && p.here.Facts.FullScreen == "" {
		w = stderr
	}
	if w != nil {
		fmt.Fprintln(w, line)
	}
}

// place returns where a person sees what is said; nil if nowhere.
func (p *prompter) place(asking session.Ask) io.Writer {
	switch {
	case asking.Prompt == flows.PromptNowhere:
		return nil
	case p.screen != nil:
		return p.screen
	case asking.Prompt == flows.PromptTerminal:
		t, err := terminal.Open()
		if err != nil {
			return nil
		}
		p.screen = t
	default:
		p.screen = terminal.Of(os.Stderr)
	}
	if p.screen == nil { // a flow was named, and stderr is a log
		return os.Stderr
	}
	return p.screen
}

// show shows a prompt, if there is a place where it is seen.
func (p *prompter) show(asking session.Ask, block terminal.Block) bool {
	w := p.place(asking)
	if w == nil {
		return false
	}
	p.live = terminal.Show(w, block)
	stderr.begin(p, asking.Prompt == flows.PromptStderr || p.here.Facts.StderrTerminal)
	return true
}

func (p *prompter) asker(asking session.Ask) terminal.Asker {
	a := terminal.Asker{Provider: p.provider(), Account: flows.Clean(asking.Account, 100)}
	switch p.o.tool {
	case toolKube:
		a.Tool = "Kubernetes"
	case toolAWS:
		a.Tool = "AWS"
	}
	return a
}

func (p *prompter) provider() string { return hostOf(p.o.issuer) }

// stdinTaken reports whether stdin belongs to the calling tool's own work.
func (p *prompter) stdinTaken() bool { return p.t != nil && p.t.stdinTaken != nil && p.t.stdinTaken() }

// wayOf names a flow for a person.
func wayOf(flow string) string {
	switch flow {
	case flows.FlowDevice:
		return "with a code for any browser"
	case flows.FlowPaste:
		return "with a browser elsewhere"
	}
	return "with a browser here"
}
