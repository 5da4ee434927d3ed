package flows

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// Each time there is a new assertion, also when the same is asked again.
func TestAssertionsAreFresh(t *testing.T) {
	t.Parallel() // a device's poll waits for a second
	p, found, c := confidential(t, AuthPrivateKeyJWT)
	p.ScriptDevicePolls("authorization_pending", "ok")
	if _, err := found.Device(t.Context(), SignIn{Client: c, Scopes: []string{"openid"}},
		func(DevicePrompt) error { return nil }); err != nil {
		t.Fatal(err)
	}
	p.Fault(providertest.ClientCredentials, providertest.Fault{Drop: true, Times: 1})
	if _, err := found.ClientCredentials(t.Context(), c, Target{}); err == nil {
		t.Error("no fault")
	}
	if _, err := found.ClientCredentials(t.Context(), c, Target{}); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, r := range p.Log() {
		if a := r.Form.Get("client_assertion"); a != "" {
			if seen[a] {
				t.Error("an assertion was sent twice")
			}
			seen[a] = true
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d assertions", len(seen))
	}
}

// The provider judges the assertion strictly. What fails is a refusal for good,
// and what is known of the clocks comes with it.
func TestAssertionRefused(t *testing.T) {
	key, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	raw := pkcs8(t, key)
	foreign := func(claims map[string]any, header jose.HeaderKey, value any) Asserter {
		o := (&jose.SignerOptions{}).WithType("JWT")
		if header != "" {
			o = o.WithHeader(header, value)
		}
		return fixed(signWith(t, key, "k1", o, claims))
	}
	now := time.Now().Unix()
	good := func(change func(map[string]any)) map[string]any {
		m := map[string]any{"iss": "svc", "sub": "svc", "jti": "j", "exp": now + 60, "iat": now}
		change(m)
		return m
	}
	off := func(d time.Duration) providertest.Config {
		return providertest.Config{Now: func() time.Time { return time.Now().Add(d) }}
	}
	withKey := func(*providertest.Provider) Asserter { return mustParse(t, raw, KeyOptions{}) }
	for name, c := range map[string]struct {
		config   providertest.Config
		asserter func(p *providertest.Provider) Asserter
		want     string // in the description; empty: it is taken
	}{
		"good": {providertest.Config{},
			func(*providertest.Provider) Asserter { return mustParse(t, raw, KeyOptions{ID: "k1"}) }, ""},
		"good, without a kid": {providertest.Config{},
			withKey, ""},
		"another key": {providertest.Config{},
			func(*providertest.Provider) Asserter { return mustParse(t, pkcs8(t, other), KeyOptions{ID: "k1"}) }, "signature"},
		"another kid": {providertest.Config{},
			func(*providertest.Provider) Asserter { return mustParse(t, raw, KeyOptions{ID: "k2"}) }, "kid"},
		"an algorithm that is not taken": {providertest.Config{AssertionAlgs: []string{"RS256"}},
			func(p *providertest.Provider) Asserter {
				return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer() }), "", nil)
			}, "alg"},
		"token endpoint for issuer": {providertest.Config{}, func(*providertest.Provider) Asserter {
			return mustParse(t, raw, KeyOptions{Audience: AudienceTokenEndpoint})
		}, "aud"},
		"issuer for token endpoint": {providertest.Config{AssertionAudience: providertest.AudienceTokenEndpoint},
			withKey, "aud"},
		"token endpoint where it is wanted": {providertest.Config{AssertionAudience: providertest.AudienceTokenEndpoint},
			func(*providertest.Provider) Asserter {
				return mustParse(t, raw, KeyOptions{Audience: AudienceTokenEndpoint})
			}, ""},
		"issuer where either will do": {providertest.Config{AssertionAudience: providertest.AudienceAny},
			withKey, ""},
		"another audience": {providertest.Config{AssertionAudience: providertest.AudienceAny},
			func(*providertest.Provider) Asserter {
				return mustParse(t, raw, KeyOptions{Audience: "https://evil.example"})
			}, "aud"},
		"a list of audiences": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = []string{p.Issuer()} }), "", nil)
		}, "aud"},
		"expired": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer(); m["exp"] = now - 1 }), "", nil)
		}, "expired"},
		"too long": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer(); m["exp"] = now + 3600 }), "", nil)
		}, "too long"},
		"no exp": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer(); delete(m, "exp") }), "", nil)
		}, "no exp"},
		"no jti": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer(); delete(m, "jti") }), "", nil)
		}, "jti"},
		"another's": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer(); m["sub"] = "x" }), "", nil)
		}, "client ID"},
		"another thumbprint": {providertest.Config{}, func(p *providertest.Provider) Asserter {
			return foreign(good(func(m map[string]any) { m["aud"] = p.Issuer() }), "x5t#S256", "AAAA")
		}, "x5t"},
		"no JWT": {providertest.Config{},
			func(*providertest.Provider) Asserter { return fixed("opaque") }, "JWS"},
		"our clock five minutes behind":   {off(5 * time.Minute), withKey, "expired"},
		"our clock five minutes ahead":    {off(-5 * time.Minute), withKey, "future"},
		"our clock three seconds ahead":   {off(-3 * time.Second), withKey, ""},
		"our clock thirty seconds behind": {off(30 * time.Second), withKey, ""},
		"where a life is a minute: Keycloak": {providertest.Config{AssertionLifetime: time.Minute},
			withKey, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Clients = []providertest.Client{{ID: "svc", JWKS: publicSet(t, key, "k1")}}
			p := providertest.New(t, c.config)
			found := discover(t, p)
			asserter := c.asserter(p)
			_, err := found.ClientCredentials(t.Context(), Client{ID: "svc", Asserter: asserter}, Target{})
			var refusal *OAuthError
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "":
				return
			case !errors.As(err, &refusal) || refusal.Code != "invalid_client" || !strings.Contains(refusal.Description, c.want):
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			want := time.Duration(0)
			if c.config.Now != nil {
				want = time.Until(c.config.Now())
			}
			if off := (refusal.Skew - want).Abs(); off > 5*time.Second {
				t.Errorf("skew %v, want %v", refusal.Skew, want)
			}
		})
	}
}

