package flows

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	_ "crypto/sha512" // ES384, ES512 and RSA's longer algorithms

	"github.com/go-jose/go-jose/v4"
)

// rsaKey is made once for each size.
func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	rsaKeys.Lock()
	defer rsaKeys.Unlock()
	if rsaKeys.m[bits] == nil {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		rsaKeys.m[bits] = key
	}
	return rsaKeys.m[bits]
}

var rsaKeys = struct {
	sync.Mutex
	m map[int]*rsa.PrivateKey
}{m: map[int]*rsa.PrivateKey{}}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("EC PRIVATE KEY", der)
}

func jwk(t testing.TB, key jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// jwkSet is a JWK Set of keys, private or public as they are.
func jwkSet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// selfSigned makes a certificate of a key for itself.
func selfSigned(t testing.TB, key crypto.Signer, from, to time.Time) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "job"},
		NotBefore: from, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der)
}

func mustParse(t testing.TB, b []byte, o KeyOptions) *Key {
	t.Helper()
	k, err := ParseKey(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func dated(t testing.TB, key crypto.Signer) []byte {
	return selfSigned(t, key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// Every kind of key in every form that openssl and the providers' consoles
// write; the signature is judged by crypto/…, not by the library that made it.
func TestParseKeyForms(t *testing.T) {
	ecParams := pemOf("EC PARAMETERS", []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})
	rsa2, p256, p384, p521, ed := rsaKey(t, 2048), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()),
		ecKey(t, elliptic.P521()), edKey(t)
	for name, c := range map[string]struct {
		raw []byte
		key crypto.Signer
		alg string
		kid string
	}{
		"RSA, PKCS #8": {pkcs8(t, rsa2), rsa2, "RS256", ""},
		"RSA, PKCS #1": {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2)), rsa2, "RS256",
			""},
		"RSA, JWK": {jwk(t, jose.JSONWebKey{Key: rsa2, KeyID: "r1"}), rsa2, "RS256", "r1"},
		"RSA, JWK that names its algorithm": {jwk(t, jose.JSONWebKey{Key: rsa2, KeyID: "r1", Algorithm: "PS384"}), rsa2,
			"PS384", "r1"},
		"P-256, PKCS #8":                     {pkcs8(t, p256), p256, "ES256", ""},
		"P-256, SEC 1 behind its parameters": {append(ecParams, sec1(t, p256)...), p256, "ES256", ""},
		"P-256, JWK":                         {jwk(t, jose.JSONWebKey{Key: p256, Use: "sig"}), p256, "ES256", ""},
		"P-384, PKCS #8":                     {pkcs8(t, p384), p384, "ES384", ""},
		"P-384, SEC 1":                       {sec1(t, p384), p384, "ES384", ""},
		"P-384, JWK":                         {jwk(t, jose.JSONWebKey{Key: p384}), p384, "ES384", ""},
		"P-521, PKCS #8":                     {pkcs8(t, p521), p521, "ES512", ""},
		"P-521, JWK":                         {jwk(t, jose.JSONWebKey{Key: p521}), p521, "ES512", ""},
		"Ed25519, PKCS #8":                   {pkcs8(t, ed), ed, "EdDSA", ""},
		"Ed25519, JWK":                       {jwk(t, jose.JSONWebKey{Key: ed, KeyID: "e"}), ed, "EdDSA", "e"},
		"a JWK Set with one":                 {jwkSet(t, jose.JSONWebKey{Key: ed, KeyID: "e"}), ed, "EdDSA", "e"},
		"a JWK Set with public ones too": {jwkSet(t, jose.JSONWebKey{Key: p256.Public(), KeyID: "p"},
			jose.JSONWebKey{Key: ed, KeyID: "e"}), ed, "EdDSA", "e"},
		"a JWK Set with one for encryption": {jwkSet(t, jose.JSONWebKey{Key: p256, KeyID: "p", Use: "enc"},
			jose.JSONWebKey{Key: ed, KeyID: "e", Use: "sig"}), ed, "EdDSA", "e"},
		"a certificate before it": {append(dated(t, p256), pkcs8(t, p256)...), p256, "ES256", ""},
		"a certificate behind it": {append(pkcs8(t, p256), dated(t, p256)...), p256, "ES256", ""},
		"words around it": {append([]byte("Bag Attributes\n    friendlyName: x\n"), pkcs8(t, p256)...), p256,
			"ES256", ""},
		"lines that end as on Windows": {bytes.ReplaceAll(pkcs8(t, p256), []byte("\n"), []byte("\r\n")), p256, "ES256", ""},
		"a byte order mark before it":  {append([]byte("\xef\xbb\xbf"), pkcs8(t, p256)...), p256, "ES256", ""},
		"blank lines around a JWK": {append([]byte("\n \t"), append(jwk(t, jose.JSONWebKey{Key: ed}), '\n')...), ed,
			"EdDSA", ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := mustParse(t, c.raw, KeyOptions{})
			header, claims := assertion(t, k, testProvider(t, nil), c.key.Public())
			if header["alg"] != c.alg || header["typ"] != "JWT" || header["kid"] != nil && header["kid"] != c.kid ||
				header["kid"] == nil && c.kid != "" {
				t.Errorf("header %v", header)
			}
			if len(header) > 3 || claims["aud"] != testIssuer {
				t.Errorf("header %v, claims %v", header, claims)
			}
		})
	}
}

