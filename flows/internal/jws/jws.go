// Package jws has signed tokens and the keys of their signatures (RFC 7515, RFC
// 7517). Of a key and of a token's header only the members that the signature needs
// are read: one that is odd, such as a certificate that does not parse, costs nothing
// else. Libraries read them all, and refuse the whole for it.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/commandline"
)

// Key is a public key of a key set.
type Key struct {
	ID     string // kid; empty: any signature may be its own
	Public crypto.PublicKey
}

// maxModulus bounds an RSA key: what a signature costs grows with its cube.
const maxModulus = 16 << 10

// curveOf returns the curve of a crv; nil: none that is known.
func curveOf(crv string) elliptic.Curve {
	switch crv {
	case "P-256":
		return elliptic.P256()
	case "P-384":
		return elliptic.P384()
	case "P-521":
		return elliptic.P521()
	}
	return nil
}

// ReadKey reads a public key (RFC 7518 §6; RFC 8037 §2): kty with n and e, or with
// crv, x and y. Symmetric and private keys have no place in a published set.
func ReadKey(raw json.RawMessage) (Key, bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || text(m["d"]) != "" {
		return Key{}, false
	}
	k := Key{ID: text(m["kid"])}
	switch x := keyNumber(m["x"]); text(m["kty"]) {
	case "RSA":
		n, e := new(big.Int).SetBytes(keyNumber(m["n"])), new(big.Int).SetBytes(keyNumber(m["e"]))
		if n.BitLen() > maxModulus || n.Bit(0) == 0 || e.BitLen() > 31 || e.BitLen() < 2 || e.Bit(0) == 0 {
			return k, false
		}
		k.Public = &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := curveOf(text(m["crv"]))
		if curve == nil {
			return k, false
		}
		size := (curve.Params().BitSize + 7) / 8
		px, py := new(big.Int).SetBytes(x), new(big.Int).SetBytes(keyNumber(m["y"]))
		if px.BitLen() > 8*size || py.BitLen() > 8*size {
			return k, false
		}
		point := slices.Concat([]byte{4}, px.FillBytes(make([]byte, size)), py.FillBytes(make([]byte, size)))
		key, err := ecdsa.ParseUncompressedPublicKey(curve, point) // it must be on the curve
		if err != nil {
			return k, false
		}
		k.Public = key
	case "OKP":
		if text(m["crv"]) != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return k, false
		}
		k.Public = ed25519.PublicKey(x)
	}
	return k, k.Public != nil
}

// keyNumber reads a key's number in base64url (RFC 7518 §2), also in base64's
// ordinary alphabet and padded.
func keyNumber(raw json.RawMessage) []byte {
	s := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text(raw), "="))
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// Token is a token whose signature is to be verified.
type Token struct {
	credential.JWT
	alg, kid string
}

// Parse reads a token that is signed with one of the algorithms.
func Parse(token string, algs []string) (t Token, err error) {
	if t.JWT, err = credential.ParseJWT(token); err != nil {
		return t, err
	}
	var header map[string]json.RawMessage
	if json.Unmarshal(t.Header, &header) != nil {
		return t, errors.New("its header is not a JSON object")
	}
	t.alg, t.kid = text(header["alg"]), text(header["kid"])
	if !slices.Contains(algs, t.alg) {
		return t, fmt.Errorf("it is signed with %q, and only %s are accepted", commandline.Clean(t.alg, 40),
			strings.Join(algs, ", "))
	}
	if _, there := header["crit"]; there { // RFC 7515 §4.1.11: none of these is understood
		return t, errors.New("its header has extensions that must be understood (crit)")
	}
	return t, nil
}

// Hash is that of the algorithm's name.
func (t Token) Hash() crypto.Hash {
	switch {
	case strings.HasSuffix(t.alg, "256"):
		return crypto.SHA256
	case strings.HasSuffix(t.alg, "384"):
		return crypto.SHA384
	}
	return crypto.SHA512 // EdDSA's too
}

// verifies reports whether a key made the signature (RFC 7518 §3; RFC 8037 §3.1).
func (t Token) verifies(key crypto.PublicKey) bool {
	h := t.Hash().New()
	h.Write([]byte(t.Signed))
	sum := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch t.alg[:2] {
		case "RS":
			return rsa.VerifyPKCS1v15(key, t.Hash(), sum, t.Signature) == nil
		case "PS":
			return rsa.VerifyPSS(key, t.Hash(), sum, t.Signature, nil) == nil
		}
	case *ecdsa.PublicKey:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(),
			"ES512": elliptic.P521()}[t.alg]
		size := (key.Params().BitSize + 7) / 8
		if curve != key.Curve || len(t.Signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(t.Signature[:size]), new(big.Int).SetBytes(t.Signature[size:])
		return ecdsa.Verify(key, sum, r, s)
	case ed25519.PublicKey:
		return t.alg == "EdDSA" && ed25519.Verify(key, []byte(t.Signed), t.Signature)
	}
	return false
}

// By reports whether one of the keys made the signature.
func (t Token) By(keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool {
		return (t.kid == "" || k.ID == "" || k.ID == t.kid) && t.verifies(k.Public)
	})
}

// text reads a JSON string; anything else is none.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}
