package dialect

import (
	"fmt"

	"github.com/sso-exec/sso-exec/flows"
)

// Google. A client for command lines is of the type Desktop app; it has a secret
// that is not confidential and that the token endpoint wants all the same. Any
// loopback port will do, and nothing is registered. Access tokens live for an
// hour. Refresh tokens do not rotate; they end after six months without use,
// after 7 days while the consent screen is in testing, and where a client has
// more than 100 of an account the oldest goes (developers.google.com,
// "OAuth 2.0 for iOS & Desktop Apps", "Using OAuth 2.0").
var google = &flows.Dialect{
	Name: "google", Title: "Google",
	Hosts:  []string{"accounts.google.com"},
	Issuer: googleIssuer,

	CheckIssuer: func(issuer string) error {
		if issuer != googleIssuer {
			return fmt.Errorf("the issuer of Google is %s, for everybody", googleIssuer)
		}
		return nil
	},
	Register: []string{
		"Google Auth Platform > Clients > Create client > Desktop app; no redirect URI is registered",
		"its secret is not confidential, but required: put it into a file that only you can read, {client_secret} FILE",
		"Audience: Internal for a Workspace; in testing, a sign-in ends after 7 days",
		"for device sign-ins another client, of the type TVs and Limited Input devices, which has few scopes",
	},
	Groups:        "Google has none in its tokens: bind roles to addresses",
	Offline:       flows.OfflineNever, // the scope is refused; access_type is what brings a refresh token
	OfflineParams: []flows.Param{{Name: "access_type", Value: "offline"}, {Name: "prompt", Value: "consent"}},
	NeedsSecret:   true, NoDevicePKCE: true,
	Lacks:        []string{"audience", "resource"},
	Organization: flows.OrganizationRule{Word: "domain", Param: "hd", Claim: "hd"},
	SignOut:      func(*flows.Provider, flows.SignedIn) string { return "" }, // there is only one for all of Google
	Hints: []flows.RefusalHint{
		{Code: "invalid_request", Word: "client_secret is missing",
			Say: "Google gives desktop clients a secret, and wants it: put it into a file that only you can read, and " +
				"give {client_secret} FILE"},
		{Code: "invalid_client", Word: "client type",
			Say: "device sign-ins need a client of the type TVs and Limited Input devices; with a Desktop app use {flow} " +
				"pkce or {flow} paste"},
		{Code: "invalid_client", Say: "is it the client ID and the secret of one and the same client?"},
		{Code: "deleted_client",
			Say: "somebody deleted this client at Google, or Google did since nobody used it: create another one"},
		{Code: "invalid_scope",
			Say: "Google allows few scopes to device sign-ins (openid, email, profile and some of Drive's and " +
				"YouTube's): for others use {flow} pkce or {flow} paste"},
		{Code: "redirect_uri_mismatch", Say: "the client is of the type Web application: create one of the type Desktop app"},
		{Code: "unauthorized_client", Say: "is the client of the type Desktop app?"},
		{Code: "admin_policy_enforced",
			Say: "the Workspace's administrator has to allow this client: Admin console > Security > API controls"},
		{Code: "org_internal", Say: "the client is for members of its own Workspace alone: sign in with that account"},
	},
	Identify: identifyOf, Verify: verifyOf,
}

const googleIssuer = "https://accounts.google.com"
