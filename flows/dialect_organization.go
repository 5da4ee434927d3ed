package flows

import (
	"context"
	"encoding/json"

	"github.com/sso-exec/sso-exec/credential"
)

// identifyOf is who signed in by the ID token, which must be of the organization
// that was asked for: the parameter of the request is no more than a wish.
func identifyOf(ctx context.Context, p *Provider, set *credential.TokenSet, _ map[string]json.RawMessage, want Expect) (credential.Identity, error) {
	if set.IDToken.IsZero() {
		return credential.Identity{}, verifyErrorf("the provider gave no ID token, though openid was asked for")
	}
	who, err := p.VerifyIDToken(ctx, set, want)
	if err == nil {
		err = p.sameOrganization(set, want)
	}
	return who, err
}

// verifyOf checks a refresh's answer in the same way. One without an ID token
// tells nothing new: the refresh token is bound to the organization.
func verifyOf(ctx context.Context, p *Provider, set *credential.TokenSet, want Expect) error {
	if set.IDToken.IsZero() {
		return nil
	}
	_, err := identifyOf(ctx, p, set, nil, want)
	return err
}
