// Package keys has what a fake provider signs with: keys of tokens, and a throw-away
// CA.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/sso-exec/sso-exec/credential"
)

// Key signs and is published in the key set.
type Key struct {
	Kid, Alg string
	private  crypto.Signer
}

// rsaKeys are shared by the process: generating one takes a good part of a
// second.
var rsaKeys struct {
	sync.Mutex
	list []*rsa.PrivateKey
}

// New makes the nth key of a provider.
func New(alg string, n int) (*Key, error) {
	kid := fmt.Sprintf("key-%d-%s", n+1, rand.Text()[:6])
	switch alg {
	case "RS256":
		rsaKeys.Lock()
		defer rsaKeys.Unlock()
		for len(rsaKeys.list) <= n {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				return nil, err
			}
			rsaKeys.list = append(rsaKeys.list, key)
		}
		return &Key{kid, alg, rsaKeys.list[n]}, nil
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return &Key{kid, alg, key}, err
	}
	return nil, fmt.Errorf("providertest: no such signing algorithm: %q", alg)
}

// JWK is the public key as RFC 7517 and RFC 7518 §6 have it.
func (k *Key) JWK() map[string]any {
	jwk := map[string]any{"kid": k.Kid, "alg": k.Alg, "use": "sig"}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"] = "RSA"
		jwk["n"] = Base64URL(public.N.Bytes())
		jwk["e"] = Base64URL(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // 4, X, Y
		jwk["kty"], jwk["crv"] = "EC", "P-256"
		jwk["x"], jwk["y"] = Base64URL(point[1:33]), Base64URL(point[33:])
	}
	return jwk
}

// Sign makes a compact JWS. The header is taken as it is: "none" is left
// unsigned, and HS256 is keyed with the public key, which is the well-known
// confusion attack; anything else is signed with the key's own algorithm.
func (k *Key) Sign(header, claims map[string]any) (string, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := Base64URL(head) + "." + Base64URL(body)
	signature, err := k.signature(header["alg"], input)
	return input + "." + Base64URL(signature), err
}

func (k *Key) signature(alg any, input string) ([]byte, error) {
	digest := sha256.Sum256([]byte(input))
	switch alg {
	case "none":
		return nil, nil
	case "HS256":
		der, err := x509.MarshalPKIXPublicKey(k.private.Public())
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		mac.Write([]byte(input))
		return mac.Sum(nil), err
	}
	if key, ok := k.private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}
	return k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// Errors of [Key.Verify].
var (
	ErrMalformed  = errors.New("not a compact JWS with a JSON payload")
	ErrUnknownKey = errors.New("no key of that ID and algorithm")
	errSignature  = errors.New("the signature does not verify")
)

// Verify checks a token's signature against one key and returns its claims;
// iss, aud and exp are the caller's.
func (k *Key) Verify(token string) (map[string]any, error) {
	t, err := credential.ParseJWT(token)
	if err != nil {
		return nil, ErrMalformed
	}
	var header struct{ Kid, Alg string }
	var claims map[string]any
	if json.Unmarshal(t.Header, &header) != nil || json.Unmarshal(t.Payload, &claims) != nil {
		return nil, ErrMalformed
	}
	if header.Kid != k.Kid || header.Alg != k.Alg {
		return claims, ErrUnknownKey
	}
	digest, signature := sha256.Sum256([]byte(t.Signed)), t.Signature
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		err = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
	case *ecdsa.PublicKey:
		if len(signature) != 64 || !ecdsa.Verify(public, digest[:],
			new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			err = errSignature
		}
	}
	if err != nil {
		return claims, errSignature
	}
	return claims, nil
}

// Base64URL encodes without padding (RFC 7515 §2).
func Base64URL(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
