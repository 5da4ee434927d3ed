package flows

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// OpenID Connect Core §3.1.3.7 and §12.2, claim by claim.
func TestVerifyIDTokenClaims(t *testing.T) {
	now := time.Now()
	with := func(kv ...any) map[string]any {
		m := claims()
		for i := 0; i < len(kv); i += 2 {
			if m[kv[i].(string)] = kv[i+1]; kv[i+1] == nil {
				delete(m, kv[i].(string))
			}
		}
		return m
	}
	for _, c := range []struct {
		name   string
		claims map[string]any
		want   Expect
		ok     bool
	}{
		{"good", with(), Expect{ClientID: "cli"}, true},
		{"the nonce that was sent", with("nonce", "n"), Expect{ClientID: "cli", Nonce: "n"}, true},
		{"no nonce where one was sent", with(), Expect{ClientID: "cli", Nonce: "n"}, false},
		{"another nonce", with("nonce", "m"), Expect{ClientID: "cli", Nonce: "n"}, false},
		{"a nonce where none was sent: a refresh may repeat it", with("nonce", "n"), Expect{ClientID: "cli"}, true},
		{"another issuer", with("iss", "http://127.0.0.1:8"), Expect{ClientID: "cli"}, false},
		{"the issuer with a slash", with("iss", testIssuer+"/"), Expect{ClientID: "cli"}, false},
		{"no issuer", with("iss", nil), Expect{ClientID: "cli"}, false},
		{"another audience", with("aud", "other"), Expect{ClientID: "cli"}, false},
		{"no audience", with("aud", nil), Expect{ClientID: "cli"}, false},
		{"one audience in a list", with("aud", []string{"cli"}), Expect{ClientID: "cli"}, true},
		{"several audiences, issued to us", with("aud", []string{"api", "cli"}, "azp", "cli"), Expect{ClientID: "cli"}, true},
		{"several audiences, issued to another", with("aud", []string{"api", "cli"}, "azp", "api"), Expect{ClientID: "cli"},
			false},
		{"several audiences without azp", with("aud", []string{"api", "cli"}), Expect{ClientID: "cli"}, false},
		{"several audiences, azp no string", with("aud", []string{"api", "cli"}, "azp", []string{"cli"}),
			Expect{ClientID: "cli"}, false},
		{"ended", with("exp", now.Add(-time.Minute).Unix()), Expect{ClientID: "cli"}, false},
		{"no end", with("exp", nil), Expect{ClientID: "cli"}, false},
		{"issued an hour ahead", with("iat", now.Add(time.Hour).Unix()), Expect{ClientID: "cli"}, false},
		{"issued a minute ahead: clocks differ", with("iat", now.Add(time.Minute).Unix()), Expect{ClientID: "cli"}, true},
		{"no subject", with("sub", nil), Expect{ClientID: "cli"}, false},
		{"an empty subject", with("sub", ""), Expect{ClientID: "cli"}, false},
		{"the session's subject", with(), Expect{ClientID: "cli", Subject: "alice"}, true},
		{"another subject", with(), Expect{ClientID: "cli", Subject: "bob"}, false},
		{"a subject that differs by case", with("sub", "Alice"), Expect{ClientID: "cli", Subject: "alice"}, false},
		{"at_hash of another token", with("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), Expect{ClientID: "cli"}, false},
		{"groups in another shape: they are for display", with("groups", "admins"), Expect{ClientID: "cli"}, true},
		{"an expected client that is empty accepts nothing", with(), Expect{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProvider(t, http.DefaultClient)
			set := &credential.TokenSet{AccessToken: credential.NewSecret("at"),
				IDToken: credential.NewSecret(sign(t, c.claims))}
			who, err := p.VerifyIDToken(t.Context(), set, c.want)
			if (err == nil) != c.ok {
				t.Fatalf("error %v, want ok %v", err, c.ok)
			}
			if c.ok && (who.Subject != "alice" || set.IDTokenExpiresAt.Before(now)) {
				t.Errorf("identity %+v, ends at %v", who, set.IDTokenExpiresAt)
			}
			if !c.ok && !set.IDTokenExpiresAt.IsZero() {
				t.Errorf("a refused token has left its end behind")
			}
			if err != nil {
				mention(t, "the error", err.Error(), set.IDToken.Reveal())
			}
		})
	}
}

// Times are compared by the provider's clock, as its Date header tells it, and
// kept by ours.
func TestVerifyIDTokenSkew(t *testing.T) {
	for _, skew := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		there := time.Now().Add(skew)
		c := claims()
		c["iat"], c["exp"] = there.Unix(), there.Add(time.Hour).Unix()
		p := testProvider(t, http.DefaultClient)
		set := &credential.TokenSet{IDToken: credential.NewSecret(sign(t, c)), Skew: skew}
		if _, err := p.VerifyIDToken(t.Context(), set, Expect{ClientID: "cli"}); err != nil {
			t.Errorf("skew %v: %v", skew, err)
		} else if left := time.Until(set.IDTokenExpiresAt); (left - time.Hour).Abs() > time.Minute {
			t.Errorf("skew %v: it ends in %v by our clock, want an hour", skew, left)
		}
		for _, other := range []time.Duration{0, -skew} {
			if _, err := p.VerifyIDToken(t.Context(), &credential.TokenSet{IDToken: set.IDToken, Skew: other},
				Expect{ClientID: "cli"}); err == nil {
				t.Errorf("a token made %v ahead verifies with skew %v", skew, other)
			}
		}
	}
}

// Another subject is an error of its own: the session must go.
func TestVerifyIDTokenSubjectError(t *testing.T) {
	set := &credential.TokenSet{IDToken: credential.NewSecret(sign(t, claims()))}
	_, err := testProvider(t, http.DefaultClient).VerifyIDToken(t.Context(), set,
		Expect{ClientID: "cli", Subject: "bob\x1b[2J"})
	var other *SubjectError
	if !errors.As(err, &other) || other.Got != "alice" || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error %v", err)
	}
}

