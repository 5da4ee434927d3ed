package sso

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// Prompter shows sign-ins to a person in a program's own way.
type Prompter interface {
	// Prompt shows a sign-in, and returns without waiting for its end. ctx ends
	// when the sign-in has: then the prompt should go. An error ends the sign-in
	// with it. It may be called again, for another flow, after the first ctx has
	// ended.
	Prompt(ctx context.Context, p Prompt) error
}

// Prompt is a sign-in as it is put to a person.
type Prompt struct {
	// Flow is "pkce": the page at URL is to be opened in a browser on this machine;
	// "paste": in any browser, and Answer is given what that shows in the end; or
	// "device": at any browser, where UserCode is entered.
	Flow     string
	Provider string    // the provider's host
	Account  string    // who is to sign in; may be empty. The provider's text
	URL      string    // the page to open
	UserCode string    // of a device sign-in
	Complete string    // the page of a device sign-in with the code in it; may be empty
	Opening  bool      // the page is being opened in the browser
	Until    time.Time // when the person's time is over

	// Answer takes what the person brings back from the browser: the last address
	// that it shows. Its error says what is wrong with the text; more answers may
	// follow. Nil for other flows than "paste".
	Answer func(text string) error
}

// person tells a session how to ask somebody. end ends what is being shown. login is
// whether another person may sign in than before.
func (c *Client) person(ctx context.Context, cfg session.Config, login bool, rules *policy.Policy) (
	p session.Person, end func()) {
	sitting := talk.Sitting{
		Issuer: cfg.Issuer, ClientID: c.ClientID, Program: flows.Clean(filepath.Base(os.Args[0]), 100),
		Flow: cmp.Or(c.Flow, flows.FlowAuto), Device: cmp.Or(c.Device, flows.DeviceAllow),
		Browser: c.Browser, Open: c.OpenBrowser, Nobody: c.Interactive == never,
		Timeout: cmp.Or(c.LoginTimeout, 5*time.Minute), LatchOnTimeout: true,
		Switches: login, Quiet: true, Names: fieldOf, Policy: rules,
		// What is piped into the program is the program's.
		StdinTaken: func() bool { return terminal.Of(os.Stdin) == nil },
	}
	p, end = sitting.Person()
	if c.Prompter == nil {
		return p, end
	}
	a := &asker{c: c, ctx: ctx, sitting: sitting}
	p.Choose, p.Browse, p.ShowDevice = a.choose, a.browse, a.device
	p.FallBack = func(session.Ask, string, error) { a.end() }
	p.SignedIn = func(session.Ask, credential.Identity) { a.end() }
	p.ChooseOrganization = nil // the error names them
	p.Screen = func() string { return "" }
	return p, a.end
}

// asker puts one call's sign-ins to a person by way of a Prompter.
type asker struct {
	c       *Client
	ctx     context.Context // of the call: a prompt is not longer there than that
	sitting talk.Sitting
	here    *place.Place
	cancel  context.CancelFunc // of the prompt that is being shown; nil: none is
}

func (a *asker) end() {
	if a.cancel != nil {
		a.cancel()
	}
}

// choose chooses the flow: somebody sees the program's prompts, and answers there.
func (a *asker) choose(noLock bool) (flows.Choice, error) {
	if a.here == nil {
		s := a.sitting
		here, err := place.Look(place.Asked{Flow: s.Flow, Device: s.Device, Browser: s.Browser,
			NobodyHere: s.Nobody, Names: s.Names, Policy: s.Policy})
		if err != nil {
			return flows.Choice{}, fault.InUsage(err)
		}
		f := &here.Facts
		if a.c.OpenBrowser != nil {
			f.Browser, f.BrowserBy = s.Program, flows.BrowserByFlag
		}
		f.StderrTerminal, f.Keyboard, f.FullScreen = true, true, ""
		a.here = &here
	}
	facts := a.here.Facts
	facts.NoLock = noLock
	return flows.Choose(facts), nil
}

// show shows a prompt. Its context ends when that should go.
func (a *asker) show(asking session.Ask, p Prompt) (context.Context, error) {
	a.end()
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(a.ctx)
	p.Provider, p.Account = talk.HostOf(a.sitting.Issuer), flows.Clean(asking.Account, 100)
	if p.Until.IsZero() || asking.Until.Before(p.Until) {
		p.Until = asking.Until
	}
	return ctx, a.c.Prompter.Prompt(ctx, p)
}

func (a *asker) browse(asking session.Ask, auth *flows.Authorization) error {
	p := Prompt{Flow: asking.Flow, URL: auth.URL}
	open := a.c.OpenBrowser
	if open == nil && len(a.here.Browser) > 0 {
		open = a.here.Browser.Open
	}
	if asking.Flow == flows.FlowPaste {
		p.Answer = auth.Answer
	} else {
		p.Opening = open != nil
	}
	ctx, err := a.show(asking, p)
	if err != nil || !p.Opening {
		return err
	}
	go func() {
		if err := open(ctx, auth.URL); err != nil && ctx.Err() == nil && len(asking.Then) > 0 {
			auth.GiveUp(fmt.Errorf("%w: %w", flows.ErrNoBrowser, err))
		}
	}()
	return nil
}

func (a *asker) device(asking session.Ask, d flows.DevicePrompt) error {
	_, err := a.show(asking, Prompt{Flow: asking.Flow, URL: d.VerificationURI, UserCode: d.UserCode,
		Complete: d.VerificationURIComplete, Until: d.ExpiresAt})
	return err
}
