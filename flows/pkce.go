package flows

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/loopback"
)

const doingPKCE = "browser sign-in"

// Authorization is a sign-in in a browser that waits for its answer.
type Authorization struct {
	// to be opened; carries the state and the nonce, and nothing else that is secret; or a reference to them (PAR)
	URL         string
	RedirectURI string // where the provider sends the browser in the end
	Listening   bool   // we listen there
	// URLFor is how long the URL can be opened, from now; 0: as long as the sign-in
	// takes, or not told. It is that of a pushed request (RFC 9126 §2.2): see
	// [Authorization.Again].
	URLFor time.Duration
	// For is what the last page says of which account the sign-in is for, by whoever
	// opens the URL; may be empty.
	For string

	again       func(context.Context) (string, error) // nil: nothing was pushed
	wants       func(url.Values) bool                 // has the state of this sign-in
	needsIssuer bool                                  // the answer must name its issuer (RFC 9207)
	answer      chan<- response
	end         context.CancelCauseFunc
}

// GiveUp ends the sign-in with err.
func (a *Authorization) GiveUp(err error) { a.end(err) }

// response is an authorization response (RFC 6749 §4.1.2).
type response struct {
	url.Values
	pasted bool // brought by the person
}

// PKCE signs a person in through a browser: the Authorization Code grant with
// PKCE (RFC 7636, S256) and a loopback redirect (RFC 8252 §7.3).
//
// The listener is bound before open is called with the authorization URL. open
// must not wait for the browser to end. accept is called once with the verified
// result, before the browser is told that the sign-in worked; its error becomes
// the page's and the flow's. PKCE returns when the page has been served.
//
// RedirectURIs are candidates, tried in order until one can be bound: http, on
// a literal loopback address or localhost (then both address families are held
// where the machine has both). A port of 0, or none, means any free one. If
// none can be, the error is [ErrNoPort].
func (p *Provider) PKCE(ctx context.Context, req SignIn, open func(*Authorization) error,
	accept func(*Result) error) error {
	loop, err := listen(req)
	if err != nil {
		return err
	}
	return p.authorize(ctx, req, loop, open, accept)
}

// listen binds the first of a sign-in's candidates that can be.
func listen(req SignIn) (*loopback.Listener, error) {
	loop, err := loopback.Listen(req.RedirectURIs, req.HoldPort)
	var none *loopback.NoPortError
	if !errors.As(err, &none) {
		return loop, err
	}
	err = fmt.Errorf("%s: %w: %w", doingPKCE, ErrNoPort, none)
	if len(none.Held) > 0 {
		err = &PortsHeldError{none.Held, err}
	}
	return nil, err
}

// PortsHeldError is [ErrNoPort] where other sign-ins of the same person hold ports
// that would do: they are free when these end.
type PortsHeldError struct {
	Ports []string
	err   error
}

func (e *PortsHeldError) Error() string { return e.err.Error() }
func (e *PortsHeldError) Unwrap() error { return e.err }

// CheckRedirectURI accepts http on a literal loopback address or localhost.
func CheckRedirectURI(raw string) (*url.URL, error) { return loopback.CheckRedirectURI(raw) }

