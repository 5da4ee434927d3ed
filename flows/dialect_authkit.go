package flows

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// AuthKit is WorkOS Connect: OAuth and OpenID Connect to the letter, on the
// environment's AuthKit domain. Its two metadata documents differ, and where one
// is old the revocation endpoint is in neither.
//
// The organization is chosen on its consent page, and by no parameter: a profile
// can only demand that it be a certain one.
var authKit = Dialect{
	Name: "authkit", Title: "WorkOS Connect (AuthKit)", Hosts: []string{".authkit.app"},
	Known: authKitEndpoints, BothDocuments: true, Offline: OfflineAlways,
	Register: []string{
		"Connect > Applications > OAuth application, as a public client (PKCE, no secret)",
		"Redirect URI: http://127.0.0.1:*/callback (the port wildcard is for loopback addresses only)",
	},
	Organization: OrganizationRule{Claim: "org_id"},
	Hints: []RefusalHint{
		{Code: "invalid_client", Say: "is it the client ID of the Connect application, not the environment's? And is it registered as a public client?"},
		{Code: "invalid_redirect_uri", Say: "register http://127.0.0.1:*/callback for the application, or name what is registered: --redirect-uri"},
	},
	adapt: func(_ string, form url.Values) { form.Del("organization") },
	identify: func(ctx context.Context, p *Provider, set *credential.TokenSet, _ map[string]json.RawMessage, want Expect) (credential.Identity, error) {
		if set.IDToken.IsZero() {
			return credential.Identity{}, verifyErrorf("the provider gave no ID token, though openid was asked for")
		}
		who, err := p.VerifyIDToken(ctx, set, want)
		if err == nil {
			err = p.sameOrganization(set, want)
		}
		return who, err
	},
	verify: func(ctx context.Context, p *Provider, set *credential.TokenSet, want Expect) error {
		if !set.IDToken.IsZero() {
			if _, err := p.VerifyIDToken(ctx, set, want); err != nil {
				return err
			}
		}
		return p.sameOrganization(set, want)
	},
}

// authKitEndpoints are what the metadata may lack.
func authKitEndpoints(issuer, _ string) Metadata {
	base := strings.TrimSuffix(issuer, "/") + "/oauth2/"
	return Metadata{
		AuthorizationEndpoint: base + "authorize", TokenEndpoint: base + "token", JWKSURI: base + "jwks",
		DeviceAuthorizationEndpoint: base + "device_authorization", RevocationEndpoint: base + "revoke",
	}
}
