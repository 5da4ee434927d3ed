package dialect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// workOSKey is WorkOS's.
var workOSKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// otherKey is published next to it.
var otherKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func workOSToken(t *testing.T, claims map[string]any) string {
	t.Helper()
	return signed(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: workOSKey(), KeyID: "k2"}}, claims)
}

func otherToken(t *testing.T, claims map[string]any) string {
	t.Helper()
	return signed(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: otherKey(), KeyID: "k1"}}, claims)
}

func signed(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// workOSAt is WorkOS at one of our servers.
func workOSAt(t *testing.T, h http.HandlerFunc) *flows.Provider {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sso/jwks/client_1" {
			b, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: otherKey().Public(), KeyID: "k1"},
				{Key: workOSKey().Public(), KeyID: "k2"}}})
			_, _ = w.Write(b)
			return
		}
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	hc, err := flows.NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := flows.Discover(t.Context(), hc, workOS, srv.URL, "client_1")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWorkOSRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   string // empty: not a refusal
		says   string
	}{
		{"the standard's envelope", 400, `{"error":"invalid_grant","error_description":"Refresh token already exchanged."}`,
			"invalid_grant", "already exchanged"},
		{"its own", 403, `{"code":"mfa_challenge","message":"do it","pending_authentication_token":"PENDING"}`,
			"mfa_challenge", "do it"},
		{"the token in its words", 403,
			`{"code":"mfa_enrollment","message":"with PENDING","pending_authentication_token":"PENDING"}`, "mfa_enrollment",
			"with [secret]"},
		{"the token in an organization's name", 403,
			`{"code":"organization_selection_required","message":"m","organizations":[{"id":"org_1","name":"PENDING"}],"pending_authentication_token":"PENDING"}`, "organization_selection_required", ""},
		{"validation", 422, `{"message":"Validation failed","errors":[{"code":"bad_id","message":"no"}]}`, "bad_id", "no"},
		{"connections", 403, `{"error":"sso_required","connection_ids":["conn_1","x; rm -rf /","conn_2"]}`, "sso_required",
			"connection_id=conn_1 or =conn_2"},
		{"odd members", 403, `{"error":"sso_required","connection_ids":{"a":1},"pending_authentication_token":7}`,
			"sso_required", ""},
		{"methods", 403, `{"error":"organization_authentication_methods_required","auth_methods":{"google_oauth":true,"password":false,"a b":true}}`, "organization_authentication_methods_required", "it allows google_oauth"},
		{"control characters", 400, `{"code":"a\u001b[2Jb","message":"c\nd"}`, "a[2Jb", "c d"},
		{"busy, under another status", 400, `{"error":"too_many_requests","error_description":"slow"}`, "",
			"too_many_requests"},
		{"nothing known", 400, `{"statusCode":400}`, "", "names no error"},
	} {
		p := workOSAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		})
		_, err := p.Refresh(t.Context(), flows.Client{ID: "client_1"}, credential.NewSecret("rt"), flows.Target{})
		var refusal *flows.OAuthError
		var outage *flows.UnavailableError
		switch {
		case err == nil || strings.Contains(err.Error(), "PENDING") || !strings.Contains(err.Error(), c.says):
			t.Errorf("%s: %v", c.name, err)
		case c.code == "" && !errors.As(err, &outage):
			t.Errorf("%s: %T", c.name, err)
		case c.code != "" && (!errors.As(err, &refusal) || refusal.Code != c.code):
			t.Errorf("%s: %v", c.name, err)
		}
		var choice *flows.OrganizationChoiceError
		if is := errors.As(err, &choice); is != (c.code == "organization_selection_required") || is &&
			(len(choice.Organizations) != 1 || choice.Organizations[0].Name != "[secret]") {
			t.Errorf("%s: %+v", c.name, choice)
		}
	}
}

