package flows

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// Metadata that is believed, and metadata that is not.
func TestParseProvider(t *testing.T) {
	good := map[string]any{
		"issuer": "https://login.example.com", "authorization_endpoint": "https://login.example.com/a",
		"token_endpoint":                "https://tokens.example.net/t",
		"device_authorization_endpoint": "https://login.example.com/d", "jwks_uri": "https://login.example.com/k",
		"scopes_supported": []string{"openid"},
	}
	with := func(name string, v any) map[string]any {
		m := maps.Clone(good)
		if m[name] = v; v == nil {
			delete(m, name)
		}
		return m
	}
	for _, c := range []struct {
		name     string
		issuer   string
		metadata any
		ok       bool
	}{
		{"as it should be, with an endpoint on another host (Cognito)", "https://login.example.com", good, true},
		{"the issuer with a slash", "https://login.example.com/", good, false},
		{"the issuer in other letters", "https://Login.example.com", good, false},
		{"a templated issuer (Entra's common)", "https://login.example.com/common",
			with("issuer", "https://login.example.com/{tenantid}"), false},
		{"no issuer", "https://login.example.com", with("issuer", nil), false},
		{"the issuer of someone else", "https://login.example.com", with("issuer", "https://evil.example"), false},
		{"no token endpoint", "https://login.example.com", with("token_endpoint", nil), false},
		{"no device endpoint", "https://login.example.com", with("device_authorization_endpoint", nil), true},
		{"a token endpoint over http", "https://login.example.com", with("token_endpoint", "http://login.example.com/t"),
			false},
		{"a token endpoint on the loopback: not for an https issuer", "https://login.example.com",
			with("token_endpoint", "http://127.0.0.1/t"), false},
		{"an authorization endpoint over http", "https://login.example.com",
			with("authorization_endpoint", "http://login.example.com/a"), false},
		{"an authorization endpoint that is javascript", "https://login.example.com",
			with("authorization_endpoint", "javascript:alert(1)"), false},
		{"an authorization endpoint that is a command", "https://login.example.com", with("authorization_endpoint", "--help"),
			false},
		{"keys over http", "https://login.example.com", with("jwks_uri", "http://127.0.0.1/k"), false},
		{"a device endpoint over file", "https://login.example.com", with("device_authorization_endpoint", "file:///d"),
			false},
		{"a password in an endpoint", "https://login.example.com", with("token_endpoint", "https://a:b@login.example.com/t"),
			false},
		{"a fragment in an endpoint", "https://login.example.com", with("token_endpoint", "https://login.example.com/t#f"),
			false},
		{"http endpoints of a loopback issuer", "http://127.0.0.1:5556",
			map[string]any{"issuer": "http://127.0.0.1:5556", "token_endpoint": "http://127.0.0.1:5556/t"}, true},
		{"a loopback issuer that sends elsewhere", "http://127.0.0.1:5556",
			map[string]any{"issuer": "http://127.0.0.1:5556", "token_endpoint": "http://example.com/t"}, false},
		{"a list", "https://login.example.com", []any{}, false},
		{"an issuer that is not a string", "https://login.example.com", with("issuer", 5), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := json.Marshal(c.metadata)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParseProvider(http.DefaultClient, nil, c.issuer, "", raw, json.RawMessage(`{"keys":[]}`))
			if (err == nil) != c.ok {
				t.Fatalf("error %v, want ok %v", err, c.ok)
			}
			if c.ok && (string(p.RawMetadata) != string(raw) || p.KeysRefetched()) {
				t.Errorf("kept as %s", p.RawMetadata)
			}
		})
	}
}

