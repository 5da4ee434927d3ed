package dialect

import (
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/flows"
)

// A product is told by where it has its endpoints; who has them elsewhere is nobody's.
func TestByMetadata(t *testing.T) {
	for _, c := range []struct{ issuer, auth, token, scope, want string }{
		{"https://k.example/realms/a", "https://k.example/realms/a/protocol/openid-connect/auth",
			"https://k.example/realms/a/protocol/openid-connect/token", "", "Keycloak"},
		{"https://sso.example", "https://sso.example/oauth2/v1/authorize", "https://sso.example/oauth2/v1/token", "", "Okta"},
		{"https://sso.example/oauth2/x", "https://sso.example/oauth2/x/v1/authorize", "https://sso.example/oauth2/x/v1/token",
			"", "Okta"},
		{"https://sso.example/x", "https://sso.example/x/v1/authorize", "https://sso.example/x/v1/token", "", ""},
		{"https://sso.example/", "https://sso.example/authorize", "https://sso.example/oauth/token", "", "Auth0"},
		{"https://sso.example", "https://sso.example/authorize", "https://sso.example/oauth/token", "", ""}, // no slash
		{"https://git.example", "https://git.example/oauth/authorize", "https://git.example/oauth/token", "read_user",
			"GitLab"},
		{"https://git.example", "https://git.example/oauth/authorize", "https://git.example/oauth/token", "email", ""},
		{"https://z.example", "https://z.example/oauth/v2/authorize", "https://z.example/oauth/v2/token", "", "Zitadel"},
		{"https://a.example/application/o/cli/", "https://a.example/application/o/authorize/",
			"https://a.example/application/o/token/", "", "authentik"},
		{"https://a.example", "https://a.example/api/oidc/authorization", "https://a.example/api/oidc/token", "", "Authelia"},
		{"https://p.example", "https://p.example/as/authorization.oauth2", "https://p.example/as/token.oauth2", "",
			"PingFederate"},
		{"https://oauth.id.jumpcloud.com/", "", "", "", "JumpCloud"},
		{"https://acme.onelogin.com/oidc/2", "", "", "", "OneLogin"},
		{"https://acme.okta.com", "", "", "", "Okta"},
		// another host's endpoints, and a host that only looks like one
		{"https://z.example", "https://evil.example/oauth/v2/authorize", "https://evil.example/oauth/v2/token", "", ""},
		{"https://acmeonelogin.com/oidc/2", "", "", "", ""},
		{"https://op.example", "https://op.example/auth", "https://op.example/token", "", ""},
		{"", "", "", "", ""},
		{"://", "/authorize", "/oauth/token", "", ""},
	} {
		d := ByMetadata(flows.Metadata{Issuer: c.issuer, AuthorizationEndpoint: c.auth, TokenEndpoint: c.token,
			ScopesSupported: []string{c.scope}})
		if d == nil {
			d = &flows.Dialect{}
		}
		if d.Title != c.want {
			t.Errorf("%+v: %q", c, d.Title)
		}
		if d.Title != "" && (len(d.Register) == 0 || d.Groups == "") {
			t.Errorf("%s: nothing is said of it", d.Title)
		}
	}
	// oidc-provider's other endpoints are where many have them.
	const op = "https://op.example/oidc"
	for end, want := range map[string]bool{op + "/session/end": true, "https://op.example/session/end": false,
		op + "/logout": false, "": false} {
		d := ByMetadata(flows.Metadata{Issuer: op, AuthorizationEndpoint: op + "/auth", TokenEndpoint: op + "/token",
			EndSessionEndpoint: end})
		if (d != nil && d.Title == "oidc-provider") != want {
			t.Errorf("sessions end at %q: %+v", end, d)
		}
	}
}

