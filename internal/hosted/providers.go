package hosted

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// The hosted providers, as each describes itself: its metadata, the parameters that
// it takes, how it compares redirect URIs, what brings a refresh token, what it
// revokes and how it signs out. The names of tenants, clients and domains are those
// of the pages in docs/providers.

const (
	entraTenant = "11111111-2222-3333-4444-555555555555"
	entraClient = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	pingoneEnv  = "66666666-7777-8888-9999-000000000000"
)

// exactly compares redirect URIs to the letter.
func exactly(registered ...string) func(*url.URL) bool {
	return func(u *url.URL) bool { return slices.Contains(registered, u.String()) }
}

// anyPortOf ignores the port of a host.
func anyPortOf(host string) func(*url.URL) bool {
	return func(u *url.URL) bool {
		return u.Scheme == "http" && u.Hostname() == host && u.Path == "/callback" && u.RawQuery == ""
	}
}

func siteOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Scheme + "://" + u.Host
}

// metadata makes metadata of endpoints below a base.
func metadata(issuer, base string, endpoints map[string]string, scopes ...string) map[string]any {
	m := map[string]any{"issuer": issuer, "scopes_supported": scopes, "response_types_supported": []string{"code"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "subject_types_supported": []string{"public"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"}}
	for name, path := range endpoints {
		if !strings.Contains(path, "://") {
			path = base + path
		}
		m[name] = path
	}
	return m
}

func openOkta(w *World) {
	const issuer = "https://corp.okta.com/oauth2/default"
	(&server{
		metadata: metadata(issuer, issuer, map[string]string{
			"authorization_endpoint": "/v1/authorize", "token_endpoint": "/v1/token", "jwks_uri": "/v1/keys",
			"revocation_endpoint":           "/v1/revoke",
			"device_authorization_endpoint": "/v1/device/authorize", "end_session_endpoint": "/v1/logout",
		}, "openid", "profile", "email", "offline_access"),
		client: "0oa1b2c3d4E5f6G7h8i9", scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
		offline: "offline_access",
		redirect: exactly("http://127.0.0.1:8400/callback", "http://127.0.0.1:8401/callback",
			"http://127.0.0.1:8402/callback"),
		rotates: true, revokes: []string{"refresh_token", "access_token"}, logoutAt: "https://corp.okta.com/login/signout",
	}).open(w)
}

func openEntra(w *World) {
	openEntraFor(w, entraClient, anyPortOf("localhost"), "https://management.azure.com/.default", "api://orders/.default")
}

// openAKS is Entra ID with Azure's own public client, which may ask for the API servers
// of AKS, and leads a browser back to http://localhost without a path.
func openAKS(w *World) {
	openEntraFor(w, "80faf920-1908-4b52-b5ef-a8e7bedfc67a", func(u *url.URL) bool {
		return u.Scheme == "http" && u.Hostname() == "localhost" && u.Path == ""
	}, "6dae42f8-4368-4678-94ff-3960e28e3630/.default")
}

func openEntraFor(w *World, client string, redirect func(*url.URL) bool, resources ...string) {
	const site = "https://login.microsoftonline.com/" + entraTenant
	(&server{
		metadata: metadata(site+"/v2.0", site, map[string]string{
			"authorization_endpoint": "/oauth2/v2.0/authorize", "token_endpoint": "/oauth2/v2.0/token",
			"jwks_uri":                      "/discovery/v2.0/keys",
			"device_authorization_endpoint": "/oauth2/v2.0/devicecode", "end_session_endpoint": "/oauth2/v2.0/logout",
		}, "openid", "profile", "email", "offline_access"),
		client: client, offline: "offline_access",
		scopes:   append([]string{"openid", "profile", "email", "offline_access"}, resources...),
		redirect: redirect, authorize: []string{"claims", "domain_hint"}, token: []string{"claims", "scope"},
		renews: true, logout: []string{"post_logout_redirect_uri?"}, life: 75 * time.Minute, barePolls: true,
		tokenClaim: func(Person, url.Values) map[string]any { return map[string]any{"tid": entraTenant, "ver": "2.0"} },
	}).open(w)
}

func openGoogle(w *World) {
	(&server{
		metadata: metadata("https://accounts.google.com", "https://oauth2.googleapis.com", map[string]string{
			"authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth", "token_endpoint": "/token",
			"revocation_endpoint": "/revoke",
			"jwks_uri":            "https://www.googleapis.com/oauth2/v3/certs", "device_authorization_endpoint": "/device/code",
		}, "openid", "email", "profile"),
		client: "123456789012-abcdef.apps.googleusercontent.com", secret: "GOCSPX-of-a-desktop-app",
		scopes:    []string{"openid", "email", "profile"},
		offlineOf: [2]string{"access_type", "offline"}, authorize: []string{"access_type", "hd", "include_granted_scopes"},
		redirect: anyPortOf("127.0.0.1"), revokes: []string{"refresh_token", "access_token"}, barePolls: true,
		tokenClaim: func(p Person, _ url.Values) map[string]any { // hd is a hint; the claim is what is true
			if p.Organization == "" {
				return nil
			}
			return map[string]any{"hd": p.Organization}
		},
	}).open(w)
}

func openAuth0(w *World) {
	const site = "https://corp.eu.auth0.com"
	(&server{
		metadata: metadata(site+"/", site, map[string]string{
			"authorization_endpoint": "/authorize", "token_endpoint": "/oauth/token", "jwks_uri": "/.well-known/jwks.json",
			"revocation_endpoint":           "/oauth/revoke",
			"device_authorization_endpoint": "/oauth/device/code", "end_session_endpoint": "/oidc/logout",
		}, "openid", "profile", "email", "offline_access"),
		client: "aUtH0nAtIvEcLiEnT", scopes: []string{"openid", "profile", "email", "offline_access", "read:orders"},
		offline: "offline_access",
		redirect: exactly("http://127.0.0.1:8400/callback", "http://127.0.0.1:8401/callback",
			"http://127.0.0.1:8402/callback"),
		authorize: []string{"audience", "organization", "connection"}, rotates: true, revokes: []string{"refresh_token"},
		logout: []string{"client_id", "post_logout_redirect_uri?"}, life: 24 * time.Hour,
		tokenClaim: func(p Person, _ url.Values) map[string]any {
			if p.Organization == "" {
				return nil
			}
			return map[string]any{"org_id": p.Organization}
		},
	}).open(w)
}

func openKeycloak(w *World) {
	const issuer = "https://keycloak.corp.example/realms/corp"
	(&server{
		metadata: metadata(issuer, issuer+"/protocol/openid-connect", map[string]string{
			"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/certs",
			"revocation_endpoint":           "/revoke",
			"device_authorization_endpoint": "/auth/device", "end_session_endpoint": "/logout",
		}, "openid", "profile", "email", "offline_access", "groups"),
		client: "sso-exec", scopes: []string{"openid", "profile", "email", "offline_access", "groups"},
		offline: "offline_access", always: true,
		redirect: anyPortOf("127.0.0.1"), rotates: true, revokes: []string{"refresh_token", "access_token"},
		life:      5 * time.Minute,
		logout:    []string{"client_id?", "logout_hint?", "post_logout_redirect_uri?", "state?"},
		authorize: []string{"kc_idp_hint", "acr_values", "max_age"},
	}).open(w)
}

func openDex(w *World) {
	const issuer = "https://dex.corp.example"
	(&server{
		metadata: metadata(issuer, issuer, map[string]string{
			"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys",
			"device_authorization_endpoint": "/device/code",
		}, "openid", "email", "groups", "profile", "offline_access"),
		client: "sso-exec", scopes: []string{"openid", "email", "groups", "profile", "offline_access"},
		offline:  "offline_access",
		redirect: anyPortOf("127.0.0.1"), rotates: true, authorize: []string{"connector_id"}, life: 24 * time.Hour,
	}).open(w)
}

func openPingOne(w *World) {
	const issuer = "https://auth.pingone.eu/" + pingoneEnv + "/as"
	(&server{
		metadata: metadata(issuer, issuer, map[string]string{
			"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks",
			"revocation_endpoint":           "/revoke",
			"device_authorization_endpoint": "/device_authorization", "end_session_endpoint": "/signoff",
		}, "openid", "profile", "email"),
		client: "99999999-aaaa-bbbb-cccc-dddddddddddd", scopes: []string{"openid", "profile", "email", "offline_access"},
		offline:  "offline_access",
		redirect: anyPortOf("127.0.0.1"), rotates: true, revokes: []string{"refresh_token", "access_token"},
		authorize: []string{"acr_values", "max_age"},
		logout:    []string{"client_id?", "logout_hint?", "post_logout_redirect_uri?"},
	}).open(w)
}

func openCognito(w *World) {
	const pool, site = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
		"https://corp.auth.eu-central-1.amazoncognito.com"
	(&server{
		metadata: metadata(pool, site, map[string]string{
			"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token",
			"jwks_uri":            pool + "/.well-known/jwks.json",
			"revocation_endpoint": "/oauth2/revoke", "end_session_endpoint": "/logout",
		}, "openid", "email", "phone", "profile"),
		client: "1example23456789", scopes: []string{"openid", "email", "profile"}, always: true,
		authorize: []string{"identity_provider", "lang"},
		redirect: exactly("http://localhost:8400/callback", "http://localhost:8401/callback",
			"http://localhost:8402/callback"),
		revokes: []string{"refresh_token"}, logout: []string{"client_id", "response_type", "redirect_uri"},
	}).open(w)
}

func openGitLab(w *World) {
	const site = "https://gitlab.com"
	(&server{
		metadata: metadata(site, site, map[string]string{
			"authorization_endpoint": "/oauth/authorize", "token_endpoint": "/oauth/token", "jwks_uri": "/oauth/discovery/keys",
			"revocation_endpoint": "/oauth/revoke",
		}, "api", "read_user", "openid", "profile", "email"),
		deviceAt: site + "/oauth/authorize_device", always: true,
		client: "0123456789abcdef0123456789abcdef", scopes: []string{"openid", "profile", "email"},
		redirect: anyPortOf("127.0.0.1"), rotates: true, revokes: []string{"refresh_token", "access_token"},
		life: 2 * time.Hour,
	}).open(w)
}