// authorize runs the flow with the listener that it takes over.
func (p *Provider) authorize(ctx context.Context, req SignIn, loop *loopback.Listener, open func(*Authorization) error,
	accept func(*Result) error) error {
	defer loop.Close()
	if p.AuthorizationEndpoint == "" {
		return &LackError{Doing: doingPKCE, What: "its metadata has no authorization_endpoint"}
	}
	if p.Dialect.CodeNeedsSecret && req.Client.Secret.IsZero() {
		return fmt.Errorf("%s: %w to a client without a secret: give %s, or sign in with %s device",
			doingPKCE, ErrNotSupported, p.Names.Of("client_secret"), p.Names.Of("flow"))
	}
	// Fresh for each attempt (RFC 9700 §2.1). The verifier never leaves this
	// process except for the token request; state and nonce only inside the URL.
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	form := url.Values{
		"response_type": {"code"}, "client_id": {req.Client.ID}, "redirect_uri": {loop.RedirectURI},
		"state": {state}, "nonce": {nonce},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
		"scope": {joinScopes(req.Scopes)},
	}
	req.addTargets(form, p.Dialect)
	params := p.Dialect.AuthParams
	if !req.NoOffline {
		params = slices.Concat(params, p.Dialect.OfflineParams)
	}
	for _, param := range params {
		form.Set(param.Name, param.Value)
	}
	if req.LoginHint != "" {
		form.Set("login_hint", req.LoginHint)
	}
	for _, param := range req.AuthParams {
		form.Set(param.Name, param.Value)
	}
	if p.Dialect.NoOpenID {
		nonce = ""
		form.Del("nonce")
	}
	req.StepUp.add(form, p.Dialect)
	p.adapt(RequestAuthorization, form)
	began, shown := time.Now(), form
	var life time.Duration
	var again func(context.Context) (string, error)
	if req.PAR == PARAlways || req.PAR != PARNever && p.RequiresPAR {
		var err error
		if shown, life, err = p.push(ctx, req.Client, form); err != nil {
			return err
		}
		again = func(ctx context.Context) (string, error) {
			shown, _, err := p.push(ctx, req.Client, form)
			if err != nil {
				return "", err
			}
			return WithQuery(p.AuthorizationEndpoint, shown), nil
		}
	}
	ours := func(q url.Values) bool {
		return subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) == 1
	}
	answers := make(chan response, 1)
	loop.Serve(func(r *http.Request) (url.Values, bool) {
		q, ok := callbackQuery(r)
		return q, ok && ours(q)
	}, func(q url.Values) {
		select {
		case answers <- response{q, false}:
		default: // the same link opened twice: the first one counts
		}
	})
	waiting, end := context.WithCancelCause(ctx)
	defer end(nil)
	a := &Authorization{URL: WithQuery(p.AuthorizationEndpoint, shown), RedirectURI: loop.RedirectURI,
		Listening: loop.Listening(), URLFor: life,
		again: again, wants: ours, needsIssuer: p.IssParameterSupported, answer: answers, end: end}
	if err := open(a); err != nil {
		return err
	}
	select {
	case r := <-answers:
		var who credential.Identity
		want := req.expect(began)
		want.Nonce = nonce
		err := p.redeem(ctx, req, r.Values, loop.RedirectURI, verifier, want, func(res *Result) error {
			who = res.Identity
			return accept(res)
		})
		if r.pasted {
			err = tellPasted(err)
		}
		page := outcomePage(who, err)
		page.For = Clean(a.For, 100)
		loop.Finish(ctx, page)
		return err
	case <-waiting.Done():
		return context.Cause(waiting)
	}
}

// outcomePage tells how a sign-in ended. Naming the account helps a person to
// notice that the provider took another one of theirs than was meant.
func outcomePage(who credential.Identity, err error) loopback.Page {
	switch {
	case err == nil:
		p := loopback.Page{Title: "You are signed in", Who: Clean(who.Display(), 100), Mark: "✓", Class: "ok",
			Text: "Return to your terminal. You can close this window."}
		if u, err := url.Parse(who.Issuer); err == nil && u.Host != "" {
			p.Where = Clean(u.Host, 100)
			p.Detail = "Not the account that you meant? Sign out at " + p.Where + " and start again in your terminal."
		}
		return p
	case errors.Is(err, ErrDenied):
		_, words, _ := strings.Cut(err.Error(), ErrDenied.Error()+": ") // the provider's own
		return loopback.Page{Title: "The sign-in was denied", Detail: words, Mark: "✕", Class: "no",
			Text: "Nobody was signed in. If that was not what you meant, start again in your terminal. You can close this " +
				"window."}
	}
	if _, ok := errors.AsType[*OrganizationChoiceError](err); ok {
		return loopback.Page{Title: "Which organization?", Mark: "?", Class: "no",
			Text: "You belong to several. Your terminal asks which one this sign-in is for, or says how to name it. You can " +
				"close this window."}
	}
	return loopback.Page{Title: "The sign-in did not work", Detail: Clean(err.Error(), 400), Mark: "✕", Class: "no",
		Text: "Nobody was signed in. Your terminal says what to do next. You can close this window."}
}

