package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
)

// clientKey is a service's private key in the forms that files have it in.
type clientKey struct {
	alg         string
	pkcs8       []byte // PEM
	private     []byte // JWK
	public      object // JWK
	certificate crypto.Signer
}

func newKey(t *testing.T, alg string) clientKey {
	t.Helper()
	k := clientKey{alg: alg}
	public := object{"alg": alg, "use": "sig", "kid": alg + "-1"}
	secret := object{}
	switch alg {
	case "RS256":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		k.certificate = key
		public["kty"], public["n"], public["e"] = "RSA", number(key.N), number(big.NewInt(int64(key.E)))
		secret["d"], secret["p"], secret["q"] = number(key.D), number(key.Primes[0]), number(key.Primes[1])
		secret["dp"], secret["dq"], secret["qi"] = number(key.Precomputed.Dp), number(key.Precomputed.Dq),
			number(key.Precomputed.Qinv)
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes() // 4, x, y
		if err != nil {
			t.Fatal(err)
		}
		scalar, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		k.certificate = key
		public["kty"], public["crv"], public["x"], public["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
		secret["d"] = b64(scalar)
	case "EdDSA":
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k.certificate = key
		public["kty"], public["crv"], public["x"] = "OKP", "Ed25519", b64(pub)
		secret["d"] = b64(key.Seed())
		delete(public, "alg") // RFC 9864 has another name for it
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.certificate)
	if err != nil {
		t.Fatal(err)
	}
	k.pkcs8 = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, value := range public {
		secret[name] = value
	}
	if k.private, err = json.Marshal(secret); err != nil {
		t.Fatal(err)
	}
	k.public = public
	return k
}

func b64(b []byte) string        { return base64.RawURLEncoding.EncodeToString(b) }
func number(n *big.Int) string   { return b64(n.Bytes()) }
func jwks(keys ...object) object { return object{"keys": keys} }

// keyClient is a service with a key.
func keyClient(id string, key clientKey) object {
	return serviceClient(id, "private_key_jwt", object{"jwks": jwks(key.public)})
}

// TestServiceClients: each way that a client authenticates in, at a provider
// that takes from each client its own way alone; the second call asks no server,
// and a sign-out revokes.
func TestServiceClients(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey, edKey := newKey(t, "RS256"), newKey(t, "ES256"), newKey(t, "EdDSA")
	const secretOfPost = "the secret of post"
	p := newCertified(t, certifiedOptions{Clients: []object{
		basicClient,
		serviceClient("post", "client_secret_post", object{"client_secret": secretOfPost}),
		keyClient("rsa", rsaKey), keyClient("ec", ecKey), keyClient("ed", edKey),
	}})
	for _, way := range []struct {
		name, id string
		start    func(s service, command string, more ...string) *command
	}{
		{"basic, from a file", "basic", func(s service, command string, more ...string) *command {
			return s.run(command, "basic", append(more, "--client-secret-file", s.file("secret", []byte(secretOfBasic+"\n")))...)
		}},
		{"basic, from a descriptor", "basic", func(s service, command string, more ...string) *command {
			s.file("secret", []byte(secretOfBasic))
			return s.inShell(`exec "$0" "$@" 7< secret`, nil,
				s.args(command, "basic", append(more, "--client-secret-fd", "7")...)...)
		}},
		{"basic, from a helper", "basic", func(s service, command string, more ...string) *command {
			return s.run(command, "basic",
				append(more, "--client-secret-command", "cat "+s.file("secret", []byte(secretOfBasic)))...)
		}},
		{"post, from a variable", "post", func(s service, command string, more ...string) *command {
			return s.start("sso-exec", []string{"SSO_EXEC_CLIENT_SECRET=" + secretOfPost},
				s.args(command, "post", append(more, "--client-auth", "client_secret_post")...)...)
		}},
		{"RSA, PKCS #8", "rsa", func(s service, command string, more ...string) *command {
			return s.run(command, "rsa", append(more, "--client-key-file", s.file("key", rsaKey.pkcs8))...)
		}},
		{"RSA, JWK, made out to the token endpoint", "rsa", func(s service, command string, more ...string) *command {
			return s.run(command, "rsa",
				append(more, "--client-key-file", s.file("key", rsaKey.private), "--assertion-audience", "token-endpoint")...)
		}},
		{"P-256, PKCS #8, named", "ec", func(s service, command string, more ...string) *command {
			return s.run(command, "ec",
				append(more, "--client-key-file", s.file("key", ecKey.pkcs8), "--client-key-id", "ES256-1")...)
		}},
		{"P-256, JWK, from a helper", "ec", func(s service, command string, more ...string) *command {
			return s.run(command, "ec", append(more, "--client-key-command", "cat "+s.file("key", ecKey.private))...)
		}},
		{"Ed25519, PKCS #8", "ed", func(s service, command string, more ...string) *command {
			return s.run(command, "ed", append(more, "--client-key-file", s.file("key", edKey.pkcs8))...)
		}},
		{"Ed25519, JWK", "ed", func(s service, command string, more ...string) *command {
			return s.run(command, "ed", append(more, "--client-key-file", s.file("key", edKey.private))...)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			s := newService(t, p.issuer)
			p.forget()
			token := way.start(s, "token").token()
			p.tokenRequests(1)
			if got := p.introspects(token); got["active"] != true || got["client_id"] != way.id {
				t.Errorf("the provider says of the token: %v", got)
			}

			p.forget()
			if again := way.start(s, "token").token(); again != token {
				t.Error("the second call has another token")
			}
			p.requests(map[string]int{})

			if said := way.start(s, "logout").ok(); !strings.Contains(said, "revoked at the provider, and forgotten here") {
				t.Errorf("logout: %q", said)
			}
			if got := p.introspects(token); got["active"] != false {
				t.Errorf("after a sign-out the provider says of the token: %v", got)
			}
			if way.start(s, "token").token() == token {
				t.Error("the token of before the sign-out")
			}
		})
	}
}

// TestServiceResource: a token for one resource is a JWT for it alone (RFC 8707),
// and two of them are kept apart.
func TestServiceResource(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient}})
	s := newService(t, p.issuer)
	secret := s.file("secret", []byte(secretOfBasic))
	tokens := map[string]bool{}
	for range 2 {
		for _, resource := range []string{"https://a.example", "https://b.example"} {
			token := s.run("token", "basic", "--client-secret-file", secret, "--resource", resource, "--scope", "read").token()
			tokens[token] = true
			if claims := claimsOf(t, token); claims["aud"] != resource || claims["scope"] != "read" || claims["sub"] != "basic" {
				t.Errorf("claims: %v", claims)
			}
		}
	}
	p.tokenRequests(2)
	if len(tokens) != 2 {
		t.Errorf("%d tokens, want 2", len(tokens))
	}
	s.run("token", "basic", "--client-secret-file", secret, "--resource", "https://elsewhere.test").refused(1,
		"invalid_target")
	s.run("token", "basic", "--client-secret-file", secret, "--token-type", "id").refused(2, "a service has no ID token")
}

