package flows

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// SignIn is what a person's sign-in asks the provider for.
type SignIn struct {
	Client       Client
	Scopes       []string
	Audience     string // vendor-specific
	Resources    []string
	Organization string // vendor-specific: the parameter "organization"
	StepUp

	PAR string // when the authorization request is pushed; PARAuto if empty

	// Of the authorization request only:
	RedirectURIs []string // candidates in order; see [Provider.PKCE]
	LoginHint    string
	AuthParams   []Param
	NoOffline    bool // nothing is asked for that only brings a refresh token

	// HoldPort takes the turn of a fixed port, which one sign-in of this person has at
	// a time, and returns how to let it go; false if another one has it. Nil: there are
	// no turns. See [PortsHeldError].
	HoldPort func(port string) (free func(), ok bool)
}

// Param is a further parameter of a request.
type Param struct{ Name, Value string }

// Result is a finished sign-in: tokens whose ID token has been verified, and
// whose it is.
type Result struct {
	Tokens   *credential.TokenSet
	Identity credential.Identity

	Organization string // that the tokens are of; empty: not known
}

// addTargets sets what the tokens are to be good for.
func (s SignIn) addTargets(form url.Values, d *Dialect) {
	if s.Audience != "" {
		form.Set("audience", s.Audience)
	}
	for _, r := range s.Resources {
		form.Add("resource", r) // RFC 8707 §2
	}
	if s.Organization != "" {
		form.Set(cmp.Or(d.Organization.Param, "organization"), s.Organization)
	}
}

// addAtToken sets what a token request says again of its sign-in.
func (p *Provider) addAtToken(form url.Values, resources []string, claims string) {
	if len(resources) > 0 {
		form["resource"] = resources
	}
	if p.Dialect.ClaimsAtToken {
		p.Dialect.addClaims(form, claims)
	}
}

// ownParams are the parameters of the authorization request that are set here
// and nowhere else: another value for one of them would undo a protection or
// contradict what was asked for.
var ownParams = map[string]bool{
	"response_type": true, "response_mode": true, "client_id": true, "redirect_uri": true, "scope": true, "state": true,
	"nonce": true, "code_challenge": true, "code_challenge_method": true, "login_hint": true, "audience": true,
	"resource": true, "organization": true, "request": true, "request_uri": true, "client_secret": true,
	"grant_type": true, "code": true, "code_verifier": true, "refresh_token": true, "assertion": true,
	"client_assertion": true, "client_assertion_type": true,
	"subject_token": true, "subject_token_type": true, "actor_token": true, "actor_token_type": true,
	"requested_token_type": true,
}

// IsOwnParam reports whether a parameter of a request is set by the flow
// itself, so that AuthParams must not carry it.
func IsOwnParam(name string) bool { return ownParams[name] }

// result verifies a token set of a sign-in.
func (p *Provider) result(ctx context.Context, set *credential.TokenSet, fields Fields, want Expect) (*Result, error) {
	who, err := p.identify(ctx, set, fields, want)
	if err == nil {
		err = want.stepUp.check(set.Login, want.began)
	}
	if err != nil {
		return nil, err
	}
	return &Result{set, who, p.OrganizationOf(set)}, nil
}

// identify tells who signed in: by the ID token, or as the dialect does.
func (p *Provider) identify(ctx context.Context, set *credential.TokenSet, fields Fields,
	want Expect) (credential.Identity, error) {
	switch {
	case p.Dialect.Identify != nil:
		return p.Dialect.Identify(ctx, p, set, fields, want)
	case set.IDToken.IsZero():
		return credential.Identity{}, verifyErrorf("the provider gave no ID token, though openid was asked for")
	}
	return p.VerifyIDToken(ctx, set, want)
}

// expect is what the tokens of a sign-in must match; began is when it was asked
// for.
func (s SignIn) expect(began time.Time) Expect {
	return Expect{ClientID: s.Client.ID, Organization: s.Organization, stepUp: s.StepUp, began: began}
}

// VerifyRefreshed checks the answer to a refresh: its ID token, if there is one
// (OpenID Connect Core §12.2), or what the dialect has in its place.
func (p *Provider) VerifyRefreshed(ctx context.Context, set *credential.TokenSet, want Expect) error {
	if p.Dialect.Verify != nil {
		return p.Dialect.Verify(ctx, p, set, want)
	}
	if set.IDToken.IsZero() {
		return nil
	}
	_, err := p.VerifyIDToken(ctx, set, want)
	return err
}

// StillTakes asks a provider whose access tokens have no end whether it takes one
// still: an [*OAuthError] says that it does not. Of others nothing is asked.
func (p *Provider) StillTakes(ctx context.Context, accessToken credential.Secret, want Expect) error {
	if !p.Dialect.Lasting {
		return nil
	}
	_, err := p.identify(ctx, &credential.TokenSet{AccessToken: accessToken, TokenType: "Bearer"}, nil, want)
	return err
}

// joinScopes renders scopes as RFC 6749 §3.3 does.
func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }
