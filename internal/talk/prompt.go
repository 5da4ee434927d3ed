package talk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// prompter asks a person to sign in, where the choice of the flow put the
// prompt. Its methods are the functions of session.Person.
type prompter struct {
	Sitting
	looked bool
	here   place.Place // looked at when a sign-in is needed, not before
	now    *prompt     // of the flow that is being tried; nil before the first
	chosen flows.Organization
}

// prompt is one flow as it is put to a person, and what goes on next to it: its
// opener, its keyboard.
type prompt struct {
	screen *terminal.Terminal // nil: it is on something else, or nowhere
	w      io.Writer          // the screen, or that something; nil: nobody sees it
	past   bool               // it is on the same terminal as stderr
	live   *terminal.Live     // nil: nothing is shown (yet)

	ctx    context.Context
	cancel context.CancelFunc
	along  sync.WaitGroup
}

func (p *prompt) end() {
	p.cancel()
	p.along.Wait()
}

// Sitting is what the prompts of a run are about.
type Sitting struct {
	Issuer, ClientID      string
	Which                 func() string // of several accounts it is; nil: there is one
	Program               string        // that asks; empty: sso-exec
	Asker                 string        // whom it is for, for people: Kubernetes, AWS; empty: this program
	Flow, Device, Browser string
	Open                  func(ctx context.Context, url string) error // opens a page; nil: Browser does
	Nobody                bool                                        // nobody may be asked
	Timeout               time.Duration
	LatchOnTimeout        bool        // a time-out holds other processes back
	Switches              bool        // another person may sign in
	Swallowed             bool        // the calling tool keeps stderr from the person
	StdinTaken            func() bool // stdin is the calling tool's, not ours to read; nil: it is ours

	Quiet     bool                           // nothing is said where no prompt is shown
	Explain   bool                           // say which flow was chosen
	Explained *bool                          // it was said
	Names     flows.Names                    // of settings, for why
	Login     func(without ...string) string // the command that signs in to the same session; nil: there is none
	ToKeep    func(organization string) string
	Policy    *policy.Policy // of the system; nil: there is none
}

// Person tells a session how to ask somebody. finish takes off what is still shown.
func (s Sitting) Person() (person session.Person, finish func()) {
	p := &prompter{Sitting: s}
	return session.Person{
		Timeout: s.Timeout, LatchOnTimeout: s.LatchOnTimeout, WillingToSwitch: s.Switches, Screen: screenName,
		Choose: p.choose, Browse: p.browse, ShowDevice: p.showDevice, FallBack: p.fallBack, SignedIn: p.signedIn,
		ChooseOrganization: p.chooseOrganization,
	}, p.finish
}

// program is what a line begins with.
func (p *prompter) program() string { return cmp.Or(p.Program, "sso-exec") + ": " }

// finish ends the prompt, which stays, except for its last line.
func (p *prompter) finish() {
	if p.now == nil {
		return
	}
	p.now.end()
	if q := Stderr.take(p.now); q != nil {
		q.live.Stop()
	}
}

func (p *prompter) choose(noLock bool) (flows.Choice, error) {
	if !p.looked {
		var err error
		p.here, err = place.Look(place.Asked{Flow: p.Flow, Device: p.Device, Browser: p.Browser, NobodyHere: p.Nobody,
			Names: p.Names, Policy: p.Policy,
			StderrSwallowed: p.Swallowed, StdinNotOurs: p.noStdin()})
		if err != nil {
			return flows.Choice{}, fault.InUsage(err,
				"--browser names a command, with %s for the URL if it is not the last word; none opens nothing")
		}
		p.looked = true
		if p.Open != nil {
			p.here.Facts.Browser, p.here.Facts.BrowserBy = cmp.Or(p.Program, "sso-exec"), flows.BrowserByFlag
		} else if len(p.here.Browser) > 0 {
			p.Open = p.here.Browser.Open
		}
		if why := p.here.Passed; why != "" && p.here.Facts.FullScreen == "" && !p.Quiet {
			fmt.Fprintf(Stderr, "sso-exec: warning: $BROWSER cannot be used: %s\n", OneLine(why))
		}
	}
	p.here.Facts.NoLock = noLock
	choice := flows.Choose(p.here.Facts)
	if choice.Flow == "" {
		p.explain(choice)
	}
	return choice, nil
}