// Device Code at a Dex below a path needs a redirect URI that is registered.
func TestDexBelowAPath(t *testing.T) {
	for issuer, want := range map[string]bool{"https://h.example/dex": true, "https://dex.example": false,
		"https://dex.example/": false} {
		base := strings.TrimSuffix(issuer, "/")
		d := ByMetadata(flows.Metadata{Issuer: issuer, TokenEndpoint: base + "/token",
			DeviceAuthorizationEndpoint: base + "/device/code"})
		if d == nil || d.Title != "Dex" ||
			strings.Contains(strings.Join(d.Register, "\n"), "redirectURIs: [/dex/device/callback, ") != want {
			t.Errorf("%s: %+v", issuer, d)
		}
	}
}

func TestIssuers(t *testing.T) {
	const tenant = "11111111-2222-3333-4444-555555555555"
	for _, c := range []struct {
		address string
		dialect *flows.Dialect
		want    string // the first, in one line; those behind "…" are other
	}{
		{"login.corp.example", nil, "https://login.corp.example https://login.corp.example/dex …"},
		{" Login.Corp.example:8443/ ", nil, "https://login.corp.example:8443 …"},
		{"https://h.example/realms/a/account?x=1#y", nil,
			"https://h.example/realms/a/account https://h.example/realms/a https://h.example/realms https://h.example …"},
		{"https://h.example/dex/.well-known/openid-configuration", nil, "https://h.example/dex https://h.example …"},
		{"https://h.example/.well-known/oauth-authorization-server/a/b", nil, "https://h.example/a/b https://h.example/a …"},
		{"http://127.0.0.1:5556/dex", nil, "http://127.0.0.1:5556/dex http://127.0.0.1:5556 …"},
		{"acme.okta.com", nil, "https://acme.okta.com/oauth2/default https://acme.okta.com"},
		{"acme.eu.auth0.com", nil, "https://acme.eu.auth0.com/ https://acme.eu.auth0.com"},
		{"accounts.google.com", nil, "https://accounts.google.com"},
		{tenant, nil, "https://login.microsoftonline.com/" + tenant + "/v2.0"},
		{"Corp.onmicrosoft.com", nil, "https://login.microsoftonline.com/corp.onmicrosoft.com/v2.0"},
		{"corp.example", entra, "https://login.microsoftonline.com/corp.example/v2.0"},
		{"login.microsoftonline.com", entra, "https://login.microsoftonline.com"},
		{"http://corp.example", nil, "must be https"},
		{"http://localhost", nil, "must be https"},
		{"https://a:b@corp.example", nil, "must not carry a user"},
		{"javascript:alert(1)", nil, "is not a URL"},
		{"corp.example\x1b[31m", nil, "is not a URL"},
		{"", nil, "is not a URL"},
	} {
		got, err := Issuers(c.address, c.dialect)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v", c.address, err)
			}
			continue
		}
		want, more := strings.CutSuffix(c.want, " …")
		if line := strings.Join(got, " "); line != want && (!more || !strings.HasPrefix(line, want+" ")) {
			t.Errorf("%q: %q", c.address, got)
		}
	}
	long, err := Issuers("h.example"+strings.Repeat("/a", 1000), nil)
	if err != nil || len(long) > 20 || !slices.Contains(long, "https://h.example") {
		t.Errorf("of a long path: %d, %v", len(long), err)
	}
}

// Whatever an address is, only its own host is named, or Entra ID's, without a query.
func FuzzIssuers(f *testing.F) {
	for _, s := range []string{"login.corp.example", "https://h.example/a/b?q#f", "corp.onmicrosoft.com", "h@x", "//h/a",
		"https://h.example/.well-known/oauth-authorization-server//evil.example", "http://127.0.0.1:1/%2f%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		list, err := Issuers(address, nil)
		for _, issuer := range list {
			u, err := flows.CheckURL("the issuer", issuer)
			if err != nil || u.RawQuery != "" {
				t.Fatalf("%q: %q, %v", address, issuer, err)
			}
			if host := strings.ToLower(u.Host); host != "login.microsoftonline.com" &&
				!strings.Contains(strings.ToLower(address), host) {
				t.Errorf("%q: %q", address, issuer)
			}
		}
		if err == nil && len(list) == 0 {
			t.Errorf("%q: neither an issuer nor an error", address)
		}
	})
}
