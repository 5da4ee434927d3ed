package sso

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
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

// loginTimeout is how long a person may take to sign in.
const loginTimeout = 5 * time.Minute

// asker puts one call's sign-ins to a person.
type asker struct {
	c      *Client
	ctx    context.Context //nolint:containedctx // of the call: a prompt is not longer there than that
	issuer string
	here   *place.Place
	cancel context.CancelFunc // of the prompt that is being shown; nil: none is
}

// person tells a session how to ask somebody. end ends what is being shown.
func (c *Client) person(ctx context.Context, cfg session.Config) (p session.Person, end func()) {
	a := &asker{c: c, ctx: ctx, issuer: cfg.Issuer}
	return session.Person{
		Choose: a.choose, Browse: a.browse, ShowDevice: a.device,
		FallBack:       func(session.Ask, string, error) { a.end() },
		SignedIn:       func(session.Ask, credential.Identity) { a.end() },
		Screen:         func() string { return "" },
		Timeout:        cmp.Or(c.LoginTimeout, loginTimeout),
		LatchOnTimeout: true,
	}, a.end
}

func (a *asker) end() {
	if a.cancel != nil {
		a.cancel()
	}
}

// choose chooses the flow. A program that shows prompts itself has somebody who
// sees them.
func (a *asker) choose(noLock bool) (flows.Choice, error) {
	if a.here == nil {
		here, err := place.Look(place.Asked{
			Flow: cmp.Or(a.c.Flow, flows.FlowAuto), Device: cmp.Or(a.c.Device, flows.DeviceAllow), Browser: a.c.Browser,
			NobodyHere: a.c.Interactive == never, StdinNotOurs: true, StderrSwallowed: true})
		if err != nil {
			return flows.Choice{}, fault.InUsage(err)
		}
		f := &here.Facts
		if a.c.OpenBrowser != nil {
			f.Browser, f.BrowserBy = "this program", flows.BrowserByFlag
		}
		f.StderrTerminal, f.StderrSwallowed, f.Terminal, f.FullScreen = a.c.Prompter != nil, a.c.Prompter == nil, false, ""
		f.Keyboard = a.c.Prompter != nil
		a.here = &here
	}
	facts := a.here.Facts
	facts.NoLock = noLock
	return flows.Choose(facts), nil
}

// show shows a prompt, if there is somebody to show it to.
func (a *asker) show(asking session.Ask, p Prompt) (context.Context, error) {
	a.end()
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(a.ctx)
	if a.c.Prompter == nil {
		return ctx, nil
	}
	p.Provider, p.Account = hostOf(a.issuer), flows.Clean(asking.Account, 100)
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
	switch {
	case asking.Flow == flows.FlowPaste:
		p.Answer = auth.Answer
	default:
		p.Opening = open != nil
	}
	ctx, err := a.show(asking, p)
	if err != nil || !p.Opening {
		return err
	}
	go func() {
		err := open(ctx, auth.URL)
		if err != nil && ctx.Err() == nil && (len(asking.Then) > 0 || a.c.Prompter == nil) {
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

func hostOf(issuer string) string {
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		return flows.Clean(u.Host, 100)
	}
	return flows.Clean(issuer, 100)
}
