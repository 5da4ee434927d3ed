package flows

import "fmt"

// Google. A client for command lines is of the type Desktop app; it has a secret
// that is not confidential and that the token endpoint wants all the same. Any
// loopback port will do, and nothing is registered. Access tokens live for an
// hour. Refresh tokens do not rotate; they end after six months without use,
// after 7 days while the consent screen is in testing, and where a client has
// more than 100 of an account the oldest goes (developers.google.com,
// "OAuth 2.0 for iOS & Desktop Apps", "Using OAuth 2.0").
var google = &Dialect{
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
		"its secret is no secret, but needed: put it into a file that only you can read, --client-secret-file FILE",
		"Audience: Internal for a Workspace; in testing, a sign-in ends after 7 days",
		"for device sign-ins another client, of the type TVs and Limited Input devices, which has few scopes",
	},
	Offline:       OfflineNever, // the scope is refused; access_type is what brings a refresh token
	OfflineParams: []Param{{"access_type", "offline"}, {"prompt", "consent"}},
	NeedsSecret:   true, NoDevicePKCE: true,
	Lacks: []string{"audience", "resource"},
	Organization: OrganizationRule{
		Word: "domain", Param: "hd", Claim: "hd",
	},
	SignOut: func(*Provider, SignedIn) string { return "" }, // there is only one for all of Google
	Hints: []RefusalHint{
		{"invalid_request", "client_secret is missing", "Google gives desktop clients a secret, and wants it: put it into a file that only you can read, and give --client-secret-file FILE"},
		{"invalid_client", "client type", "device sign-ins need a client of the type TVs and Limited Input devices; with a Desktop app use --flow pkce or --flow paste"},
		{"invalid_client", "", "is it the client ID and the secret of one and the same client?"},
		{"deleted_client", "", "somebody deleted this client at Google, or Google did since nobody used it: create another one"},
		{"invalid_scope", "", "Google allows few scopes to device sign-ins (openid, email, profile and some of Drive's and YouTube's): for others use --flow pkce or --flow paste"},
		{"redirect_uri_mismatch", "", "the client is of the type Web application: create one of the type Desktop app"},
		{"unauthorized_client", "", "is the client of the type Desktop app?"},
		{"admin_policy_enforced", "", "the Workspace's administrator has to allow this client: Admin console > Security > API controls"},
		{"org_internal", "", "the client is for members of its own Workspace alone: sign in with that account"},
	},
	identify: identifyOf, verify: verifyOf,
}

const googleIssuer = "https://accounts.google.com"