// RFC 7517 §5: a set may carry keys that are not understood; symmetric and
// private ones have no place in it.
func TestOddKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(v any) string {
		b, err := json.Marshal(jose.JSONWebKey{Key: v, KeyID: "k"})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	public := encoded(key.Public())
	for _, c := range []struct {
		name, keys string
		want       int // keys that are kept; -1: an error
	}{
		{"two good ones", `{"keys":[` + public + `,` + encoded(testKey().Public()) + `]}`, 2},
		{"none", `{"keys":[]}`, 0},
		{"no member", `{}`, 0},
		{"null", `{"keys":null}`, 0},
		{"an unknown kind next to a good one", `{"keys":[{"kty":"LMS","kid":"x"},` + public + `]}`, 1},
		{"things that are no keys next to a good one", `{"keys":[null,7,"x",[],{},` + public + `]}`, 1},
		{"a symmetric key", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, 0},
		{"a private key", `{"keys":[` + encoded(key) + `]}`, 0},
		{"a point that is not on the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, 0},
		{"a modulus of nothing", `{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`, 0},
		{"an exponent of 1",
			`{"keys":[{"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(key.N.Bytes()) + `","e":"AQ"}]}`, 0},
		{"keys that are no list", `{"keys":"k"}`, -1},
		{"no JSON", `<html>`, -1},
		{"nothing", ``, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProvider(t, http.DefaultClient)
			err := p.setKeys(json.RawMessage(c.keys))
			if got := len(p.keys); (err != nil) != (c.want < 0) || err == nil && got != c.want {
				t.Errorf("%d keys, error %v, want %d", got, err, c.want)
			}
			// Whatever is kept neither panics nor lets another key's token through.
			p.refetched = true
			p.IDTokenSigningAlgs = nil
			for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
				forged := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." +
					strings.Split(sign(t, claims()), ".")[1] + "." + strings.Repeat("A", 342)
				if _, err := p.VerifyIDToken(t.Context(), &credential.TokenSet{IDToken: credential.NewSecret(forged)},
					Expect{ClientID: "cli"}); err == nil {
					t.Errorf("a forged %s token is accepted", alg)
				}
			}
		})
	}
}

// The two places of metadata (Discovery §4, RFC 8414 §3.1) for issuers with and
// without a path.
func TestDiscover(t *testing.T) {
	for _, path := range []string{"", "/", "/realms/corp", "/tenant/"} {
		for _, only := range []providertest.Endpoint{"", providertest.OpenID, providertest.OAuth} {
			t.Run(path+" "+string(only), func(t *testing.T) {
				p := providertest.New(t, providertest.Config{IssuerPath: path})
				switch only {
				case providertest.OpenID:
					p.Fault(providertest.OAuth, providertest.Fault{Status: 404})
				case providertest.OAuth:
					p.Fault(providertest.OpenID, providertest.Fault{Status: 404})
				}
				found := discover(t, p)
				if found.Issuer != p.Issuer() || len(found.keys) == 0 ||
					!slices.Contains(found.ScopesSupported, "offline_access") {
					t.Errorf("found %+v", found.Metadata)
				}
				again, err := ParseProvider(found.hc, nil, p.Issuer(), "", found.RawMetadata, found.RawKeys)
				if err != nil || again.TokenEndpoint != found.TokenEndpoint || len(again.keys) != len(found.keys) {
					t.Errorf("what was kept reads as %+v, %v", again, err)
				}
			})
		}
	}
}

// Only a slash at the end is a spelling; anything more may be another provider.
func TestIssuerErrorBySlash(t *testing.T) {
	for got, bySlash := range map[string]bool{
		"https://a.example":       true,
		"https://a.example/":      true,
		"https://A.example":       false,
		"https://a.example/realm": false,
		"https://b.example/":      false,
		"http://a.example":        false,
		"https://a.example//":     false,
		"":                        false,
	} {
		if e := (&IssuerError{Want: "https://a.example", Got: got}); e.BySlash() != bySlash {
			t.Errorf("%q: %v", got, !bySlash)
		}
	}
}

