package providertest

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
	"strings"
	"sync"
)

// signingKey signs and is published in the key set.
type signingKey struct {
	kid, alg string
	private  crypto.Signer
}

// rsaKeys are shared by the process: generating one takes a good part of a
// second.
var rsaKeys struct {
	sync.Mutex
	list []*rsa.PrivateKey
}

// newKey makes the nth key of a provider.
func newKey(alg string, n int) (*signingKey, error) {
	kid := fmt.Sprintf("key-%d-%s", n+1, randomText()[:6])
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
		return &signingKey{kid, alg, rsaKeys.list[n]}, nil
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return &signingKey{kid, alg, key}, err
	}
	return nil, fmt.Errorf("providertest: no such signing algorithm: %q", alg)
}

// jwk is the public key as RFC 7517 and RFC 7518 §6 have it.
func (k *signingKey) jwk() map[string]any {
	jwk := map[string]any{"kid": k.kid, "alg": k.alg, "use": "sig"}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"] = "RSA"
		jwk["n"] = base64url(public.N.Bytes())
		jwk["e"] = base64url(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // 4, X, Y
		jwk["kty"], jwk["crv"] = "EC", "P-256"
		jwk["x"], jwk["y"] = base64url(point[1:33]), base64url(point[33:])
	}
	return jwk
}

// sign makes a compact JWS. The header is taken as it is: "none" is left
// unsigned, and HS256 is keyed with the public key, which is the well-known
// confusion attack; anything else is signed with the key's own algorithm.
func (k *signingKey) sign(header, claims map[string]any) (string, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := base64url(head) + "." + base64url(body)
	signature, err := k.signature(header["alg"], input)
	return input + "." + base64url(signature), err
}

func (k *signingKey) signature(alg any, input string) ([]byte, error) {
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

// Errors of verify.
var (
	errMalformed  = errors.New("not a compact JWS with a JSON payload")
	errUnknownKey = errors.New("no key of that ID and algorithm")
	errSignature  = errors.New("the signature does not verify")
)

// verify checks a token's signature against one key and returns its claims;
// iss, aud and exp are the caller's.
func (k *signingKey) verify(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errMalformed
	}
	var header struct{ Kid, Alg string }
	var claims map[string]any
	if decodeSegment(parts[0], &header) != nil || decodeSegment(parts[1], &claims) != nil {
		return nil, errMalformed
	}
	if header.Kid != k.kid || header.Alg != k.alg {
		return claims, errUnknownKey
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return claims, errSignature
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
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

func decodeSegment(segment string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
