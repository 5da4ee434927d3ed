package dialect

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/flows"
)

// ByMetadata recognizes a product by where its metadata has its endpoints, whatever the
// host is; nil: it is not known. One that is not in [All] keeps to the standards, and has
// only words for people: a title, what to register, how groups get into its ID tokens.
//
// It is for such words and for what is offered to a person: others can have their
// endpoints in the same places.
func ByMetadata(m flows.Metadata) *flows.Dialect {
	if d := Of(m.Issuer); d != standard {
		return d
	}
	if d := dexByMetadata(m); d != nil {
		return d
	}
	base, site := strings.TrimSuffix(m.Issuer, "/"), siteOf(m.Issuer)
	u, err := url.Parse(m.Issuer)
	if err != nil {
		return nil
	}
	for _, k := range []struct {
		host        string // of the issuer, as in Dialect.Hosts; else
		auth, token string // below the issuer or its host
		scope, end  string // a scope that it has, and where its sessions end; may be empty
		dialect     *flows.Dialect
	}{
		{auth: "/protocol/openid-connect/auth", token: "/protocol/openid-connect/token", dialect: keycloak},
		{auth: "/oauth2/v1/authorize", token: "/oauth2/v1/token", dialect: okta},
		{auth: "/v1/authorize", token: "/v1/token", dialect: okta},
		{auth: "/authorize", token: "/oauth/token", dialect: auth0},
		{auth: "/oauth/authorize", token: "/oauth/token", scope: "read_user", dialect: gitlab},
		{auth: "/oauth/v2/authorize", token: "/oauth/v2/token", dialect: words("Zitadel",
			"the project's details: Assert Roles on Authentication; the application's Token Settings: User roles inside "+
				"ID Token. They come as urn:zitadel:iam:org:project:roles; an Action can copy them to groups",
			"Projects > the project > Applications > New: Native; no secret (PKCE)",
			"grant types: Authorization Code, Refresh Token, Device Code",
			"Token Settings: User Info inside ID Token, for the claims of email and profile")},
		{auth: "/application/o/authorize/", token: "/application/o/token/", dialect: words("authentik",
			"they come with the scope profile",
			"Applications > Create with Provider > OAuth2/OpenID; Client type: Public",
			`Redirect URIs: Regex, http://127\.0\.0\.1:\d+/callback`,
			"Advanced protocol settings > Scopes: email, profile, offline_access")},
		{auth: "/api/oidc/authorization", token: "/api/oidc/token", dialect: words("Authelia",
			"configuration.yml: a claims_policy of the client whose id_token lists groups (and email)",
			"configuration.yml, identity_providers.oidc.clients: client_id, public: true, "+
				"token_endpoint_auth_method: none, redirect_uris, scopes",
			"grant_types: authorization_code, refresh_token")},
		{auth: "/as/authorization.oauth2", token: "/as/token.oauth2", dialect: words("PingFederate",
			"Applications > OAuth > OpenID Connect Policy Management: extend the Attribute Contract by groups",
			"Applications > OAuth > Clients > Add Client; Client Authentication: None; Require PKCE",
			"Allowed Grant Types: Authorization Code, Refresh Token, Device Authorization Grant")},
		{auth: "/auth", token: "/token", end: "/session/end", dialect: words("oidc-provider",
			"claims: groups under a scope of that name; conformIdTokenClaims: false puts them and email into ID tokens",
			"clients: token_endpoint_auth_method: none, application_type: native; any port of 127.0.0.1 will do then",
			"grant_types: authorization_code, refresh_token, urn:ietf:params:oauth:grant-type:device_code",
			"a native client gets a refresh token only where it asks for consent: {auth_param} prompt=consent")},
		{host: "oauth.id.jumpcloud.com", dialect: words("JumpCloud",
			"SSO Applications > the application > SSO > Attribute Mapping: include the group attribute, named groups",
			"SSO Applications > Add New Application > Custom Application > Configure SSO with OIDC",
			"Client Authentication Type: Public (None PKCE); Grant Types: Authorization Code, Refresh Token",
			"Standard Scopes: Email, Profile; then give user groups access to the application")},
		{host: ".onelogin.com", dialect: words("OneLogin",
			"Applications > the application > Parameters > Groups: choose what its value is",
			"Applications > Add App > OpenId Connect (OIDC); Configuration > Redirect URI's",
			"SSO: Application Type Native, Token Endpoint Authentication Method None (PKCE)")},
	} {
		is := k.host != "" && isHost(k.host, strings.ToLower(u.Hostname()))
		for _, at := range []string{base, site} {
			is = is || k.host == "" && m.AuthorizationEndpoint == at+k.auth && m.TokenEndpoint == at+k.token &&
				(k.end == "" || m.EndSessionEndpoint == at+k.end)
		}
		if is && (k.scope == "" || slices.Contains(m.ScopesSupported, k.scope)) &&
			(k.dialect.CheckIssuer == nil || k.dialect.CheckIssuer(m.Issuer) == nil) {
			return k.dialect
		}
	}
	return nil
}