// explain tells once, if that was asked for, which flow was chosen and why.
func (p *prompter) explain(choice flows.Choice) {
	if p.Sitting.Explain && !*p.Explained {
		*p.Explained = true
		explain(choice, p.here.Notes)
	}
}

// begin begins to ask by a flow.
func (p *prompter) begin(asking session.Ask) *prompt {
	p.explain(asking.Choice)
	q := p.on(asking.Prompt)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	p.now = q
	return q
}

// on finds the place of a prompt.
func (p *prompter) on(where string) *prompt {
	q := &prompt{past: where == flows.PromptStderr || p.here.Facts.StderrTerminal}
	if p.now != nil { // the flow before was put there
		q.screen, q.w = p.now.screen, p.now.w
		return q
	}
	switch where {
	case flows.PromptTerminal:
		if q.screen, _ = terminal.Open(); q.screen != nil {
			// The parent keeps stderr, and may write to the terminal itself.
			q.screen.Shared = true
		}
	case flows.PromptStderr:
		if q.screen = terminal.Of(os.Stderr); q.screen == nil { // a flow was named, and stderr is a log
			q.w = visibleWriter{os.Stderr}
		} else {
			q.screen.Shared = p.here.Facts.NoLock // nobody keeps others from it
		}
	}
	if q.screen != nil {
		q.w = q.screen
	}
	return q
}

// show shows a block, if there is a place where it is seen.
func (p *prompt) show(block terminal.Block) bool {
	if p.w == nil {
		return false
	}
	p.live = terminal.Show(p.w, block)
	Stderr.begin(p)
	return true
}

// browse opens the page of a sign-in with PKCE, or shows its address.
func (p *prompter) browse(asking session.Ask, a *flows.Authorization) error {
	q := p.begin(asking)
	a.For = p.which()
	if asking.Flow == flows.FlowPaste {
		return p.paste(q, asking, a)
	}
	block := terminal.Browser{Asker: p.who(asking), URL: a.URL, Until: asking.Until}
	if p.Open == nil {
		q.show(block)
		q.tellEnd(a, "")
		q.along.Go(func() { p.remind(q, a) })
		return nil
	}
	fail := func(err error) error {
		err = fmt.Errorf("%w: %w", flows.ErrNoBrowser, err)
		if len(asking.Then) > 0 || q.live == nil && !q.show(block) {
			a.GiveUp(err)
			return err
		}
		q.live.Note(err.Error())
		return nil
	}
	// Most openers that fail do so at once. Of the others it is said when they do.
	opened := make(chan error, 1)
	go func() { opened <- p.Open(q.ctx, a.URL) }()
	select {
	case err := <-opened:
		if err != nil {
			return fail(err)
		}
		opened <- nil
	case <-time.After(quiet):
	}
	block.Opened = filepath.Base(p.here.Facts.Browser)
	shown := q.show(block)
	q.along.Go(func() { p.remind(q, a) })
	q.along.Go(func() {
		select {
		case <-q.ctx.Done():
		case err := <-opened:
			if err != nil && q.ctx.Err() == nil {
				_ = fail(err)
			} else if shown {
				p.offer(q, asking, a)
			}
		}
	})
	return nil
}

// quiet is how long nothing is shown while the browser is being opened.
const quiet = 250 * time.Millisecond

// offer waits for a while and then offers the next flow: the browser may be on
// another machine, or nobody may have seen it.
func (p *prompter) offer(q *prompt, asking session.Ask, a *flows.Authorization) {
	select {
	case <-time.After(min(unanswered, p.Timeout/3)):
	case <-q.ctx.Done():
		return
	}
	const said = "Nothing has come back from the browser yet."
	if len(asking.Then) == 0 || !p.here.Facts.Keyboard {
		if p.Login == nil {
			q.live.Note(said)
			return
		}
		other := flows.FlowDevice
		if p.Device != flows.DeviceAllow {
			other = flows.FlowPaste
		}
		q.live.Note(said+" If it cannot: Ctrl-C, then", p.Login("flow")+" --flow="+other)
		return
	}
	if q.live.Offer(q.ctx, said+" To sign in "+wayOf(asking.Then[0])+" instead, press Enter.") == nil {
		a.GiveUp(flows.ErrUnanswered)
	}
}