// What a provider can do to a token, through a whole sign-in.
func TestTamperedIDTokens(t *testing.T) {
	for name, tamper := range map[string]providertest.Tamper{
		"alg none": providertest.AlgNone, "HS256 keyed with the public key": providertest.AlgHS256,
		"an unknown key":     providertest.UnknownKey,
		"a spoilt signature": providertest.BadSignature, "another issuer": providertest.WrongIssuer,
		"another audience": providertest.WrongAudience,
		"another nonce":    providertest.WrongNonce, "no nonce": providertest.NoNonce,
		"another access token's hash": providertest.WrongATHash,
		"none at all":                 providertest.MissingIDToken, "ended": providertest.Expired,
		"from the future": providertest.FromTheFuture,
		"no JWT":          func(t *providertest.IDToken) { t.Raw = "hello" },
	} {
		t.Run(name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{})
			p.TamperIDToken(0, tamper)
			res, err := signIn(t, p, nil, func(v visit) {
				if _, page := v.browse(); strings.Contains(page, `id="ok"`) {
					t.Errorf("the page says success")
				}
			})
			var verify *VerifyError
			if res != nil || !errors.As(err, &verify) {
				t.Fatalf("error %v (%T), want a VerifyError", err, err)
			}
		})
	}
}

// The keys are fetched again once for a token whose key is not among them; a
// server that is down then says nothing about the token.
func TestKeyRotation(t *testing.T) {
	var fetched atomic.Int32
	var status atomic.Int32
	fresh := testProvider(t, http.DefaultClient).RawKeys
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write(fresh)
	}))
	defer srv.Close()
	for _, c := range []struct {
		name     string
		status   int32
		raw      string
		ok       bool
		requests int32
	}{
		{"rotated", 200, sign(t, claims()), true, 1},
		{"nonsense does not make us ask twice", 200, sign(t, claims()) + "A", false, 1},
		{"the server is down", 503, sign(t, claims()), false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			fetched.Store(0)
			status.Store(c.status)
			p := testProvider(t, srv.Client())
			p.JWKSURI = srv.URL
			if err := p.setKeys(json.RawMessage(`{"keys":[]}`)); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				_, err := p.VerifyIDToken(t.Context(), &credential.TokenSet{IDToken: credential.NewSecret(c.raw)},
					Expect{ClientID: "cli"})
				var outage *UnavailableError
				switch {
				case (err == nil) != c.ok:
					t.Fatalf("error %v, want ok %v", err, c.ok)
				case c.status != 200 && i == 0 && !errors.As(err, &outage):
					t.Errorf("error %v, want an UnavailableError", err)
				}
			}
			if n := fetched.Load(); n != c.requests {
				t.Errorf("%d requests for keys, want %d", n, c.requests)
			}
			if c.ok && !p.KeysRefetched() {
				t.Error("nobody is told to keep the new keys")
			}
		})
	}
}

// No string that was not signed with the key is ever accepted, nor panics.
func FuzzVerifyIDToken(f *testing.F) {
	good := sign(f, claims())
	parts := strings.Split(good, ".")
	other := maps.Clone(claims())
	other["sub"] = "mallory"
	f.Add(parts[0] + "." + strings.Split(sign(f, other), ".")[1] + "." + parts[2])
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add("eyJhbGciOiJIUzI1NiJ9." + parts[1] + "." + parts[2])
	f.Add(parts[0] + "." + parts[1])
	f.Add(`{"payload":"` + parts[1] + `","signatures":[]}`)
	f.Add(`{"x":"a.` + parts[1] + `.b","payload":"` + parts[1] + `","signatures":[{"header":{},"signature":""}]}`)
	f.Add("..")
	f.Add("")
	p := testProvider(f, http.DefaultClient)
	p.refetched = true // no requests
	f.Fuzz(func(t *testing.T, raw string) {
		if raw == good {
			return
		}
		set := &credential.TokenSet{IDToken: credential.NewSecret(raw)}
		who, err := p.VerifyIDToken(context.Background(), set, Expect{ClientID: "cli"})
		if err == nil && who.Subject != "alice" {
			t.Errorf("%q is accepted as %q", raw, who.Subject)
		}
		// A JWS may be spelt in more than one way around the same signature; what
		// is accepted must carry it.
		if err == nil && !strings.Contains(raw, parts[1]) {
			t.Errorf("%q is accepted", raw)
		}
	})
}