func signWith(t *testing.T, key crypto.Signer, kid string, o *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithms(key.Public())[0],
		Key: jose.JSONWebKey{Key: key, KeyID: kid}}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A replayed assertion is refused; a fixed one is what a workload's token would
// be if the provider wanted each only once.
func TestAssertionReplayed(t *testing.T) {
	p, found, c := confidential(t, AuthPrivateKeyJWT)
	one, err := c.Asserter.Assert(t.Context(), c.ID, found)
	if err != nil {
		t.Fatal(err)
	}
	replay := Client{ID: c.ID, Asserter: fixed(one.Reveal())}
	if _, err := found.ClientCredentials(t.Context(), replay, Target{}); err != nil {
		t.Fatal(err)
	}
	_, err = found.ClientCredentials(t.Context(), replay, Target{})
	var refusal *OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_client" || !strings.Contains(refusal.Description, "jti") {
		t.Errorf("error %v", err)
	}
	if len(p.Violations()) != 1 {
		t.Error(p.Violations())
	}
}

// A workload's own token as the assertion (RFC 7523 §2.2): it does not speak of
// the client by its ID.
func TestWorkloadAssertion(t *testing.T) {
	const issuer = "https://ci.example"
	key := ecKey(t, elliptic.P256())
	p := providertest.New(t, providertest.Config{
		TrustedIssuers: map[string][]byte{issuer: publicSet(t, key, "ci")},
		Clients: []providertest.Client{{ID: "app",
			Federated: []providertest.Workload{{Issuer: issuer, Subject: "repo:corp/web:ref:refs/heads/main"}}}},
	})
	found := discover(t, p)
	token := func(subject string) string {
		return signWith(t, key, "ci", nil,
			map[string]any{"iss": issuer, "sub": subject, "aud": p.Issuer(), "exp": time.Now().Add(time.Hour).Unix()})
	}
	mine := Client{ID: "app", Asserter: fixed(token("repo:corp/web:ref:refs/heads/main"))}
	for range 2 { // it may be shown again
		if _, err := found.ClientCredentials(t.Context(), mine, Target{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := found.ClientCredentials(t.Context(),
		Client{ID: "app", Asserter: fixed(token("repo:corp/web:ref:refs/heads/evil"))}, Target{})
	var refusal *OAuthError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_client" {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Assert(context.Context, string, *Provider) (credential.Secret, error) {
	return credential.Secret{}, f.err
}

// The asserter's own failure reaches the caller, and nothing is sent.
func TestAsserterFails(t *testing.T) {
	p, found, _ := confidential(t, AuthPrivateKeyJWT)
	p.ResetRequests()
	outage := &UnavailableError{Doing: "metadata server", Err: errors.New("it hangs")}
	_, err := found.ClientCredentials(t.Context(), Client{ID: "svc:1", Asserter: failing{outage}}, Target{})
	var got *UnavailableError
	if !errors.As(err, &got) || got != outage || p.Requests().All != 0 {
		t.Errorf("error %v, %d requests", err, p.Requests().All)
	}
	if _, err := found.ClientCredentials(t.Context(), Client{ID: "svc:1", Asserter: fixed("")}, Target{}); err == nil ||
		p.Requests().All != 0 {
		t.Errorf("an empty assertion: %v", err)
	}
}