// assertion makes one and verifies its signature.
func assertion(t *testing.T, a Asserter, p *Provider, public crypto.PublicKey) (header, claims map[string]any) {
	t.Helper()
	s, err := a.Assert(t.Context(), "svc", p)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(s.Reveal(), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			t.Fatalf("part %d: %s", i, b)
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	alg := header["alg"].(string)
	input := []byte(parts[0] + "." + parts[1])
	sum := func(h crypto.Hash) []byte {
		var d hash.Hash = h.New()
		d.Write(input)
		return d.Sum(nil)
	}
	hashes := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
	fine := false
	switch public := public.(type) {
	case *rsa.PublicKey:
		h := hashes[alg[2:]]
		if alg[:2] == "PS" {
			fine = rsa.VerifyPSS(public, h, sum(h), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		} else {
			fine = rsa.VerifyPKCS1v15(public, h, sum(h), signature) == nil
		}
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		fine = ecdsa.Verify(public, sum(hashes[alg[2:]]), new(big.Int).SetBytes(signature[:half]),
			new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		fine = ed25519.Verify(public, input, signature)
	}
	if !fine {
		t.Errorf("the signature by %s does not verify", alg)
	}
	return header, claims
}

// The claims of RFC 7523 §3, and a new jti each time.
func TestAssertionClaims(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	p := testProvider(t, nil)
	jtis := map[any]bool{}
	for range 50 {
		_, claims := assertion(t, mustParse(t, pkcs8(t, key), KeyOptions{}), p, key.Public())
		now := float64(time.Now().Unix())
		iat, exp := claims["iat"].(float64), claims["exp"].(float64)
		if claims["iss"] != "svc" || claims["sub"] != "svc" || len(claims) != 6 || exp-iat != 60 || iat > now || exp < now+
			50 {
			t.Fatalf("claims %v", claims)
		}
		if jti := claims["jti"].(string); len(jti) < 22 || jtis[jti] {
			t.Errorf("jti %q", jti)
		}
		jtis[claims["jti"]] = true
	}
	if _, err := mustParse(t, pkcs8(t, key), KeyOptions{}).Assert(t.Context(), "", p); err == nil {
		t.Error("an assertion of nobody")
	}
	for audience, want := range map[string]string{"": testIssuer, "issuer": testIssuer,
		"token-endpoint": testIssuer + "/token", "https://sts.corp.example/x": "https://sts.corp.example/x",
		"urn:x": "urn:x"} {
		_, claims := assertion(t, mustParse(t, pkcs8(t, key), KeyOptions{Audience: audience}), p, key.Public())
		if claims["aud"] != want {
			t.Errorf("audience %q: aud %v", audience, claims["aud"])
		}
	}
	for _, audience := range []string{"token_endpoint", "corp", "https://x\n", "://"} {
		if _, err := ParseKey(pkcs8(t, key), KeyOptions{Audience: audience}); err == nil {
			t.Errorf("audience %q is taken", audience)
		}
	}
}

func TestAssertionHeader(t *testing.T) {
	p256 := ecKey(t, elliptic.P256())
	p := testProvider(t, nil)
	cert := dated(t, p256)
	block, _ := pem.Decode(cert)
	digest := sha256.Sum256(block.Bytes)
	header, _ := assertion(t,
		mustParse(t, jwk(t, jose.JSONWebKey{Key: p256, KeyID: "old"}),
			KeyOptions{ID: "k1", Certificates: append(cert, dated(t, edKey(t))...)}), p, p256.Public())
	if header["kid"] != "k1" || header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(digest[:]) {
		t.Errorf("header %v", header)
	}
	for name, certs := range map[string][]byte{"another's": dated(t, edKey(t)),
		"behind another": append(dated(t, edKey(t)), cert...), "none": []byte("x"),
		"damaged": pemOf("CERTIFICATE", []byte("x"))} {
		if _, err := ParseKey(pkcs8(t, p256), KeyOptions{Certificates: certs}); err == nil {
			t.Errorf("certificates: %s: no error", name)
		}
	}
}

func TestAssertionAlgorithm(t *testing.T) {
	rsa2, p256, ed := rsaKey(t, 2048), ecKey(t, elliptic.P256()), edKey(t)
	for _, c := range []struct {
		name   string
		raw    []byte
		o      KeyOptions
		listed []string
		want   string
	}{
		{"RSA, no list", pkcs8(t, rsa2), KeyOptions{}, nil, "RS256"},
		{"RSA, all listed", pkcs8(t, rsa2), KeyOptions{}, []string{"PS256", "ES256", "RS256"}, "RS256"},
		{"RSA, only PSS", pkcs8(t, rsa2), KeyOptions{}, []string{"PS256", "ES256"}, "PS256"},
		{"RSA, only long ones", pkcs8(t, rsa2), KeyOptions{}, []string{"PS512", "RS384"}, "RS384"},
		{"RSA, none", pkcs8(t, rsa2), KeyOptions{}, []string{"ES256", "HS256"}, ""},
		{"RSA with a certificate, no list: as Entra ID wants it", pkcs8(t, rsa2), KeyOptions{Certificates: dated(t, rsa2)},
			nil, "PS256"},
		{"RSA with a certificate, listed", pkcs8(t, rsa2), KeyOptions{Certificates: dated(t, rsa2)},
			[]string{"RS256", "PS256"}, "RS256"},
		{"a JWK that names one: the user's word", jwk(t, jose.JSONWebKey{Key: rsa2, Algorithm: "PS256"}), KeyOptions{},
			[]string{"RS256"}, "PS256"},
		{"EC with a certificate", pkcs8(t, p256), KeyOptions{Certificates: dated(t, p256)}, nil, "ES256"},
		{"EC, not listed", pkcs8(t, p256), KeyOptions{}, []string{"RS256"}, ""},
		{"Ed25519 by its new name", pkcs8(t, ed), KeyOptions{}, []string{"Ed25519"}, "EdDSA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProvider(t, nil)
			p.AssertionSigningAlgs = c.listed
			k := mustParse(t, c.raw, c.o)
			if c.want == "" {
				if _, err := k.Assert(t.Context(), "svc", p); err == nil ||
					!strings.Contains(err.Error(), strings.Join(c.listed, ", ")) {
					t.Errorf("error %v", err)
				}
				return
			}
			if header, _ := assertion(t, k, p, k.private.Public()); header["alg"] != c.want {
				t.Errorf("alg %v, want %s", header["alg"], c.want)
			}
		})
	}
}

// secretOf is the number that a key keeps to itself.
func secretOf(t *testing.T, key *ecdsa.PrivateKey) *big.Int {
	t.Helper()
	b, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(b)
}

func TestKeyDoesNotPrint(t *testing.T) {
	p256 := ecKey(t, elliptic.P256())
	secret := secretOf(t, p256)
	k := mustParse(t, pkcs8(t, p256), KeyOptions{})
	c := Client{ID: "svc", Asserter: k}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k, c, &c, []any{k}} {
			out := fmt.Sprintf(verb, v)
			mention(t, verb, out, secret.String())
			mention(t, verb, out, secret.Text(16))
		}
	}
	if out, err := json.Marshal(c); err == nil {
		mention(t, "JSON", string(out), secret.String())
	}
	if got := fmt.Sprint(k); got != "an EC key on P-256" {
		t.Errorf("%q", got)
	}
}
