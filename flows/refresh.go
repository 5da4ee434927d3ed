package flows

import (
	"cmp"
	"context"
	"net/url"

	"github.com/sso-exec/sso-exec/credential"
)

// DoingRefresh names a refresh in the errors about it.
const DoingRefresh = "refresh"

// Refresh trades a refresh token for a new token set (RFC 6749 §6): one
// request, never repeated here, since a server that rotates may take the
// repetition for theft.
//
// Whenever the returned set is not nil and has a refresh token, that one has
// replaced the one that was sent: keep it first, and only then look at the
// error. Nothing in the set has been verified.
//
// What the new tokens are to be good for is asked only as far as the provider
// does not bind it to the refresh token, except for the resources: a refresh may
// narrow them (RFC 8707 §2.2).
func (p *Provider) Refresh(ctx context.Context, c Client, refreshToken credential.Secret,
	t Target) (*credential.TokenSet, error) {
	form := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {refreshToken.Reveal()},
	}
	p.addAtToken(form, t.Resources, t.Claims)
	if p.Dialect.Free.Scopes { // or it would be those of the sign-in, which another profile may have begun
		form.Set("scope", joinScopes(p.Scopes(t.Scopes, false)))
	}
	if p.Dialect.Free.Audience && t.Audience != "" {
		form.Set("audience", t.Audience)
	}
	if p.Dialect.Organization.Switch && t.Organization != "" {
		form.Set(cmp.Or(p.Dialect.Organization.Param, "organization"), t.Organization)
	}
	p.adapt(RequestRefresh, form)
	return p.tokenRequest(ctx, DoingRefresh, c, form)
}