// What a broken network does to discovery: try again later, except for what
// trying again does not fix.
func TestDiscoverFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		at      providertest.Endpoint
		fault   providertest.Fault
		garbled bool
		other   bool // not an UnavailableError
	}{
		{"down", providertest.Discovery, providertest.Fault{Status: 503}, false, false},
		{"throttled", providertest.Discovery, providertest.Fault{Status: 429}, false, false},
		{"a captive portal's redirect", providertest.Discovery, providertest.Fault{Redirect: "http://portal.example/"}, true,
			false},
		{"a captive portal's page", providertest.Discovery, providertest.Fault{Body: "<html>sign in</html>"}, true, false},
		{"oversize", providertest.Discovery, providertest.Fault{OversizeBytes: 8 << 20}, true, false},
		{"dropped", providertest.Discovery, providertest.Fault{Drop: true}, false, false},
		{"cut off", providertest.Discovery, providertest.Fault{CutAfter: 20}, false, false},
		{"none there", providertest.Discovery, providertest.Fault{Status: 404}, false, true},
		{"keys down", providertest.JWKS, providertest.Fault{Status: 500}, false, false},
		{"keys not found", providertest.JWKS, providertest.Fault{Status: 404}, false, false},
		{"keys oversize", providertest.JWKS, providertest.Fault{OversizeBytes: 8 << 20}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{})
			p.Fault(c.at, c.fault)
			hc, err := NewHTTPClient(10*time.Second, p.CAPEM())
			if err != nil {
				t.Fatal(err)
			}
			_, err = Discover(t.Context(), hc, nil, p.Issuer(), "")
			var outage *UnavailableError
			if err == nil || errors.As(err, &outage) == c.other || !c.other && outage.Garbled != c.garbled {
				t.Errorf("error %v (%T)", err, err)
			}
		})
	}
}

// A redirect would replay a body with secrets in it; it is followed nowhere.
func TestNoRedirectIsFollowed(t *testing.T) {
	var reached atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := providertest.New(t, providertest.Config{})
		found := discover(t, p)
		p.Fault(providertest.Token, providertest.Fault{Status: status, Redirect: thief.URL})
		_, err := found.Refresh(t.Context(), Client{ID: "cli"}, secretToken, Target{})
		var outage *UnavailableError
		if !errors.As(err, &outage) || !outage.Garbled || reached.Load() {
			t.Errorf("status %d: error %v, redirect followed: %v", status, err, reached.Load())
		}
		mention(t, "the error", err.Error(), secretToken.Reveal())
	}
}

func TestCheckURL(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://login.example.com": true, "https://login.example.com:8443/realms/x?y=z": true,
		"http://127.0.0.1:5556/dex": true, "http://[::1]:1/": true, "HTTPS://login.example.com": true,
		"http://localhost:5556": false, "http://login.example.com": false, "http://127.0.0.1.example.com": false,
		"http://127.1": false, "http://0.0.0.0": false,
		"http://2130706433": false, "http://[::ffff:10.0.0.1]": false, "https://": false, "https:///path": false,
		"https:login.example.com": false, "login.example.com": false, "": false,
		"ftp://login.example.com": false, "https://user@login.example.com": false, "https://login.example.com/#x": false,
		"https://exa mple.com":              false,
		"https://login.example.com/\x1b[2J": false, "https://login.example.com/\u009b2J": false,
		"https://login.example.com/\u202e": false,
	} {
		if _, err := CheckURL("the URL", raw); (err == nil) != ok {
			t.Errorf("%q: %v, want ok %v", raw, err, ok)
		} else if err != nil && Clean(err.Error(), 1000) != err.Error() {
			t.Errorf("%q: the error is not clean: %q", raw, err)
		}
	}
}

func TestNewHTTPClientCA(t *testing.T) {
	if _, err := NewHTTPClient(time.Second, []byte("no certificate")); err == nil {
		t.Error("a CA that is none is accepted")
	}
	p := providertest.New(t, providertest.Config{})
	hc, err := NewHTTPClient(10*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Discover(t.Context(), hc, nil, p.Issuer(), ""); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("without its CA the provider is %v", err)
	}
}
