package providertest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// signer makes JWTs by hand, so that the provider is judged by no library that
// it uses itself.
type signer struct {
	t   testing.TB
	key *ecdsa.PrivateKey
	kid string
}

func newSigner(t testing.TB, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, key, kid}
}

func (s signer) jwks(more map[string]any) []byte {
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "kid": s.kid, "x": b64(point[1:33]), "y": b64(point[33:])}
	for name, value := range more {
		jwk[name] = value
	}
	set, _ := json.Marshal(map[string]any{"keys": []any{jwk}})
	return set
}

func (s signer) sign(header, claims map[string]any) string {
	s.t.Helper()
	h := map[string]any{"alg": "ES256", "kid": s.kid}
	for name, value := range header {
		if h[name] = value; value == nil {
			delete(h, name)
		}
	}
	head, _ := json.Marshal(h)
	body, _ := json.Marshal(claims)
	input := b64(head) + "." + b64(body)
	digest := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// with is claims with changes; nil removes one.
func with(claims map[string]any, pairs ...any) map[string]any {
	changed := map[string]any{}
	for name, value := range claims {
		changed[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		if changed[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(changed, pairs[i].(string))
		}
	}
	return changed
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func TestPrivateKeyJWT(t *testing.T) {
	clock := newClock()
	key, other := newSigner(t, "k1"), newSigner(t, "k1")
	p := providertest.New(t, providertest.Config{Now: clock.Now, Clients: []providertest.Client{
		{ID: "svc", JWKS: key.jwks(map[string]any{"use": "sig"})}, {ID: "web", Secret: "s"},
	}})
	now := clock.Now().Unix()
	n := 0
	good := func(pairs ...any) map[string]any {
		n++
		return with(map[string]any{"iss": "svc", "sub": "svc", "aud": p.Issuer(), "exp": now + 60, "iat": now,
			"jti": fmt.Sprint(n)}, pairs...)
	}
	send := func(assertion string, pairs ...string) response {
		return noRedirects(p).post(t, endpointURL(p, "token"), form(append([]string{"grant_type", "client_credentials",
			"client_assertion_type", assertionType, "client_assertion", assertion}, pairs...)...))
	}
	once := key.sign(nil, good())
	for _, test := range []struct {
		name      string
		assertion string
		more      []string
		code      string
	}{
		{"good", once, nil, ""},
		{"with its client", key.sign(nil, good()), []string{"client_id", "svc"}, ""},
		{"typed", key.sign(map[string]any{"typ": "JWT"}, good()), nil, ""},
		{"typed by the update", key.sign(map[string]any{"typ": "client-authentication+jwt"}, good()), nil, ""},
		{"without a kid", key.sign(map[string]any{"kid": nil}, good()), nil, ""},
		{"the same again", once, nil, "invalid_client"},
		{"its jti again", key.sign(nil, good("jti", "1")), nil, "invalid_client"},
		{"another client", key.sign(nil, good()), []string{"client_id", "web"}, "invalid_client"},
		{"an unknown client", key.sign(nil, good("iss", "x", "sub", "x")), nil, "invalid_client"},
		{"another issuer", key.sign(nil, good("iss", "x")), []string{"client_id", "svc"}, "invalid_client"},
		{"a secret next to it", key.sign(nil, good()), []string{"client_id", "svc", "client_secret", "s"}, "invalid_request"},
		{"another key", other.sign(nil, good()), nil, "invalid_client"},
		{"another kid", key.sign(map[string]any{"kid": "k2"}, good()), nil, "invalid_client"},
		{"another type", key.sign(map[string]any{"typ": "at+jwt"}, good()), nil, "invalid_client"},
		{"none", strings.Join(append(strings.Split(key.sign(map[string]any{"alg": "none"}, good()), ".")[:2], ""), "."), nil,
			"invalid_client"},
		{"HS256", key.sign(map[string]any{"alg": "HS256"}, good()), nil, "invalid_client"},
		{"no exp", key.sign(nil, good("exp", nil)), nil, "invalid_client"},
		{"ended", key.sign(nil, good("exp", now)), nil, "invalid_client"},
		{"far ahead", key.sign(nil, good("exp", now+301)), nil, "invalid_client"},
		{"from the future", key.sign(nil, good("iat", now+2)), nil, "invalid_client"},
		{"not yet", key.sign(nil, good("nbf", now+2)), nil, "invalid_client"},
		{"no jti", key.sign(nil, good("jti", nil)), nil, "invalid_client"},
		{"no aud", key.sign(nil, good("aud", nil)), nil, "invalid_client"},
		{"a list", key.sign(nil, good("aud", []string{p.Issuer()})), nil, "invalid_client"},
		{"the token endpoint", key.sign(nil, good("aud", endpointURL(p, "token"))), nil, "invalid_client"},
		{"no JWT", "x", []string{"client_id", "svc"}, "invalid_client"},
		{"nothing", "", []string{"client_id", "svc"}, "invalid_client"},
	} {
		res := send(test.assertion, test.more...)
		if res.oauthError() != test.code || test.code == "" && res.StatusCode != 200 || test.code == "invalid_client" &&
			res.StatusCode != 401 {
			t.Errorf("%s: %d %s", test.name, res.StatusCode, res.text)
		}
	}
	if v := p.Violations(); len(v) != 3 { // twice replayed, once two ways
		t.Errorf("violations: %q", v)
	}
	clock.advance(2 * time.Minute) // a jti is forgotten with its assertion's end
	now = clock.Now().Unix()
	if res := send(key.sign(nil, good("jti", "1"))); res.StatusCode != 200 {
		t.Error(res.text)
	}
	res := noRedirects(p).post(t, endpointURL(p, "token"),
		form("grant_type", "client_credentials", "client_id", "svc", "client_assertion", key.sign(nil, good())))
	if res.oauthError() != "invalid_client" {
		t.Errorf("without its type: %s", res.text)
	}
	var metadata struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Algs    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	}
	json.Unmarshal([]byte(noRedirects(p).get(t, endpointURL(p, ".well-known/openid-configuration")).text), &metadata)
	if !slices.Contains(metadata.Methods, "private_key_jwt") ||
		!slices.Contains(metadata.Methods, "client_secret_basic") || len(metadata.Algs) != 6 {
		t.Errorf("%+v", metadata)
	}
}

func TestAssertionAudiences(t *testing.T) {
	key := newSigner(t, "k1")
	for _, test := range []struct {
		wanted string
		taken  string // "i": the issuer, "t": the token endpoint, "l": a list with the issuer, "o": another
	}{{"", "i"}, {providertest.AudienceIssuer, "i"}, {providertest.AudienceTokenEndpoint, "t"},
		{providertest.AudienceAny, "itl"}} {
		p := providertest.New(t,
			providertest.Config{AssertionAudience: test.wanted,
				Clients: []providertest.Client{{ID: "svc", JWKS: key.jwks(nil)}}})
		for letter, aud := range map[string]any{"i": p.Issuer(), "t": endpointURL(p, "token"), "l": []string{p.Issuer(), "x"},
			"o": "x"} {
			res := noRedirects(p).post(t, endpointURL(p, "token"),
				form("grant_type", "client_credentials", "client_assertion_type", assertionType,
					"client_assertion", key.sign(nil,
						map[string]any{"iss": "svc", "sub": "svc", "aud": aud, "exp": time.Now().Unix() + 60, "jti": letter})))
			if ok := res.StatusCode == 200; ok != strings.Contains(test.taken, letter) {
				t.Errorf("%q: %v: %s", test.wanted, aud, res.text)
			}
		}
	}
}

func TestThumbprintHeader(t *testing.T) {
	key := newSigner(t, "")
	p := providertest.New(t,
		providertest.Config{Clients: []providertest.Client{{ID: "svc",
			JWKS: key.jwks(map[string]any{"x5t#S256": b64(make([]byte, 32))})}}})
	for thumbprint, status := range map[string]int{b64(make([]byte, 32)): 200, b64([]byte(strings.Repeat("x", 32))): 401} {
		res := noRedirects(p).post(t, endpointURL(p, "token"),
			form("grant_type", "client_credentials", "client_assertion_type", assertionType,
				"client_assertion", key.sign(map[string]any{"kid": nil, "x5t#S256": thumbprint},
					map[string]any{"iss": "svc", "sub": "svc", "aud": p.Issuer(), "exp": time.Now().Unix() + 60, "jti": thumbprint})))
		if res.StatusCode != status {
			t.Errorf("%s: %s", thumbprint, res.text)
		}
	}
}

const ci = "https://ci.example"

func TestTrustedIssuers(t *testing.T) {
	key := newSigner(t, "ci")
	p := providertest.New(t,
		providertest.Config{JWTAccessTokens: true, TrustedIssuers: map[string][]byte{ci: key.jwks(nil)},
			Clients: []providertest.Client{
				{ID: "cli"}, {ID: "app", Federated: []providertest.Workload{{Issuer: ci, Subject: "main"}}},
				{ID: "own", Federated: []providertest.Workload{{Issuer: ci, Subject: "own", Audience: "api://own"}}},
			}})
	token := func(pairs ...any) string {
		return key.sign(nil,
			with(map[string]any{"iss": ci, "sub": "main", "aud": p.Issuer(), "exp": time.Now().Unix() + 3600}, pairs...))
	}
	post := func(pairs ...string) response {
		return noRedirects(p).post(t, endpointURL(p, "token"), form(pairs...))
	}
	// As the client's assertion.
	for _, test := range []struct {
		token  string
		status int
	}{{token(), 200}, {token(), 200}, {token("sub", "x"), 401}, {token("exp", 1), 401}, {token("aud", "x"), 401},
		{token("iss", "client:app"), 401}} {
		if res := post("grant_type", "client_credentials", "client_id", "app", "client_assertion_type", assertionType,
			"client_assertion", test.token); res.StatusCode != test.status {
			t.Errorf("%d %s", res.StatusCode, res.text)
		}
	}
	for audience, status := range map[string]int{"api://own": 200, p.Issuer(): 401} {
		if res := post("grant_type", "client_credentials", "client_id", "own", "client_assertion_type", assertionType,
			"client_assertion", token("sub", "own", "aud", audience)); res.StatusCode != status {
			t.Errorf("%s: %d %s", audience, res.StatusCode, res.text)
		}
	}
	if res := post("grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion",
		token()); res.StatusCode != 200 {
		t.Errorf("without client_id: %s", res.text)
	}
	// As a grant, which faults and counts know by a name of its own.
	const bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	res := post("grant_type", bearer, "client_id", "cli", "assertion", token(), "scope", "email openid", "audience", "api")
	claims, err := p.VerifyJWT(fmt.Sprint(res.members["access_token"]))
	if err != nil || claims["sub"] != "main" || claims["aud"] != "api" || claims["scope"] != "email" ||
		res.members["refresh_token"] != nil || res.members["id_token"] != nil {
		t.Errorf("%s: %v, %v", res.text, claims, err)
	}
	for _, assertion := range []string{"", "x", token("exp", 1), token("iss", "https://evil.example"), token("sub", nil),
		token("aud", "x")} {
		if res := post("grant_type", bearer, "client_id", "cli", "assertion",
			assertion); res.oauthError() != "invalid_grant" {
			t.Errorf("%s", res.text)
		}
	}
	if res := post("grant_type", bearer, "client_id", "cli", "assertion", token(), "scope",
		"nonsense"); res.oauthError() != "invalid_scope" {
		t.Errorf("%s", res.text)
	}
	p.Fault(providertest.JWTBearer, providertest.Fault{Status: 503, Times: 1})
	if res := post("grant_type", bearer, "client_id", "cli", "assertion", token()); res.StatusCode != 503 ||
		p.Requests().JWTBearer != 9 {
		t.Errorf("%d, %+v", res.StatusCode, p.Requests())
	}
	// As subject and actor of an exchange.
	const types = "urn:ietf:params:oauth:token-type:"
	exchange := func(pairs ...string) (map[string]any, response) {
		res := post(append(pairs, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "client_id", "cli",
			"audience", "api")...)
		claims, _ := p.VerifyJWT(fmt.Sprint(res.members["access_token"]))
		return claims, res
	}
	person := newRelyingParty(t, p).signIn()
	claims, res = exchange("subject_token", person.AccessToken, "subject_token_type", types+"access_token", "actor_token",
		token(), "actor_token_type", types+"jwt")
	if act, _ := claims["act"].(map[string]any); claims["sub"] != "alice" || act["sub"] != "main" || act["iss"] != ci {
		t.Errorf("%s: %v", res.text, claims)
	}
	first := fmt.Sprint(res.members["access_token"])
	claims, res = exchange("subject_token", first, "subject_token_type", types+"access_token", "actor_token",
		token("sub", "second"), "actor_token_type", types+"jwt")
	act, _ := claims["act"].(map[string]any)
	if inner, _ := act["act"].(map[string]any); act["sub"] != "second" || inner["sub"] != "main" {
		t.Errorf("%s: %v", res.text, claims)
	}
	if claims, res = exchange("subject_token", first, "subject_token_type", types+"access_token"); claims["act"] == nil {
		t.Errorf("the actor was forgotten: %s", res.text)
	}
	for _, pairs := range [][]string{
		{"subject_token", token(), "subject_token_type", types + "access_token"},
		{"subject_token", token("exp", 1), "subject_token_type", types + "jwt"},
		{"subject_token", token(), "subject_token_type", types + "jwt", "actor_token", token()},
		{"subject_token", token(), "subject_token_type", types + "jwt", "actor_token_type", types + "jwt"},
		{"subject_token", token(), "subject_token_type", types + "jwt", "actor_token", "x", "actor_token_type",
			types + "jwt"},
	} {
		if _, res := exchange(pairs...); res.oauthError() != "invalid_request" {
			t.Errorf("%q: %s", pairs, res.text)
		}
	}
}

func TestMTLS(t *testing.T) {
	clock := newClock()
	key := newSigner(t, "")
	for _, path := range []string{"", "/realms/corp", "/"} {
		p := providertest.New(t,
			providertest.Config{MTLS: true, Now: clock.Now, IssuerPath: path, DeviceInterval: 1, Clients: []providertest.Client{
				{ID: "ca", TLSSubject: "CN=svc"}, {ID: "cli"}, {ID: "basic", Secret: "s"}}})
		var metadata struct {
			Aliases map[string]string `json:"mtls_endpoint_aliases"`
		}
		json.Unmarshal([]byte(noRedirects(p).get(t, endpointURL(p, ".well-known/openid-configuration")).text), &metadata)
		at := metadata.Aliases["token_endpoint"]
		if at == "" || at == endpointURL(p, "token") || len(metadata.Aliases) != 4 {
			t.Fatalf("%+v", metadata)
		}
		cert, err := p.IssueCertificate(key.key.Public(), "svc", time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(url, id string, cert []byte) response {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(p.CAPEM())
			config := &tls.Config{RootCAs: roots}
			if cert != nil {
				block, _ := pem.Decode(cert)
				config.Certificates = []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: key.key}}
			}
			client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			return wire{&client}.post(t, url, form("grant_type", "client_credentials", "client_id", id))
		}
		if res := ask(at, "ca", cert); res.StatusCode != 200 {
			t.Error(res.text)
		}
		log := p.Log()
		if last := log[len(log)-1]; last.Cert == nil || !strings.Contains(at, last.Host) ||
			providertest.Thumbprint(last.Cert) == "" {
			t.Errorf("%+v", last)
		}
		for name, res := range map[string]response{"without one": ask(at, "ca", nil),
			"on the ordinary port": ask(endpointURL(p, "token"), "ca", cert), "another client": ask(at, "basic", cert)} {
			if res.oauthError() != "invalid_client" {
				t.Errorf("%s: %s", name, res.text)
			}
		}
		// public: a certificate makes it nothing else
		if res := ask(at, "cli", cert); res.oauthError() != "unauthorized_client" {
			t.Error(res.text)
		}
		clock.advance(13 * time.Hour)
		if res := ask(at, "ca", cert); res.oauthError() != "invalid_client" || !strings.Contains(res.text, "expired") {
			t.Error(res.text)
		}
		clock.advance(-13 * time.Hour)
	}
}

func TestClientConfig(t *testing.T) {
	key := newSigner(t, "k")
	private := []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`)
	for name, config := range map[string]providertest.Config{
		"mutual TLS in clear":    {MTLS: true, PlainHTTP: true},
		"keys that are none":     {Clients: []providertest.Client{{ID: "a", JWKS: []byte("x")}}},
		"keys that are private":  {Clients: []providertest.Client{{ID: "a", JWKS: private}}},
		"an issuer without keys": {TrustedIssuers: map[string][]byte{ci: nil}},
		"workloads of a stranger": {Clients: []providertest.Client{{ID: "a",
			Federated: []providertest.Workload{{Issuer: ci, Subject: "x"}}}}},
		"CAs that are none":        {ClientCAs: []byte("x")},
		"a trusted issuer's, fine": {TrustedIssuers: map[string][]byte{ci: key.jwks(nil)}},
	} {
		p, err := providertest.Start(config)
		if err == nil {
			p.Close()
		}
		if (err == nil) != strings.HasSuffix(name, "fine") {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := providertest.New(t, providertest.Config{PlainHTTP: true})
	if _, err := plain.IssueCertificate(key.key.Public(), "x", time.Time{}, time.Time{}); err == nil {
		t.Error("a certificate over plain HTTP")
	}
	u, _ := url.Parse(plain.Issuer())
	if log := plain.Log(); len(log) != 0 || u.Scheme != "http" {
		t.Error(u)
	}
}
