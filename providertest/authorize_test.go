package providertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

// challenge is S256 of the verifier of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func authorizeParams() url.Values {
	return form("response_type", "code", "client_id", "cli", "redirect_uri", "http://127.0.0.1:4321/callback",
		"scope", "openid offline_access", "state", "s", "code_challenge", challenge, "code_challenge_method", "S256")
}

func TestAuthorizationRefusals(t *testing.T) {
	p := providertest.New(t, providertest.Config{ResponseIss: true, LoginForm: true})
	for _, test := range []struct{ name, value, want string }{
		{"client_id", "unknown", "400"},
		{"client_id", "", "400"},
		{"redirect_uri", "", "400"},
		{"redirect_uri", "https://evil.example/callback", "400"},
		{"redirect_uri", "http://localhost:4321/callback", "400"},
		{"redirect_uri", "http://127.0.0.1:4321/callback#fragment", "400"},
		{"redirect_uri", "https://127.0.0.1:4321/callback", "400"},
		{"response_type", "token", "unsupported_response_type"},
		{"response_mode", "form_post", "invalid_request"},
		{"code_challenge", "", "invalid_request"},
		{"code_challenge", "short", "invalid_request"},
		{"code_challenge_method", "plain", "invalid_request"},
		{"code_challenge_method", "", "invalid_request"},
		{"scope", "openid root", "invalid_scope"},
		{"resource", "not absolute", "invalid_target"},
		{"resource", "https://api.example/#f", "invalid_target"},
		{"prompt", "none", "login_required"},
		{"prompt", "none login", "invalid_request"},
		{"decision", "deny", "access_denied"},
	} {
		params := authorizeParams()
		params.Set(test.name, test.value)
		res := noRedirects(p).get(t, endpointURL(p, "authorize?")+params.Encode())
		if test.want == "400" {
			if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
				t.Errorf("%s=%q: %d, %q", test.name, test.value, res.StatusCode, res.Header.Get("Location"))
			}
			continue
		}
		location, _ := url.Parse(res.Header.Get("Location"))
		got := location.Query()
		if got.Get("error") != test.want || got.Get("state") != "s" || got.Get("iss") != p.Issuer() || got.Has("code") {
			t.Errorf("%s=%q: %v", test.name, test.value, got)
		}
	}
	twice := authorizeParams()
	twice.Add("scope", "email")
	if res := noRedirects(p).get(t,
		endpointURL(p, "authorize?")+twice.Encode()); !strings.Contains(res.Header.Get("Location"), "error=invalid_request") {
		t.Errorf("a parameter given twice: %v", res.Header)
	}
}

func TestDenyAndEditAuthorizationResponses(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	p.DenyLogins("temporarily_unavailable")
	if got := rp.authorize(oauth2.S256ChallengeOption(verifier)); got.Get("error") != "temporarily_unavailable" ||
		got.Has("code") || got.Has("iss") {
		t.Errorf("denied: %v", got)
	}
	p.DenyLogins("")
	p.Edit(providertest.Authorize, providertest.With("state", "forged"))
	if got := rp.authorize(oauth2.S256ChallengeOption(verifier)); got.Get("state") != "forged" || !got.Has("code") {
		t.Errorf("edited: %v", got)
	}
	p.Edit(providertest.Authorize, nil)
	if got := rp.authorize(oauth2.S256ChallengeOption(verifier)); got.Get("state") != "the-state" {
		t.Errorf("after the edit: %v", got)
	}
	noRedirects(p).get(t, strings.Replace(rp.config.AuthCodeURL("s"), "state=s", "", 1))
	if v := p.Violations(); len(v) != 1 || v[0] != "authorization request without state" {
		t.Errorf("violations: %q", v)
	}
}

func TestLoginForm(t *testing.T) {
	p := providertest.New(t, providertest.Config{LoginForm: true})
	w := noRedirects(p)
	res := w.get(t, endpointURL(p, "authorize?")+authorizeParams().Encode())
	if res.StatusCode != http.StatusOK || !strings.Contains(res.text, "<form method=post>") ||
		!strings.Contains(res.text, challenge) {
		t.Fatalf("%d %s", res.StatusCode, res.text)
	}
	params := authorizeParams()
	params.Set("decision", "allow")
	if res := w.post(t, endpointURL(p, "authorize"), params); res.StatusCode != http.StatusSeeOther ||
		!strings.Contains(res.Header.Get("Location"), "code=") {
		t.Errorf("allowed: %d %v", res.StatusCode, res.Header)
	}
}

