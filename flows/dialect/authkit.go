package dialect

import (
	"context"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// AuthKit is WorkOS Connect: OAuth and OpenID Connect to the letter, on the
// environment's AuthKit domain. Its two metadata documents differ, and where one
// is old the revocation endpoint is in neither.
//
// The organization is chosen on its consent page, and by no parameter: a program
// can only demand that it be a certain one.
var authKit = &flows.Dialect{
	Name: "authkit", Title: "WorkOS Connect (AuthKit)", Hosts: []string{".authkit.app"},
	Known: authKitEndpoints, Documents: flows.DocumentsBoth, Offline: flows.OfflineAlways,
	Register: []string{
		"Connect > Applications > OAuth application, as a public client (PKCE, no secret)",
		"Redirect URI: http://127.0.0.1:*/callback (the port wildcard is for loopback addresses only)",
	},
	Organization: flows.OrganizationRule{Claim: "org_id"},
	Hints: []flows.RefusalHint{
		{Code: "invalid_client",
			Say: "is it the client ID of the Connect application, not the environment's? And is it registered as a " +
				"public client?"},
		{Code: "invalid_redirect_uri",
			Say: "register http://127.0.0.1:*/callback for the application, or name what is registered: {redirect_uri}"},
	},
	Adapt:    func(_ string, form url.Values) { form.Del("organization") },
	Identify: identifyOf,
	Verify: func(ctx context.Context, p *flows.Provider, set *credential.TokenSet, want flows.Expect) error {
		if !set.IDToken.IsZero() {
			if _, err := p.VerifyIDToken(ctx, set, want); err != nil {
				return err
			}
		}
		return p.SameOrganization(set, want)
	},
}

// authKitEndpoints are what the metadata may lack.
func authKitEndpoints(issuer, _ string) flows.Metadata {
	base := strings.TrimSuffix(issuer, "/") + "/oauth2/"
	return flows.Metadata{
		AuthorizationEndpoint: base + "authorize", TokenEndpoint: base + "token", JWKSURI: base + "jwks",
		DeviceAuthorizationEndpoint: base + "device_authorization", RevocationEndpoint: base + "revoke",
	}
}