// remind says after a while what a provider tells in the browser alone: that it does
// not know the client, or the redirect URI.
func (p *prompter) remind(q *prompt, a *flows.Authorization) {
	select {
	case <-time.After(min(silent, 2*p.Timeout/3)):
	case <-q.ctx.Done():
		return
	}
	text := fmt.Sprintf("If the provider's page shows an error, check the client ID (%s)"+
		" and that the redirect URI is registered there: %s", flows.Clean(p.ClientID, 100), a.RedirectURI)
	if p.ClientID == "" {
		text = "If the provider's page shows an error, let this end by itself, and sign in again: with another client"
	}
	switch {
	case q.live != nil:
		q.live.Note(text)
	case p.here.Facts.FullScreen == "" && !p.Quiet:
		fmt.Fprintln(Stderr, "sso-exec: "+text)
	}
}

// How long nobody is told that the browser has not answered, and why that may be.
const (
	unanswered = 30 * time.Second
	silent     = time.Minute
)

// showDevice shows the code of a device sign-in.
func (p *prompter) showDevice(asking session.Ask, d flows.DevicePrompt) error {
	until := d.ExpiresAt
	if asking.Until.Before(until) {
		until = asking.Until
	}
	p.begin(asking).show(terminal.Device{Asker: p.who(asking), UserCode: d.UserCode, VerificationURI: d.VerificationURI,
		VerificationURIComplete: d.VerificationURIComplete, Until: until})
	return nil
}

// fallBack says in a line why another flow is tried.
func (p *prompter) fallBack(asking session.Ask, to string, why error) {
	p.explain(asking.Choice)
	p.replace(asking.Prompt, p.program()+OneLine(why.Error())+"; signing in "+wayOf(to)+" instead")
}

// signedIn says who signed in, on stderr if there was no prompt: whoever could
// read the authorization URL could have completed it as himself, and this line
// is what shows it.
//
// Under Quiet a sign-in that was called for as such is told by the caller.
func (p *prompter) signedIn(asking session.Ask, who credential.Identity) {
	if p.Quiet && p.Switches {
		p.finish()
		return
	}
	at := ""
	if p.Issuer != "" {
		at = " to " + HostOf(p.Issuer)
	}
	as := ""
	if name := who.Display(); name != "" { // not every provider tells
		as = " as " + flows.Clean(name, 100)
	}
	as += p.label()
	p.replace(asking.Prompt, "Signed in"+at+as+".")
	if p.chosen.ID != "" && p.ToKeep != nil {
		fmt.Fprintf(Stderr, "  for %s, this once; to keep it, %s\n",
			OrgTitle(p.chosen.ID, p.chosen.Name), p.ToKeep(p.chosen.ID))
	}
}

// replace ends the prompt with one line in its place.
func (p *prompter) replace(where, line string) {
	if p.now != nil {
		p.now.end()
		if q := Stderr.take(p.now); q != nil {
			q.live.Replace(line)
			return
		}
	}
	w := p.on(where).w
	if w == nil && p.here.Facts.FullScreen == "" && !p.Quiet {
		w = Stderr
	}
	if w != nil {
		fmt.Fprintln(w, line)
	}
}

// label tells this account from others.
func (p *prompter) label() string {
	if which := p.which(); which != "" {
		return " (" + which + ")"
	}
	return ""
}

func (p *prompter) which() string {
	if p.Which == nil {
		return ""
	}
	return flows.Clean(p.Which(), 100)
}

func (p *prompter) who(asking session.Ask) terminal.Asker {
	return terminal.Asker{Program: p.Program, Tool: p.Asker, Provider: HostOf(p.Issuer) + p.label(),
		Account: flows.Clean(asking.Account, 100)}
}

// noStdin reports whether stdin belongs to the calling tool's own work.
func (p *prompter) noStdin() bool { return p.StdinTaken != nil && p.StdinTaken() }

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
