package flows

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

const doingClientCredentials = "client credentials"

// Target is what a service's token is to be good for. All of it is optional.
type Target struct {
	Scopes       []string // without openid and offline_access, which are for people: they are not asked
	Audience     string   // vendor-specific
	Resources    []string // RFC 8707
	Organization string   // vendor-specific: the parameter "organization"
	Params       []Param  // of a service's request: what the provider wants next to the standard's
	Claims       string   // of a refresh, where the dialect takes it there; see [StepUp]
}

// form begins a request for tokens of a service.
func (t Target) form(grant string) url.Values {
	form := url.Values{"grant_type": {grant}}
	scopes := slices.DeleteFunc(slices.Clone(t.Scopes),
		func(s string) bool { return s == "openid" || s == "offline_access" })
	if len(scopes) > 0 {
		form.Set("scope", joinScopes(scopes))
	}
	SignIn{Audience: t.Audience, Resources: t.Resources, Organization: t.Organization}.addTargets(form, &Dialect{})
	for _, param := range t.Params {
		form.Set(param.Name, param.Value)
	}
	return form
}

// ClientCredentials gets a token for the client itself (RFC 6749 §4.4): one
// request. Another one is safe where this one's fate is not known: nothing is
// spent by it.
//
// The set holds an access token alone. A refresh token in the answer, which
// there should not be (§4.4.3), is dropped, since the grant is its own renewal,
// and so is an ID token: a service signs nobody in.
func (p *Provider) ClientCredentials(ctx context.Context, c Client, t Target) (*credential.TokenSet, error) {
	return p.serviceRequest(ctx, doingClientCredentials, c, t.form("client_credentials"))
}

// serviceRequest is a token request that is answered with an access token and
// nothing next to it.
func (p *Provider) serviceRequest(ctx context.Context, doing string, c Client, form url.Values) (*credential.TokenSet,
	error) {
	set, err := p.tokenRequest(ctx, doing, c, form)
	if err == nil {
		err = mustBeVisible(doing, set)
	}
	if err != nil {
		return nil, err
	}
	return accessAlone(set), nil
}

// mustBeVisible refuses what no token can be (RFC 6749 A.12: VSCHARs). Kept, it
// would fail wherever it is handed on, until it ends.
func mustBeVisible(doing string, set *credential.TokenSet) error {
	if strings.ContainsFunc(set.AccessToken.Reveal(), func(r rune) bool { return r < ' ' || r > '~' }) {
		return verifyErrorf("%s: the token that came has characters in it that no token can have (RFC 6749 A.12)", doing)
	}
	return nil
}

// accessAlone drops what a service does not keep.
func accessAlone(set *credential.TokenSet) *credential.TokenSet {
	set.RefreshToken, set.IDToken, set.RefreshExpiresAt = credential.Secret{}, credential.Secret{}, time.Time{}
	return set
}
