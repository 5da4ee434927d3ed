package dialect

import (
	"fmt"
	"net/url"

	"github.com/sso-exec/sso-exec/flows"
)

// Auth0. Callback URLs are compared to the port. Access tokens for an API live
// for 24 hours; without an audience they are opaque and good for userinfo alone.
// Refresh tokens live for 30 days, whatever is refreshed meanwhile; where they
// rotate, the one before is taken as long as the overlap says, which is not at
// all unless set, and a later use of it ends the session (auth0.com/docs:
// "Refresh Token Rotation", "Work with Tokens and Organizations", "Revoke
// Refresh Tokens", "OIDC logout").
var auth0 = &flows.Dialect{
	Name: "auth0", Title: "Auth0",
	Hosts: []string{".auth0.com"},

	Known: func(issuer, _ string) flows.Metadata {
		site := siteOf(issuer)
		return flows.Metadata{DeviceAuthorizationEndpoint: site + "/oauth/device/code",
			RevocationEndpoint: site + "/oauth/revoke"}
	},
	CheckIssuer: func(issuer string) error {
		if u, err := url.Parse(issuer); err != nil || u.Path != "/" {
			return fmt.Errorf("an issuer of Auth0's is https://DOMAIN/, with the slash and nothing behind it: %s/",
				siteOf(issuer))
		}
		return nil
	},
	RedirectURIs: fixedPorts("127.0.0.1"),
	Register: []string{
		"Applications > Create Application > Native; the redirect URIs go to Allowed Callback URLs",
		"Advanced Settings > Grant Types: Authorization Code, Refresh Token, Device Code",
		"for an API ({audience}): Applications > APIs > its Settings > Allow Offline Access",
	},
	Groups: "Actions > Triggers > post-login: api.idToken.setCustomClaim(\"https://YOUR-DOMAIN/groups\", …); " +
		"groups alone " +
		"is reserved, so have the claim mapping of the cluster use that name",
	Offline:      flows.OfflineAlways,
	StepUp:       []string{"mfa_required"},
	Organization: flows.OrganizationRule{Claim: "org_id"},
	// Its logout_hint is a session's ID, not an address.
	SignOut: func(p *flows.Provider, s flows.SignedIn) string {
		page := p.EndSessionEndpoint
		if page == "" { // tenants from before November 2023
			page = siteOf(p.Issuer) + "/v2/logout"
		}
		return flows.WithQuery(page, url.Values{"client_id": {s.ClientID}})
	},
	Hints: []flows.RefusalHint{
		{Code: "unauthorized_client", Word: "Grant type",
			Say: "tick the grant at the application (Advanced Settings > Grant Types): Authorization Code, Refresh " +
				"Token, Device Code"},
		{Code: "unauthorized_client", Word: "Callback URL mismatch",
			Say: "register the redirect URIs with their ports at Allowed Callback URLs: Auth0 compares them to the letter"},
		{Code: "access_denied", Word: "Service not found", Say: "no API has the identifier that {audience} names"},
		{Code: "access_denied", Word: "Unauthorized",
			Say: "is the application of the type Native, and its Authentication Method None?"},
		{Word: "not part of the",
			Say: "you are not a member of that organization: see {organization}, or have an administrator invite you"},
		{Word: "parameter organization", Say: "this application signs in to an organization: name it with {organization}"},
		{Word: "organization",
			Say: "may members of that organization use this application? See its Organizations tab, and {organization}"},
		{Code: "consent_required",
			Say: "the API has to be consented to: sign in with a browser, {flow} pkce; or its Settings > Allow Skipping " +
				"User Consent"},
		{Code: "mfa_required",
			Say: "a second factor is asked for at each refresh: have the tenant's Action leave it out where " +
				"event.transaction.protocol is oauth2-refresh-token"},
		{Code: "invalid_client", Say: "the application must be a Native one whose Authentication Method is None"},
	},
	Identify: identifyOf, Verify: verifyOf,
}
