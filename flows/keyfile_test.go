package flows

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What is no usable key is told by what it is.
func TestParseKeyRefusals(t *testing.T) {
	p256, p224, rsa2 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P224()), rsaKey(t, 2048)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(p256.Public())
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKCS8PrivateKey(p256)
	swapped := map[string]any{}
	json.Unmarshal(jwk(t, jose.JSONWebKey{Key: p256}), &swapped)
	other := map[string]any{}
	json.Unmarshal(jwk(t, jose.JSONWebKey{Key: ecKey(t, elliptic.P256())}), &other)
	swapped["d"] = other["d"]
	mixed, _ := json.Marshal(swapped)
	noPrimes := map[string]any{}
	json.Unmarshal(jwk(t, jose.JSONWebKey{Key: rsa2}), &noPrimes)
	delete(noPrimes, "p")
	delete(noPrimes, "q")
	bare, _ := json.Marshal(noPrimes)
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}})
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":                        {nil, "empty"},
		"blanks":                         {[]byte(" \n"), "empty"},
		"a password":                     {[]byte("hunter2-3f9a"), "neither PEM nor a JWK"},
		"DER":                            {der, "-inform DER"},
		"too large":                      {bytes.Repeat([]byte("A"), 1<<20), "larger than"},
		"encrypted, PKCS #8":             {pemOf("ENCRYPTED PRIVATE KEY", der), "openssl pkey"},
		"encrypted, as openssl once did": {legacy, "openssl pkey"},
		"OpenSSH's":                      {pemOf("OPENSSH PRIVATE KEY", der), "ssh-keygen"},
		"a public key":                   {pemOf("PUBLIC KEY", public), "public key"},
		"a public RSA key": {pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa2.PublicKey)),
			"public key"},
		"a certificate":                 {dated(t, p256), "certificate; the private key"},
		"a request":                     {pemOf("CERTIFICATE REQUEST", der), "certificate request"},
		"other PEM":                     {pemOf("EC PARAMETERS", der), "EC PARAMETERS"},
		"damaged PEM":                   {[]byte("-----BEGIN " + "PRIVATE KEY-----\nAAAA"), "damaged"},
		"damaged DER":                   {pemOf("PRIVATE KEY", der[:40]), "cannot be read"},
		"PKCS #1 under PKCS #8's name":  {pemOf("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2)), "cannot be read"},
		"a giant":                       {pemOf("RSA PRIVATE KEY", make([]byte, 20<<10)), "is larger than"},
		"two keys":                      {append(pkcs8(t, p256), pkcs8(t, rsa2)...), "more than one"},
		"X25519":                        {pkcs8(t, x25519), "key agreement"},
		"P-224":                         {pkcs8(t, p224), "P-256, P-384 or P-521"},
		"a short RSA key":               {pkcs8(t, rsaKey(t, 1024)), "1024 bits"},
		"a short RSA key in a JWK":      {jwk(t, jose.JSONWebKey{Key: rsaKey(t, 1024)}), "1024 bits"},
		"broken JSON":                   {[]byte(`{"kty":`), "not JSON"},
		"no JWK":                        {[]byte(`{}`), "no private key"},
		"an empty set":                  {[]byte(`{"keys":[]}`), "no private key"},
		"a set that is not a list":      {[]byte(`{"keys":7}`), "not a list"},
		"a public JWK":                  {jwk(t, jose.JSONWebKey{Key: p256.Public()}), "no private key"},
		"a set of public ones":          {jwkSet(t, jose.JSONWebKey{Key: p256.Public()}), "no private key"},
		"a symmetric JWK":               {[]byte(`{"kty":"oct","k":"c2VjcmV0"}`), "symmetric"},
		"a JWK for encryption":          {jwk(t, jose.JSONWebKey{Key: p256, Use: "enc"}), "encryption"},
		"a JWK with another's half":     {mixed, "damaged"},
		"an RSA JWK without its primes": {bare, "cannot be read"},
		"a JWK on another curve": {[]byte(`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","d":"AA"}`),
			"secp256k1"},
		"a JWK of an unknown type":        {[]byte(`{"kty":"AKP","d":"AA"}`), "cannot be read"},
		"a JWK with an algorithm not its": {jwk(t, jose.JSONWebKey{Key: p256, Algorithm: "RS256"}), "cannot sign with"},
		"a JWK with algorithm none":       {jwk(t, jose.JSONWebKey{Key: p256, Algorithm: "none"}), "cannot sign with"},
		"a JWK with an HMAC algorithm":    {jwk(t, jose.JSONWebKey{Key: rsa2, Algorithm: "HS256"}), "cannot sign with"},
		"a set of which none is the named": {jwkSet(t, jose.JSONWebKey{Key: p256, KeyID: "a"},
			jose.JSONWebKey{Key: rsa2, KeyID: "b"}), "a, b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(c.raw, KeyOptions{ID: "zz"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			for _, secret := range []string{"hunter2-3f9a", fmt.Sprint(swapped["d"]), fmt.Sprint(noPrimes["d"]),
				secretOf(t, p256).String(), "c2VjcmV0"} {
				mention(t, "the error", fmt.Sprintf("%v %#v", err, err), secret)
			}
		})
	}
}

