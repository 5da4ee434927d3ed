package flows

import (
	"context"
	"errors"

	"github.com/sso-exec/sso-exec/credential"
)

const (
	doingJWTBearer = "JWT bearer grant"

	jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// JWTBearer trades an assertion, a JWT that somebody whom the provider trusts
// has signed, for an access token (RFC 7523 §2.1): one request. Authenticating
// the client is the provider's choice there; a public one only names itself.
//
// The set holds an access token alone, as that of [Provider.ClientCredentials]
// does; to renew it, bring an assertion again. A provider may take each only
// once (§3, jti).
func (p *Provider) JWTBearer(ctx context.Context, c Client, assertion credential.Secret,
	t Target) (*credential.TokenSet, error) {
	if assertion.IsZero() {
		return nil, errors.New(doingJWTBearer + ": no assertion")
	}
	form := t.form(jwtBearerGrant)
	form.Set("assertion", assertion.Reveal())
	return p.serviceRequest(ctx, doingJWTBearer, c, form)
}
