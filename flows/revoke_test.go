package flows

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// grant signs alice in by the scripted browser.
func grant(t *testing.T, p *providertest.Provider, found *Provider, c Client) credential.TokenSet {
	t.Helper()
	var set credential.TokenSet
	err := found.PKCE(t.Context(),
		SignIn{Client: c, RedirectURIs: []string{"http://127.0.0.1:0/callback"},
			Scopes: []string{"openid", "offline_access"}},
		func(a *Authorization) error {
			go func() {
				if res, err := p.Client().Get(a.URL); err == nil {
					res.Body.Close()
				}
			}()
			return nil
		}, func(r *Result) error { set = *r.Tokens; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The old tokens are used afterwards: the provider takes them no more.
func TestRevoke(t *testing.T) {
	for name, c := range map[string]providertest.Client{
		"public":              {ID: "cli"},
		"client_secret_basic": {ID: "web app", Secret: "a:b&c=%", AuthMethod: "client_secret_basic"},
		"client_secret_post":  {ID: "web", Secret: "s3cret", AuthMethod: "client_secret_post"},
	} {
		t.Run(name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{Clients: []providertest.Client{c}})
			p.Edit(providertest.Discovery, func(m map[string]any) {
				if c.AuthMethod != "" {
					m["token_endpoint_auth_methods_supported"] = []string{c.AuthMethod}
				}
				if name == "client_secret_post" { // then the token endpoint's
					delete(m, "revocation_endpoint_auth_methods_supported")
				}
			})
			found, client := discover(t, p), Client{ID: c.ID, Secret: credential.NewSecret(c.Secret)}
			set := grant(t, p, found, client)
			if err := found.Revoke(t.Context(), client, set.AccessToken, HintAccessToken); err != nil {
				t.Fatal(err)
			}
			if p.AccessTokenAlive(set.AccessToken.Reveal()) || !p.Alive(set.RefreshToken.Reveal()) {
				t.Error("the access token was to be revoked, and nothing else")
			}
			for range 2 { // the second time it is not known any more
				if err := found.Revoke(t.Context(), client, set.RefreshToken, HintRefreshToken); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := found.Refresh(t.Context(), client, set.RefreshToken, Target{}); err == nil || p.ActiveFamilies() != 0 {
				t.Errorf("the refresh token still works: %v", err)
			}
			if err := found.Revoke(t.Context(), client, credential.NewSecret("unknown"), ""); err != nil {
				t.Error(err)
			}
			if v := p.Violations(); len(v) != 0 {
				t.Error(v)
			}
			log := p.Log()
			if last := log[len(log)-1]; last.Endpoint != providertest.Revoke || last.Form.Has("token_type_hint") ||
				len(last.Query) > 0 {
				t.Errorf("%+v", last)
			}
		})
	}
}

// The methods of the revocation endpoint override those of the token
// endpoint.
func TestRevocationAuthMethods(t *testing.T) {
	p := providertest.New(t,
		providertest.Config{Clients: []providertest.Client{{ID: "web", Secret: "s3cret", AuthMethod: "client_secret_post"}},
			EditMetadata: func(m map[string]any) {
				m["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
				m["revocation_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
			}})
	found := discover(t, p)
	if err := found.Revoke(t.Context(), Client{ID: "web", Secret: credential.NewSecret("s3cret")},
		credential.NewSecret("x"), ""); err != nil {
		t.Error(err)
	}
	if found.TokenEndpointAuthMethods[0] != "client_secret_basic" {
		t.Error("the provider was changed")
	}
}

func TestRevokeFails(t *testing.T) {
	const secret = "the-refresh-token"
	var unavailable *UnavailableError
	var refusal *OAuthError
	for name, c := range map[string]struct {
		fault providertest.Fault
		as    any // nil: it works
		is    error
	}{
		"503": {providertest.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, &unavailable,
			nil},
		"429":                     {providertest.Fault{Status: 429}, &unavailable, nil},
		"dropped":                 {providertest.Fault{Drop: true}, &unavailable, nil},
		"redirected":              {providertest.Fault{Redirect: "https://evil.example/"}, &unavailable, nil},
		"404 in HTML":             {providertest.Fault{Status: 404, Body: "<html>" + secret}, &unavailable, nil},
		"an error without a name": {providertest.Fault{Status: 400, Body: `{}`}, &unavailable, nil},
		"an endless 200":          {providertest.Fault{OversizeBytes: 8 << 20}, &unavailable, nil},
		"unsupported": {providertest.Fault{Status: 400,
			Body: `{"error":"unsupported_token_type","error_description":"` + secret + `"}`}, &refusal, ErrNotSupported},
		"another client": {providertest.Fault{Status: 401,
			Body: `{"error":"invalid_client","error_description":"no \u001b[31m` + secret + `"}`}, &refusal, nil},
		"a 200 with words": {providertest.Fault{Status: 200, Body: `{"error":"whatever"}`}, nil, nil},
		"a 204":            {providertest.Fault{Status: 204}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{})
			found := discover(t, p)
			p.Fault(providertest.Revoke, c.fault)
			err := found.Revoke(t.Context(), Client{ID: "cli"}, credential.NewSecret(secret), HintRefreshToken)
			switch {
			case c.as == nil && err != nil, c.as != nil && !errors.As(err, c.as):
				t.Errorf("%v", err)
			case c.as != nil && errors.Is(err, ErrNotSupported) != (c.is != nil):
				t.Errorf("%v: is it not supported?", err)
			case c.as == nil:
				return
			}
			mention(t, "the error", err.Error(), secret)
			mention(t, "the error", err.Error(), "\x1b")
			if n := p.Requests().Revoke; n != 1 {
				t.Errorf("%d requests", n)
			}
			if name == "503" && unavailable.RetryAfter != 7*time.Second {
				t.Errorf("%+v", unavailable)
			}
		})
	}
	p := providertest.New(t, providertest.Config{})
	found := discover(t, p)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	if err := found.Revoke(ctx, Client{ID: "cli"}, credential.NewSecret("x"), ""); err == nil ||
		err.Error() != "interrupted" {
		t.Error(err)
	}
	if err := found.Revoke(t.Context(), Client{ID: "cli"}, credential.Secret{}, ""); err == nil ||
		p.Requests().Revoke != 0 {
		t.Errorf("no token: %v", err)
	}
}

// A token goes to the host that issued it, and to no other.
func TestRevokeElsewhere(t *testing.T) {
	asked := false
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = true
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer evil.Close()
	var moved *VerifyError
	for name, c := range map[string]struct {
		config   providertest.Config
		endpoint func(issuer string) string
		is, as   bool // not supported; not where it must be
	}{
		"none":         {endpoint: func(string) string { return "" }, is: true},
		"another host": {providertest.Config{PlainHTTP: true}, func(string) string { return evil.URL }, false, true},
		"http":         {endpoint: func(string) string { return evil.URL }, as: true},
		"another scheme": {endpoint: func(issuer string) string {
			return strings.Replace(issuer, "https:", "http:", 1) +
				"/revoke"
		}, as: true},
		"userinfo": {endpoint: func(issuer string) string { return strings.Replace(issuer, "//", "//u@", 1) + "/revoke" },
			as: true},
		"no URL": {endpoint: func(string) string { return "/revoke" }, as: true},
	} {
		p := providertest.New(t, c.config)
		p.Edit(providertest.Discovery, func(m map[string]any) { m["revocation_endpoint"] = c.endpoint(p.Issuer()) })
		found := discover(t, p) // which is not refused for it
		err := found.Revoke(t.Context(), Client{ID: "cli"}, credential.NewSecret("x"), "")
		if err == nil || errors.Is(err, ErrNotSupported) != c.is || errors.As(err, &moved) != c.as || asked ||
			p.Requests().Revoke != 0 {
			t.Errorf("%s: %v; asked: %v", name, err, asked)
		}
	}
	p := providertest.New(t, providertest.Config{})
	found := discover(t, p)
	u, _ := url.Parse(found.TokenEndpoint)
	for issuedBy, ok := range map[string]bool{
		found.TokenEndpoint: true, "https://" + u.Host + "/old/token": true,
		"https://old.example/token": false, "http://" + u.Host + "/token": false, "https://127.0.0.1/token": false, "": false,
		"::": false,
	} {
		if err := found.CanRevoke(issuedBy); (err == nil) != ok || !ok && !errors.As(err, &moved) {
			t.Errorf("issued by %q: %v", issuedBy, err)
		}
	}
}

func TestEndSessionURL(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	found := discover(t, p)
	raw, err := found.EndSessionURL("cli", "alice@corp.example")
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Client().Get(raw)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if q := p.Log()[len(p.Log())-1].Query; q.Get("logout_hint") != "alice@corp.example" || q.Get("client_id") != "cli" ||
		len(q) != 2 {
		t.Errorf("%v", q)
	}
	found.EndSessionEndpoint = "https://login.example.com/end?tenant=1"
	for clientID, want := range map[string]string{
		"":      "https://login.example.com/end?tenant=1",
		"a b&c": "https://login.example.com/end?client_id=a+b%26c&tenant=1",
	} {
		if got, err := found.EndSessionURL(clientID, ""); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	for endpoint, supported := range map[string]bool{"": false, "http://login.example.com/end": true,
		"http://127.0.0.1/end": true, "javascript:alert(1)": true, "https://x/\n": true, "/end": true} {
		found.EndSessionEndpoint = endpoint
		got, err := found.EndSessionURL("cli", "")
		var wrong *VerifyError
		if got != "" || errors.Is(err, ErrNotSupported) == supported || errors.As(err, &wrong) != supported {
			t.Errorf("%q: %q, %v", endpoint, got, err)
		}
	}
}