// redeem checks the authorization response and trades its code (RFC 6749
// §4.1.2, §4.1.3).
func (p *Provider) redeem(ctx context.Context, req SignIn, q url.Values, redirectURI, verifier string, want Expect,
	accept func(*Result) error) error {
	// RFC 9207 §2.4: compared on success and on error, before anything else is
	// believed; against mix-up by another provider.
	switch iss := q.Get("iss"); {
	case iss != "" && iss != p.Issuer:
		return verifyErrorf("the answer in the browser came from %q, not from %q", Clean(iss, 200), p.Issuer)
	case iss == "" && p.IssParameterSupported:
		return verifyErrorf("the answer in the browser does not name its issuer (iss), though the provider says that it does")
	}
	if code := Clean(q.Get("error"), 100); code != "" {
		return authorizationError(code, Clean(q.Get("error_description"), 500))
	}
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {q.Get("code")},
		"redirect_uri":  {redirectURI},
		"code_verifier": {verifier},
	}
	p.addAtToken(form, req.Resources, req.Claims)
	p.adapt(RequestCode, form)
	set, fields, err := p.signInRequest(ctx, doingPKCE, req.Client, form)
	if err != nil {
		return explain(err)
	}
	res, err := p.result(ctx, set, fields, want)
	if err != nil {
		return err
	}
	return accept(res)
}

// authorizationError sorts RFC 6749 §4.1.2.1.
func authorizationError(code, description string) error {
	refusal := &OAuthError{Doing: doingPKCE, Code: code, Description: description, Loopback: true}
	switch code {
	case "access_denied":
		return &deniedError{refusal}
	case "server_error", "temporarily_unavailable":
		return &UnavailableError{Doing: doingPKCE, Err: refusal}
	}
	return explain(refusal)
}

// deniedError is [ErrDenied] in the provider's words: not every denial is the
// person's.
type deniedError struct{ refusal *OAuthError }

func (e *deniedError) Error() string {
	s := fmt.Sprintf("%s: %v", e.refusal.Doing, ErrDenied)
	if e.refusal.Description != "" {
		s += ": " + e.refusal.Description
	}
	return s
}

func (e *deniedError) Unwrap() []error { return []error{ErrDenied, e.refusal} }

// callbackQuery returns the query of an authorization response: a GET with a
// state and either a code or an error, each at most once (RFC 6749 §3.1).
func callbackQuery(r *http.Request) (url.Values, bool) {
	q, broken := readQuery(r.URL.RawQuery)
	if r.Method != http.MethodGet || isBroken(broken) {
		return nil, false
	}
	return q, single(q) && q.Get("state") != "" && (q.Get("code") != "" || q.Get("error") != "")
}

// responseParams are the parameters of a response that count. Of error_description
// as much is shown as can be read; whatever else there is is ignored.
var responseParams = []string{"state", "code", "error", "iss"}

// single reports whether no parameter of a response is there twice.
func single(q url.Values) bool {
	return !slices.ContainsFunc(responseParams, func(name string) bool { return len(q[name]) > 1 })
}

// isBroken reports whether a parameter that counts is among those that cannot be
// read.
func isBroken(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(responseParams, name) })
}

// WithQuery adds parameters to an endpoint that may have some of its own
// (RFC 6749 §3.1).
func WithQuery(endpoint string, form url.Values) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // CheckURL has parsed it before
	}
	q := u.Query()
	for k, v := range form {
		q[k] = v
	}
	u.RawQuery = q.Encode()
	return u.String()
}
