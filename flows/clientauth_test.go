package flows

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// publicSet is what a provider is given of a key.
func publicSet(t testing.TB, key crypto.Signer, kid string) []byte {
	return jwkSet(t, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"})
}

// fixed is an asserter that brings a token from elsewhere.
type fixed string

func (f fixed) Assert(context.Context, string, *Provider) (credential.Secret, error) {
	return credential.NewSecret(string(f)), nil
}

// Which method a client uses. It never depends on an answer.
func TestAuthMethod(t *testing.T) {
	secret, asserter := credential.NewSecret("s3cret"), fixed("x")
	for _, c := range []struct {
		name    string
		client  Client
		offered []string
		want    string // "!…" an error with these words
	}{
		{"public", Client{}, nil, AuthNone},
		{"public, though others are offered", Client{}, []string{AuthSecretBasic}, AuthNone},
		{"a secret", Client{Secret: secret}, nil, AuthSecretBasic},
		{"a secret, both", Client{Secret: secret}, []string{AuthSecretPost, AuthSecretBasic}, AuthSecretBasic},
		{"a secret, post", Client{Secret: secret}, []string{AuthSecretPost, AuthPrivateKeyJWT}, AuthSecretPost},
		{"a secret, neither", Client{Secret: secret}, []string{AuthPrivateKeyJWT}, "!neither"},
		{"a key", Client{Asserter: asserter}, nil, AuthPrivateKeyJWT},
		{"a key, not listed", Client{Asserter: asserter}, []string{AuthSecretBasic}, AuthPrivateKeyJWT},
		{"a key and a secret", Client{Asserter: asserter, Secret: secret}, []string{AuthSecretBasic}, AuthPrivateKeyJWT},
		{"named post", Client{Method: AuthSecretPost, Secret: secret}, []string{AuthSecretBasic}, AuthSecretPost},
		{"named basic next to a key", Client{Method: AuthSecretBasic, Secret: secret, Asserter: asserter}, nil,
			AuthSecretBasic},
		{"named none next to a secret", Client{Method: AuthNone, Secret: secret}, nil, AuthNone},
		{"named TLS", Client{Method: AuthTLS}, []string{AuthSecretBasic}, AuthTLS},
		{"named self-signed TLS", Client{Method: AuthSelfSignedTLS, Secret: secret}, nil, AuthSelfSignedTLS},
		{"named basic without a secret", Client{Method: AuthSecretBasic}, nil, "!needs a client secret"},
		{"named post without a secret", Client{Method: AuthSecretPost, Asserter: asserter}, nil, "!needs a client secret"},
		{"named JWT without a key", Client{Method: AuthPrivateKeyJWT, Secret: secret}, nil, "!needs a key"},
		{"misspelt", Client{Method: "client_secret_jwt", Secret: secret}, nil, "!use one of client_secret_basic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.client.method(c.offered)
			if words, wrong := strings.CutPrefix(c.want, "!"); wrong {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("%q, %v", got, err)
				}
			} else if got != c.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
	if len(AuthMethods()) != 6 {
		t.Error(AuthMethods())
	}
}

// confidential is a client with each method, registered and ours. It returns the
// provider's view, ours, and the HTTP client to use.
func confidential(t *testing.T, method string) (*providertest.Provider, *Provider, Client) {
	t.Helper()
	key := ecKey(t, elliptic.P256())
	k := mustParse(t, pkcs8(t, key), KeyOptions{ID: "k1"})
	registered := providertest.Client{ID: "svc:1", AuthMethod: method}
	ours := Client{ID: registered.ID, Method: method}
	switch method {
	case AuthSecretBasic, AuthSecretPost:
		registered.Secret = "a:b&c=% +"
		ours.Secret = credential.NewSecret(registered.Secret)
	case AuthPrivateKeyJWT:
		registered.JWKS, ours.Asserter = publicSet(t, key, "k1"), k
	case AuthTLS:
		registered.TLSSubject = "CN=svc"
	case AuthSelfSignedTLS:
		registered.TLSThumbprint = thumbprintOf(t, dated(t, key))
	}
	p := providertest.New(t,
		providertest.Config{Clients: []providertest.Client{registered}, MTLS: true, IssuerPath: "/realms/x",
			DeviceInterval: 1})
	if !ours.usesTLS() {
		return p, discover(t, p), ours
	}
	cert := dated(t, key)
	if method == AuthTLS {
		var err error
		if cert, err = p.IssueCertificate(key.Public(), "svc", time.Time{}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	} else { // registered must be the one that is shown
		p = providertest.New(t,
			providertest.Config{MTLS: true, DeviceInterval: 1,
				Clients: []providertest.Client{{ID: ours.ID, TLSThumbprint: thumbprintOf(t, cert)}}})
	}
	return p, discoverMTLS(t, p, k, cert), ours
}

func thumbprintOf(t *testing.T, certPEM []byte) string {
	t.Helper()
	chain, err := parseCertificates(certPEM)
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Thumbprint(chain[0])
}

func discoverMTLS(t *testing.T, p *providertest.Provider, k *Key, certPEM []byte) *Provider {
	t.Helper()
	cert, err := k.TLSCertificate(certPEM)
	if err != nil {
		t.Fatal(err)
	}
	hc, err := mtlsClient(10*time.Second, p.CAPEM(), cert)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Discover(t.Context(), hc, nil, p.Issuer(), "")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Every method carries everything that is asked of the provider: a code and a
// device code, a refresh, a revocation, and the grants of services.
func TestEveryMethodEverywhere(t *testing.T) {
	for _, method := range []string{AuthSecretBasic, AuthSecretPost, AuthPrivateKeyJWT, AuthTLS, AuthSelfSignedTLS} {
		t.Run(method, func(t *testing.T) {
			t.Parallel() // a device's first poll waits for a second
			p, found, c := confidential(t, method)
			set := grant(t, p, found, c)
			renewed, err := found.Refresh(t.Context(), c, set.RefreshToken, Target{})
			if err != nil {
				t.Fatal(err)
			}
			if err := found.CanRevoke(found.TokenEndpointFor(c)); err != nil {
				t.Error(err)
			}
			if err := found.Revoke(t.Context(), c, renewed.RefreshToken, HintRefreshToken); err != nil {
				t.Fatal(err)
			}
			if p.ActiveFamilies() != 0 {
				t.Error("nothing was revoked")
			}
			p.ScriptDevicePolls("ok")
			if _, err := found.Device(t.Context(), SignIn{Client: c, Scopes: []string{"openid"}},
				func(DevicePrompt) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if _, err := found.ClientCredentials(t.Context(), c, Target{}); err != nil {
				t.Fatal(err)
			}
			if _, err := found.Exchange(t.Context(), c, Exchange{Subject: TypedToken{set.IDToken, TokenTypeID}}); err != nil {
				t.Fatal(err)
			}
			if v := p.Violations(); len(v) > 0 {
				t.Error(v)
			}
			issuer, _ := url.Parse(p.Issuer())
			for _, r := range p.Log() {
				direct := r.Method == "POST"
				if alias := direct && c.usesTLS(); alias != (r.Host != issuer.Host) || alias != (r.Cert != nil) {
					t.Errorf("%s went to %s", r.Path, r.Host)
				}
				if direct && method == AuthPrivateKeyJWT &&
					(r.Form.Get("client_assertion_type") != assertionType || r.Form.Get("client_id") != c.ID) {
					t.Errorf("%s: %v", r.Path, r.Form)
				}
			}
		})
	}
}

// Without aliases the ordinary endpoints are used, also for mutual TLS.
func TestMTLSWithoutAliases(t *testing.T) {
	p := testProvider(t, nil)
	if got := p.TokenEndpointFor(Client{Method: AuthTLS}); got != p.TokenEndpoint {
		t.Error(got)
	}
	p.MTLSEndpointAliases.TokenEndpoint = "https://mtls.example/token"
	for method, want := range map[string]string{AuthTLS: "https://mtls.example/token",
		AuthSelfSignedTLS: "https://mtls.example/token", AuthPrivateKeyJWT: p.TokenEndpoint, "": p.TokenEndpoint} {
		if got := p.TokenEndpointFor(Client{Method: method}); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
	// A refresh token of the alias goes to the alias's host alone.
	p.RevocationEndpoint = testIssuer + "/revoke"
	var verify *VerifyError
	if err := p.CanRevoke("https://mtls.example/token"); !errors.As(err, &verify) {
		t.Error(err)
	}
	p.MTLSEndpointAliases.RevocationEndpoint = "https://mtls.example/revoke"
	if err := p.CanRevoke("https://mtls.example/token"); err != nil {
		t.Error(err)
	}
	if err := p.CanRevoke(testIssuer + "/token"); err != nil {
		t.Error(err)
	}
}

// An alias is held to the rule for every endpoint.
func TestAliasesAreChecked(t *testing.T) {
	const issuer = "https://login.corp.example"
	for endpoint, ok := range map[string]bool{"https://mtls.corp.example/token": true,
		"http://mtls.corp.example/token": false, "http://127.0.0.1/token": false, "javascript:1": false,
		"https://u:p@x/": false} {
		for _, name := range []string{"token_endpoint", "device_authorization_endpoint"} {
			raw, _ := json.Marshal(map[string]any{"issuer": issuer, "token_endpoint": issuer + "/token",
				"mtls_endpoint_aliases": map[string]any{name: endpoint}})
			var verify *VerifyError
			if _, err := ParseProvider(http.DefaultClient, nil, issuer, "", raw, []byte(`{"keys":[]}`)); (err == nil) != ok ||
				!ok &&
					!errors.As(err, &verify) {
				t.Errorf("%s %s: %v", name, endpoint, err)
			}
		}
	}
}

// No server's words bring back what it was sent.
func TestRefusalsDoNotEcho(t *testing.T) {
	secrets := map[string]string{"client_secret": "sEcReT-1", "assertion": "sEcReT-2", "subject_token": "sEcReT-3",
		"actor_token": "sEcReT-4", "client_assertion": "sEcReT-5"}
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: "cli", Secret: "x"}}})
	found := discover(t, p)
	var echo strings.Builder
	for _, s := range secrets {
		echo.WriteString(" you sent " + s + " \x1b[2J")
	}
	body, _ := json.Marshal(map[string]string{"error": "invalid_grant " + secrets["subject_token"],
		"error_description": echo.String()})
	odd, _ := json.Marshal(map[string]string{"access_token": "at", "token_type": secrets["subject_token"],
		"issued_token_type": "x" + secrets["actor_token"]})
	for _, fault := range []providertest.Fault{{Status: 400, Body: string(body)}, {Status: 200, Body: string(odd)},
		{Status: 200, Body: string(body)}} {
		p.Fault(providertest.Token, fault)
		s := credential.NewSecret
		for name, do := range map[string]func(Client) error{
			"client credentials": func(c Client) error {
				_,
					err := found.ClientCredentials(t.Context(), c, Target{})
				return err
			},
			"JWT bearer": func(c Client) error {
				_, err := found.JWTBearer(t.Context(), c, s(secrets["assertion"]), Target{})
				return err
			},
			"exchange": func(c Client) error {
				_, err := found.Exchange(t.Context(), c,
					Exchange{Subject: TypedToken{s(secrets["subject_token"]), TokenTypeJWT},
						Actor: TypedToken{s(secrets["actor_token"]), TokenTypeJWT}})
				return err
			},
		} {
			for _, c := range []Client{{ID: "cli", Secret: s(secrets["client_secret"])},
				{ID: "cli", Asserter: fixed(secrets["client_assertion"])}} {
				err := do(c)
				if err == nil {
					t.Fatalf("%s: no error", name)
				}
				out := fmt.Sprintf("%v %+v %#v", err, err, err)
				if strings.Contains(out, "\x1b") {
					t.Errorf("%s: %q", name, out)
				}
				sent := map[string]bool{"client_secret": !c.Secret.IsZero(), "client_assertion": c.Asserter != nil,
					"assertion": name == "JWT bearer", "subject_token": name == "exchange", "actor_token": name == "exchange"}
				for which, secret := range secrets {
					if sent[which] {
						mention(t, name, out, secret)
					}
				}
			}
		}
		p.ClearFaults()
	}
}

// What the metadata says of grants is a hint in a refusal, and nothing more.
func TestGrantHint(t *testing.T) {
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: "svc", Secret: "s"}},
		EditMetadata: func(m map[string]any) {
			m["grant_types_supported"] = []string{"authorization_code",
				"evil\u001b[2J"}
		}})
	found, c := discover(t, p), Client{ID: "svc", Secret: credential.NewSecret("s")}
	if _, err := found.ClientCredentials(t.Context(), c, Target{}); err != nil {
		t.Errorf("it was not even tried: %v", err)
	}
	p.Fault(providertest.ClientCredentials, providertest.Fault{Status: 400, Body: `{"error":"unauthorized_client"}`})
	_, err := found.ClientCredentials(t.Context(), c, Target{})
	var refusal *OAuthError
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "lists other grants: authorization_code, evil") ||
		strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error %q", err)
	}
	found.GrantTypes = nil
	if _, err := found.ClientCredentials(t.Context(), c, Target{}); !errors.As(err, &refusal) || refusal.Hint != "" {
		t.Errorf("error %q", err)
	}
}
