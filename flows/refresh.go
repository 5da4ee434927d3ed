package flows

import (
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
func (p *Provider) Refresh(ctx context.Context, c Client, refreshToken credential.Secret, resources []string) (*credential.TokenSet, error) {
	form := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {refreshToken.Reveal()},
	}
	if len(resources) > 0 {
		form["resource"] = resources
	}
	return p.tokenRequest(ctx, DoingRefresh, c, form)
}