func TestRedirectURIRegistration(t *testing.T) {
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{
		{ID: "any"},
		{ID: "port", RedirectURIs: []string{"http://127.0.0.1:8400/callback"}},
		{ID: "portless", RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback"}},
		{ID: "wildcard", RedirectURIs: []string{"http://localhost:*/callback"}},
		{ID: "localhost", RedirectURIs: []string{"http://localhost/callback"}},
	}})
	for _, test := range []struct {
		client, uri string
		want        bool
	}{
		{"any", "http://127.0.0.1:1/x", true},
		{"any", "http://[::1]:1/", true},
		{"port", "http://127.0.0.1:8400/callback", true},
		{"port", "http://127.0.0.1:8401/callback", false},
		{"portless", "http://127.0.0.1:9/callback", true},
		{"portless", "http://[::1]:9/callback", true},
		{"portless", "http://127.0.0.1:9/other", false},
		{"portless", "http://127.0.0.1:9/callback?x=1", false},
		{"wildcard", "http://localhost:9/callback", true},
		{"wildcard", "http://127.0.0.1:9/callback", false},
		{"localhost", "http://localhost/callback", true},
		{"localhost", "http://localhost:9/callback", false},
	} {
		params := authorizeParams()
		params.Set("client_id", test.client)
		params.Set("redirect_uri", test.uri)
		res := noRedirects(p).get(t, endpointURL(p, "authorize?")+params.Encode())
		if got := res.StatusCode == http.StatusFound; got != test.want {
			t.Errorf("%s %s: %v", test.client, test.uri, got)
		}
		if separator := "?"; test.want && !strings.HasPrefix(res.Header.Get("Location"), test.uri+separator) {
			t.Errorf("location %q", res.Header.Get("Location"))
		}
	}
}

func TestCodeExchangeRefusals(t *testing.T) {
	clock := newClock()
	p := providertest.New(t,
		providertest.Config{Now: clock.Now, Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}}})
	w := noRedirects(p)
	newCode := func() string {
		res := w.get(t, endpointURL(p, "authorize?")+authorizeParams().Encode())
		location, _ := url.Parse(res.Header.Get("Location"))
		return location.Query().Get("code")
	}
	exchange := func(code string, change ...string) response {
		params := form("grant_type", "authorization_code", "client_id", "cli", "code", code,
			"redirect_uri", "http://127.0.0.1:4321/callback", "code_verifier", verifier)
		for i := 0; i < len(change); i += 2 {
			params.Set(change[i], change[i+1])
		}
		return w.post(t, endpointURL(p, "token"), params)
	}
	for _, test := range [][]string{
		{"invalid_grant", "code", "unknown"},
		{"invalid_request", "code", ""},
		{"invalid_request", "redirect_uri", ""},
		{"invalid_grant", "redirect_uri", "http://127.0.0.1:4322/callback"},
		{"invalid_grant", "code_verifier", ""},
		{"invalid_grant", "code_verifier", verifier[1:]},
		{"invalid_grant", "code_verifier", "x" + verifier[1:]},
		{"invalid_grant", "client_id", "other"},
	} {
		if res := exchange(newCode(), test[1:]...); res.StatusCode != 400 || res.oauthError() != test[0] {
			t.Errorf("%v: %d %s", test, res.StatusCode, res.text)
		}
	}
	late := newCode()
	clock.advance(time.Minute)
	if res := exchange(late); res.oauthError() != "invalid_grant" {
		t.Errorf("an expired code: %s", res.text)
	}

	// Used twice, a code ends what it gave.
	code := newCode()
	first := exchange(code)
	if first.StatusCode != 200 || first.Header.Get("Cache-Control") != "no-store" ||
		first.members["token_type"] != "Bearer" {
		t.Fatalf("%d %s", first.StatusCode, first.text)
	}
	token := first.members["refresh_token"].(string)
	if !p.Alive(token) || p.ActiveFamilies() != 1 {
		t.Error("the session is not alive")
	}
	if res := exchange(code); res.oauthError() != "invalid_grant" {
		t.Errorf("a code used twice: %s", res.text)
	}
	if p.Alive(token) || p.ActiveFamilies() != 0 || len(p.Violations()) != 1 {
		t.Errorf("the session survived a code used twice; violations %q", p.Violations())
	}
}

func TestPKCEOptional(t *testing.T) {
	p := providertest.New(t, providertest.Config{PKCEOptional: true})
	rp := newRelyingParty(t, p)
	if _, err := rp.config.Exchange(rp.ctx, rp.authorize().Get("code")); err != nil {
		t.Error(err)
	}
	// RFC 9700 §4.8.2: a verifier without a challenge is a downgrade.
	if _, err := rp.config.Exchange(rp.ctx, rp.authorize().Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Error("a verifier without a challenge was taken")
	}
}
