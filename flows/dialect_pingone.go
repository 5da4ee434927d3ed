package flows

import (
	"errors"
	"net/url"
)

// PingOne. A native application's loopback redirect may have any port. Access
// tokens live for an hour, refresh tokens for 30 days, and rotate. offline_access
// brings one to applications that have the grant (developer.pingidentity.com,
// "Authorization"). PingFederate is another product, and oidc is its dialect.
var pingone = &Dialect{
	Name: "pingone", Title: "PingOne",
	Hosts: []string{"auth.pingone.com", "auth.pingone.eu", "auth.pingone.ca", "auth.pingone.asia", "auth.pingone.com.au", "auth.pingone.sg"},

	CheckIssuer: func(issuer string) error {
		u, err := url.Parse(issuer)
		if err != nil || isHost("auth.pingone.*", u.Hostname()) && !pingonePath().MatchString(u.Path) {
			return errors.New("an issuer of PingOne's is https://auth.pingone.REGION/ENVIRONMENT-ID/as, without a slash at its end")
		}
		return nil
	},
	Register: []string{
		"Applications > Native; Configuration > Grant Type: Authorization Code (PKCE: S256), Refresh Token; Token Auth Method: None",
		"Resources: allow openid, offline_access and what the scopes name",
		"for device sign-ins another application, of the type Device Authorization",
	},
	Offline: OfflineAlways,
	Organization: OrganizationRule{
		Word: "environment",
		Issuer: func(issuer, environment string) string {
			return siteOf(issuer) + "/" + url.PathEscape(environment) + "/as"
		},
	},
	Hints: []RefusalHint{
		{"invalid_scope", "", "allow the scopes, offline_access among them, at the application: Resources"},
		{"unauthorized_client", "", "tick the grant at the application (Configuration > Grant Type); a device sign-in needs an application of the type Device Authorization"},
		{"unsupported_grant_type", "", "tick the grant at the application (Configuration > Grant Type); a device sign-in needs an application of the type Device Authorization"},
		{"invalid_client", "", "set the application's Token Auth Method to None, or give --client-secret-file"},
		{"invalid_request", "redirect", "register http://127.0.0.1/callback at the application (Configuration > Redirect URIs)"},
		{"access_denied", "", "is the application enabled, and are you of a group that may use it (Access)?"},
	},
}

var pingonePath = lazyRegexp(`^/[0-9a-fA-F-]{36}/as$`)