// TestServiceRefused: what is wrong is refused for good, with a sentence, and
// nothing of it is kept.
func TestServiceRefused(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, "ES256"), newKey(t, "ES256")
	p := newCertified(t, certifiedOptions{Clients: []object{
		basicClient, keyClient("ec", key),
		serviceClient("post", "client_secret_post", object{"client_secret": "the secret of post"}),
	}})
	s := newService(t, p.issuer)
	good, wrong := s.file("good", []byte(secretOfBasic)), s.file("wrong", []byte("e2e-canary-wrong-secret"))
	goodKey, wrongKey := s.file("key", key.pkcs8), s.file("other", other.pkcs8)

	for name, args := range map[string][]string{
		"another secret":                      {"basic", "--client-secret-file", wrong},
		"another key":                         {"ec", "--client-key-file", wrongKey},
		"another key of the name":             {"ec", "--client-key-file", wrongKey, "--client-key-id", "ES256-1"},
		"a key's name that nobody registered": {"ec", "--client-key-file", goodKey, "--client-key-id", "ES256-2"},
		"a key where a secret is registered":  {"basic", "--client-key-file", goodKey},
		"a secret where a key is registered":  {"ec", "--client-secret-file", good},
		"nothing, where a secret is":          {"basic", "--client-secret-file", good, "--client-auth", "none"},
		"a client that nobody registered":     {"nobody", "--client-secret-file", good},
		"an assertion for somebody else": {"ec", "--client-key-file", goodKey, "--assertion-audience",
			"https://elsewhere.example"},
	} {
		t.Run(name, func(t *testing.T) {
			p.forget()
			said := s.run("token", args[0], args[1:]...).refused(1, "invalid_client", "--client-auth")
			if strings.Contains(said, "canary") {
				t.Errorf("a secret is on stderr: %s", said)
			}
			p.tokenRequests(1) // no trial of other methods, and no second try
		})
	}
	if kept := s.files(); strings.Contains(kept, "accessToken") || strings.Contains(kept, "/sessions/") {
		t.Errorf("something of a refused client was kept:\n%s", kept)
	}

	// A client that may do something else, but not this.
	s.run("token", clientID, "--client-auth", "none", "--client-secret-file", good).refused(1,
		"not allowed for this client")
}

// TestServiceUnsafeSecret: a secret that others can read is not used.
func TestServiceUnsafeSecret(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ES256")
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient, keyClient("ec", key)}})
	for _, what := range []struct {
		id, flag string
		content  []byte
	}{{"basic", "--client-secret-file", []byte(secretOfBasic)}, {"ec", "--client-key-file", key.pkcs8}} {
		s := newService(t, p.issuer)
		path := s.file("secret", what.content)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		p.forget()
		s.run("token", what.id, what.flag, path).refused(6, path, "chmod 600")
		p.tokenRequests(0)
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		s.run("token", what.id, what.flag, path).token()
	}
}