// What is sent is what the description has, and nothing else.
func TestWorkOSRequests(t *testing.T) {
	var sent []string
	p := workOSAt(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent = append(sent, r.URL.Path+"?"+r.PostForm.Encode())
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"no"}`))
	})
	req := flows.SignIn{Client: flows.Client{ID: "client_1"}, Scopes: []string{"email"}, Audience: "aud",
		Resources: []string{"https://api"}, Organization: "org_1"}
	_, _ = p.Refresh(t.Context(), req.Client, credential.NewSecret("rt"),
		flows.Target{Organization: "org_1", Scopes: req.Scopes, Audience: "aud"})
	_, _ = p.Device(t.Context(), req, nil)
	want := []string{
		"/user_management/authenticate?client_id=client_1&grant_type=refresh_token&organization_id=org_1&refresh_token=rt",
		"/user_management/authorize/device?client_id=client_1",
	}
	if strings.Join(sent, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", sent)
	}
	for selector, form := range map[string]url.Values{
		"provider=authkit": {"provider": {"authkit"}, "scope": {""}, "nonce": {"n"}},
		"organization_id=org_1&provider=authkit": {"provider": {"authkit"}, "organization_id": {"org_1"},
			"scope": {"openid"}},
		"connection_id=conn_1": {"provider": {"authkit"}, "organization_id": {"org_1"}, "connection_id": {"conn_1"}},
	} {
		if workOSAdapt(flows.RequestAuthorization, form); form.Encode() != selector {
			t.Errorf("%s, want %s", form.Encode(), selector)
		}
	}
}

func TestWorkOSAccessToken(t *testing.T) {
	p := workOSAt(t, http.NotFound)
	now := time.Now()
	good := map[string]any{"iss": "https://api.workos.com", "sub": "user_1", "sid": "session_1", "org_id": "org_1",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	with := func(name string, v any) map[string]any {
		c := maps.Clone(good)
		c[name] = v
		if v == nil {
			delete(c, name)
		}
		return c
	}
	for name, c := range map[string]struct {
		claims map[string]any
		ok     bool
	}{
		"good": {good, true}, "with a slash": {with("iss", "https://api.workos.com/"), true},
		"of the client":      {with("iss", "https://api.workos.com/user_management/client_1"), true},
		"the configured one": {with("iss", p.Issuer+"/"), true},
		"of another client":  {with("iss", "https://api.workos.com/user_management/client_2"), false},
		"no issuer":          {with("iss", nil), false},
		"http":               {with("iss", "http://api.workos.com"), false},
		"longer":             {with("iss", "https://api.workos.com.evil.example"), false},
		"ended":              {with("exp", now.Add(-time.Second).Unix()), false}, "no end": {with("exp", nil), false},
		"an end beyond counting": {with("exp", 1e300), true},
		"a negative end":         {with("exp", -1), false}, "of the future": {with("iat", now.Add(time.Hour).Unix()), false},
		"nobody": {with("sub", nil), false}, "somebody else": {with("sub", "user_2"), false},
		"another organization": {with("org_id", "org_2"), false}, "no organization": {with("org_id", nil), false},
		"an odd organization": {with("org_id", 7), false},
	} {
		set := &credential.TokenSet{AccessToken: credential.NewSecret(workOSToken(t, c.claims))}
		err := p.VerifyRefreshed(t.Context(), set,
			flows.Expect{ClientID: "client_1", Subject: "user_1", Organization: "org_1"})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		var verify *flows.VerifyError
		var subject *flows.SubjectError
		if err != nil && !errors.As(err, &verify) && !errors.As(err, &subject) {
			t.Errorf("%s: %T", name, err)
		}
	}
	for name, token := range map[string]string{
		"nothing": "", "opaque": "abc", "another algorithm": otherToken(t, good),
		"tampered with": strings.Replace(workOSToken(t, good), ".", ".A", 1),
		"none":          "eyJhbGciOiJub25lIn0." + strings.Split(workOSToken(t, good), ".")[1] + ".",
	} {
		set := &credential.TokenSet{AccessToken: credential.NewSecret(token)}
		if err := p.VerifyRefreshed(t.Context(), set, flows.Expect{ClientID: "client_1", Subject: "user_1"}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestWorkOSSignOut(t *testing.T) {
	p := workOSAt(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("session_id") {
		case "session_1":
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		case "session_2":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"code":"entity_not_found","message":"Session not found."}`))
		}
	})
	at := func(sid any) flows.SignedIn {
		return flows.SignedIn{AccessToken: credential.NewSecret(otherToken(t, map[string]any{"sid": sid}))}
	}
	if err := p.End(t.Context(), at("session_1"), p.TokenEndpoint); err != nil {
		t.Error(err)
	}
	var outage *flows.UnavailableError
	if err := p.End(t.Context(), at("session_2"), p.TokenEndpoint); !errors.As(err, &outage) {
		t.Error(err)
	}
	var refusal *flows.OAuthError
	if err := p.End(t.Context(), at("session_3"), p.TokenEndpoint); !errors.As(err, &refusal) ||
		refusal.Code != "entity_not_found" {
		t.Error(err)
	}
	var verify *flows.VerifyError
	if err := p.End(t.Context(), at("session_1"), "https://other.example/token"); !errors.As(err, &verify) {
		t.Errorf("a session that another host gave: %v", err)
	}
	for _, sid := range []any{nil, 7, "", "a&b=c", strings.Repeat("s", 101)} {
		if err := p.End(t.Context(), at(sid), p.TokenEndpoint); err == nil || workOSSignOut(p, at(sid)) != "" {
			t.Errorf("sid %v passes", sid)
		}
	}
}