func TestParseKeyByID(t *testing.T) {
	p256, rsa2 := ecKey(t, elliptic.P256()), rsaKey(t, 2048)
	set := jwkSet(t, jose.JSONWebKey{Key: p256, KeyID: "a"}, jose.JSONWebKey{Key: rsa2, KeyID: "b"})
	for id, public := range map[string]crypto.PublicKey{"a": p256.Public(), "b": rsa2.Public()} {
		k := mustParse(t, set, KeyOptions{ID: id})
		if header, _ := assertion(t, k, testProvider(t, nil), public); header["kid"] != id {
			t.Errorf("header %v", header)
		}
	}
}

// FuzzParseKey: whatever it is, what is taken can sign, and an error fits a line.
func FuzzParseKey(f *testing.F) {
	p256, ed := ecKey(f, elliptic.P256()), edKey(f)
	for _, seed := range [][]byte{
		pkcs8(f, p256), sec1(f, p256), pkcs8(f, rsaKey(f, 2048)), jwk(f, jose.JSONWebKey{Key: p256, KeyID: "k"}),
		jwkSet(f, jose.JSONWebKey{Key: ed, KeyID: "a"}),
		[]byte(`{"kty":"RSA","n":"AA","e":"AA","d":"AA","p":"AA","q":"AA"}`), []byte(`{"kty":"oct","k":"AA"}`),
		[]byte(`{"keys":[null,7,{"d":1}]}`),
		[]byte("-----BEGIN " + "PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), {0x30, 0x82},
	} {
		f.Add(seed, "")
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, raw []byte, id string) {
		k, err := ParseKey(raw, KeyOptions{ID: id})
		if err != nil {
			if s := err.Error(); k != nil || Clean(s, len(s)) != s {
				t.Errorf("%q", s)
			}
			return
		}
		if s, err := k.Assert(t.Context(), "svc", testProvider(t, nil)); err != nil || s.IsZero() {
			t.Errorf("it cannot sign: %v", err)
		}
	})
}

func TestTLSCertificate(t *testing.T) {
	now := time.Now()
	keys := map[string]crypto.Signer{"RSA": rsaKey(t, 2048), "P-256": ecKey(t, elliptic.P256()),
		"P-521": ecKey(t, elliptic.P521()), "Ed25519": edKey(t)}
	ca := dated(t, ecKey(t, elliptic.P256()))
	for name, key := range keys {
		k := mustParse(t, pkcs8(t, key), KeyOptions{})
		got, err := k.TLSCertificate(append(append(pkcs8(t, key), dated(t, key)...),
			ca...)) // a key next to it is passed over
		if err != nil || len(got.Certificate) != 2 || got.Leaf == nil {
			t.Errorf("%s: %d certificates, %v", name, len(got.Certificate), err)
		}
	}
	key := keys["P-256"]
	k := mustParse(t, pkcs8(t, key), KeyOptions{})
	for name, c := range map[string]struct {
		certs []byte
		want  string
	}{
		"none":  {nil, "no certificate"},
		"a key": {pkcs8(t, key), "no certificate"},
		"another key's": {dated(t, keys["RSA"]),
			"belongs to another key: it is for an RSA key of 2048 bits, and this is an EC key on P-256"},
		"the last": {append(ca, dated(t, key)...), "must come first"},
		"ended":    {selfSigned(t, key, now.Add(-2*time.Hour), now.Add(-time.Hour)), "ended at"},
		"not yet":  {selfSigned(t, key, now.Add(time.Hour), now.Add(2*time.Hour)), "is good from"},
		"damaged":  {pemOf("CERTIFICATE", []byte("x")), "certificate 1"},
		"huge":     {bytes.Repeat([]byte("x"), 2<<20), "larger than"},
	} {
		if _, err := k.TLSCertificate(c.certs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}
