package dialect

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// Dex. A public client without registered redirect URIs may use any loopback
// port; one registered URI ends that (dex issue 4836). Its device endpoint
// answers an unknown code with invalid_request, and a refresh token that is gone
// too. Refresh tokens rotate; the one before is taken for as long as
// expiry.refreshTokens.reuseInterval says, which is not at all unless set. Some
// connectors cannot refresh. It revokes nothing (dexidp/dex, server/).
var dex = &flows.Dialect{
	Name: "dex", Title: "Dex",

	Register: []string{
		"staticClients: an entry with public: true and no redirectURIs; any loopback port will do then",
		"grantTypes, if oauth2.grantTypes is set: authorization_code, refresh_token, " +
			"urn:ietf:params:oauth:grant-type:device_code",
	},
	Groups: "ask for the scope groups; the connector must have groups (LDAP: groupSearch, GitHub: orgs, OIDC: " +
		"insecureEnableGroups)",
	Lacks: []string{"organization", "audience", "resource"},
	Ended: dexEnded,
	Rotation: []string{
		"known of Dex: refresh tokens rotate, unless expiry.refreshTokens.disableRotation is set",
		"a replaced one is accepted for expiry.refreshTokens.reuseInterval, by default not at all",
		"its reuse is refused, and the session goes on",
	},
	NoRevocation: "Dex has no revocation",
	InsteadOfRevocation: "whoever runs Dex can delete the session's refresh token: by its API RevokeRefresh, or by " +
		"kubectl delete refreshtokens.dex.coreos.com",
	Hints: []flows.RefusalHint{
		{Code: "invalid_client",
			Say: "does staticClients have this ID, with public: true? One with a secret needs {client_secret}"},
		{Code: "invalid_request", Word: "redirect_uri",
			Say: "leave redirectURIs out of the public client's entry: if it is set, Dex accepts only those"},
		{Code: "invalid_scope",
			Say: "Dex knows openid, email, profile, groups, offline_access, federated:id and " +
				"audience:server:client_id:ID, and no other"},
		{Code: "unsupported_grant_type", Say: "allow the grant in Dex's config: oauth2.grantTypes"},
		{Code: "access_denied",
			Say: "the connector does not let you in: are you of the groups or the organization that it requires?"},
	},
}

// dexEnded is how Dex says that a session has ended (dexidp/dex, server/). Nobody
// else says it so, and many do not name Dex: the standard's dialect has it too.
var dexEnded = []string{"invalid_request: Refresh token is invalid or has already been claimed",
	"invalid_request: Refresh token expired"}

// dexByMetadata recognizes Dex, whose host can be any, by where its metadata has its
// endpoints. Below a path its device flow's own redirect URI has to be registered, which
// ends the loopback's leniency (dexidp/dex, server/authflow/request.go).
func dexByMetadata(m flows.Metadata) *flows.Dialect {
	base := strings.TrimSuffix(m.Issuer, "/")
	if m.DeviceAuthorizationEndpoint != base+"/device/code" || m.TokenEndpoint != base+"/token" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Path == "" {
		return dex
	}
	below := *dex
	below.Register = append(slices.Clone(dex.Register), "only for device code, as this issuer has a path: redirectURIs: ["+
		u.Path+"/device/callback, http://127.0.0.1:8000/callback], and here {redirect_uri} http://127.0.0.1:8000/callback")
	return &below
}