// words is the standard's dialect with words of a product.
func words(title, groups string, register ...string) *flows.Dialect {
	d := *standard
	d.Title, d.Groups, d.Register = title, groups, register
	return &d
}

// otherPaths are where issuers are below a host that has none at its root, as products
// have them out of the box.
var otherPaths = []string{"/dex", "/oauth2/default", "/oidc/2", "/oidc", "/adfs", "/am/oauth2", "/identity",
	"/v1/identity/oidc/provider/default", AdminRealm, "/auth" + AdminRealm}

// AdminRealm is the path of the realm that every Keycloak has, for its administrators. It
// gives a Keycloak away, and is hardly what somebody means.
const AdminRealm = "/realms/master"

// Issuers returns what can be meant by an address that somebody has of a provider, the
// likeliest first: a host; the URL of an issuer, of its metadata, or of a page below it;
// of Entra ID a tenant's ID, or its domain where d says that it is Entra ID. Each is a URL
// without a query on the host of the address, or on Entra ID's. Which of them is an issuer
// is told by its metadata (OpenID Connect Discovery §4.3), not here. The error is about an
// address that is not https, or has a user or a password.
func Issuers(address string, d *flows.Dialect) ([]string, error) {
	address = strings.TrimSpace(address)
	isDomain := !strings.ContainsAny(address, "/:") && Of("https://"+address) != entra
	if entraID().MatchString(address) || isDomain && (strings.HasSuffix(address, ".onmicrosoft.com") || d == entra) {
		return []string{entra.Organization.Issuer(entra.Issuer, strings.ToLower(address))}, nil
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	address, _, _ = strings.Cut(address, "#") // of a page
	u, err := flows.CheckURL("the provider's address", address)
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(address) || strings.Contains(u.Host, "%") || !strings.Contains(address, u.Host) { // %2e
		return nil, fmt.Errorf("the provider's address %q is not a URL", flows.Clean(address, 200))
	}
	site, path := u.Scheme+"://"+strings.ToLower(u.Host), u.EscapedPath()
	before, after, found := strings.Cut(path, "/.well-known/")
	if path = before; found && path == "" { // RFC 8414 §3.1 has the issuer's path behind it
		if _, behind, ok := strings.Cut(after, "/"); ok {
			path = "/" + behind
		}
	}
	known := Of(site)
	var list []string
	add := func(path string) {
		if !slices.Contains(list, site+path) {
			list = append(list, site+path)
		}
	}
	path = strings.TrimRight(path, "/")
	for ; path != "" && len(list) < 6; path = path[:strings.LastIndexByte(path, '/')] {
		add(path)
	}
	switch known {
	case okta:
		add("/oauth2/default")
	case auth0:
		add("/")
	}
	add("")
	if known == standard {
		for _, path := range otherPaths {
			add(path)
		}
	}
	return list, nil
}

var entraID = lazyRegexp(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
