package dialect

import (
	"errors"
	"net/url"

	"github.com/sso-exec/sso-exec/flows"
)

// PingOne. A native application's loopback redirect may have any port. Access
// tokens live for an hour, refresh tokens for 30 days, and rotate. offline_access
// brings one to applications that have the grant (developer.pingidentity.com,
// "Authorization"). PingFederate is another product, and oidc is its dialect.
var pingone = &flows.Dialect{
	Name: "pingone", Title: "PingOne",
	Hosts: []string{"auth.pingone.com", "auth.pingone.eu", "auth.pingone.ca", "auth.pingone.asia", "auth.pingone.com.au",
		"auth.pingone.sg"},

	CheckIssuer: func(issuer string) error {
		u, err := url.Parse(issuer)
		if err != nil || isHost("auth.pingone.*", u.Hostname()) && !pingonePath().MatchString(u.Path) {
			return errors.New("an issuer of PingOne's is https://auth.pingone.REGION/ENVIRONMENT-ID/as, without a slash at " +
				"its end")
		}
		return nil
	},
	Register: []string{
		"Applications > Native; Configuration > Grant Type: Authorization Code (PKCE: S256), Refresh Token; Token Auth " +
			"Method: None",
		"Resources: allow openid, offline_access and what the scopes name",
		"for device sign-ins another application, of the type Device Authorization",
	},
	Groups:  "Applications > the application > Attribute Mappings: groups = Group Names; and the scope that has it",
	Offline: flows.OfflineAlways,
	Organization: flows.OrganizationRule{
		Word: "environment",
		Issuer: func(issuer, environment string) string {
			return siteOf(issuer) + "/" + url.PathEscape(environment) + "/as"
		},
	},
	Hints: []flows.RefusalHint{
		{Code: "invalid_scope", Say: "allow the scopes, offline_access among them, at the application: Resources"},
		{Code: "unauthorized_client",
			Say: "tick the grant at the application (Configuration > Grant Type); a device sign-in needs an application " +
				"of the type Device Authorization"},
		{Code: "unsupported_grant_type",
			Say: "tick the grant at the application (Configuration > Grant Type); a device sign-in needs an application " +
				"of the type Device Authorization"},
		{Code: "invalid_client", Say: "set the application's Token Auth Method to None, or give {client_secret}"},
		{Code: "invalid_request", Word: "redirect",
			Say: "register http://127.0.0.1/callback at the application (Configuration > Redirect URIs)"},
		{Code: "access_denied", Say: "is the application enabled, and are you of a group that may use it (Access)?"},
	},
}

var pingonePath = lazyRegexp(`^/[0-9a-fA-F-]{36}/as$`)
