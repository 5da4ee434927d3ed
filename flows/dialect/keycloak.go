package dialect

import (
	"errors"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// Keycloak. A redirect URI for http://127.0.0.1 or http://localhost that is
// registered without a port stands for every port; [::1] is compared as it is
// (RedirectUtils). Access tokens live for 5 minutes, a session for 10 hours or 30
// minutes without use; with offline_access for 30 days without use, past the
// browser's sign-out. Refresh tokens are good as often as they are used, unless
// the realm revokes them (Realm settings > Tokens > Revoke Refresh Token), which
// makes each of them single-use.
var keycloak = &flows.Dialect{
	Name: "keycloak", Title: "Keycloak",

	CheckIssuer: func(issuer string) error {
		if u, err := url.Parse(issuer); err != nil || !keycloakPath().MatchString(u.Path) {
			return errors.New("an issuer of Keycloak's is https://HOST/realms/REALM, without a slash at its end (before " +
				"version 17: https://HOST/auth/realms/REALM)")
		}
		return nil
	},
	Register: []string{
		"Clients > Create client: OpenID Connect; Client authentication: Off; Standard flow and OAuth 2.0 Device " +
			"Authorization Grant",
		"Valid redirect URIs without a port: that allows every port",
		"offline_access is an optional client scope, and a role that everybody has unless it was taken away",
	},
	Groups: "Clients > the client > Client scopes > its dedicated scope > Add mapper > By configuration > Group " +
		"Membership; Token Claim Name groups, Full group path Off",
	Organization: flows.OrganizationRule{
		Word: "realm",
		Issuer: func(issuer, realm string) string {
			base, _, _ := strings.Cut(issuer, "/realms/")
			return strings.TrimSuffix(base, "/") + "/realms/" + url.PathEscape(realm)
		},
	},
	Hints: []flows.RefusalHint{
		{Code: "not_allowed", Word: "Offline tokens",
			Say: "the account lacks the realm role offline_access, or the client the optional scope of that name: an " +
				"administrator gives both"},
		{Word: "redirect_uri",
			Say: "register http://127.0.0.1/callback, without a port, at the client's Valid redirect URIs"},
		{Word: "Session not active",
			Say: "the browser's session has ended meanwhile: sign in again; offline_access makes one that lasts"},
		{Word: "reuse exceeded", Say: "another program used the same refresh token; sign in again"},
		{Code: "unauthorized_client", Word: "Device Authorization Grant",
			Say: "turn on OAuth 2.0 Device Authorization Grant at the client (Capability config), or use {flow} pkce or " +
				"{flow} paste"},
		{Code: "unauthorized_client",
			Say: "turn off Client authentication at the client (Capability config), or give {client_secret}"},
		{Code: "invalid_client",
			Say: "turn off Client authentication at the client (Capability config), or give {client_secret}; and is " +
				"the client of this realm?"},
		{Code: "invalid_scope",
			Say: "the client lacks a client scope: Clients > the client > Client scopes > Add client scope"},
	},
}

var keycloakPath = lazyRegexp(`^(/.+)?/realms/[^/]+$`)
