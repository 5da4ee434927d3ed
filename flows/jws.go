package flows

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of signingAlgs
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// Signed tokens and the keys of their signatures (RFC 7515, RFC 7517). Of a key
// and of a token's header only the members that the signature needs are read: one
// that is odd, such as a certificate that does not parse, costs nothing else.
// Libraries read them all, and refuse the whole for it.

// publicKey is a key of a provider's key set.
type publicKey struct {
	id  string // kid; empty: any signature may be its own
	key crypto.PublicKey
}

// maxModulus bounds an RSA key: what a signature costs grows with its cube.
const maxModulus = 16 << 10

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// readKey reads a public key (RFC 7518 §6; RFC 8037 §2): kty with n and e, or with
// crv, x and y. Symmetric and private keys have no place in a published set.
func readKey(raw json.RawMessage) (publicKey, bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || text(m["d"]) != "" {
		return publicKey{}, false
	}
	k := publicKey{id: text(m["kid"])}
	switch x := keyNumber(m["x"]); text(m["kty"]) {
	case "RSA":
		n, e := new(big.Int).SetBytes(keyNumber(m["n"])), new(big.Int).SetBytes(keyNumber(m["e"]))
		if n.BitLen() > maxModulus || n.Bit(0) == 0 || e.BitLen() > 31 || e.BitLen() < 2 || e.Bit(0) == 0 {
			return k, false
		}
		k.key = &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := curves[text(m["crv"])]
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
		k.key = key
	case "OKP":
		if text(m["crv"]) != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return k, false
		}
		k.key = ed25519.PublicKey(x)
	}
	return k, k.key != nil
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

// signedToken is a token whose signature is to be verified.
type signedToken struct {
	credential.JWT
	alg, kid string
}

// parseSigned reads a token that is signed with one of the algorithms.
func parseSigned(token string, algs []string) (t signedToken, err error) {
	if t.JWT, err = credential.ParseJWT(token); err != nil {
		return t, err
	}
	var header map[string]json.RawMessage
	if json.Unmarshal(t.Header, &header) != nil {
		return t, errors.New("its header is not a JSON object")
	}
	t.alg, t.kid = text(header["alg"]), text(header["kid"])
	if !slices.Contains(algs, t.alg) {
		return t, fmt.Errorf("it is signed with %q, and only %s are accepted", Clean(t.alg, 40), strings.Join(algs, ", "))
	}
	if _, there := header["crit"]; there { // RFC 7515 §4.1.11: none of these is understood
		return t, errors.New("its header has extensions that must be understood (crit)")
	}
	return t, nil
}

// hash is that of the algorithm's name.
func (t signedToken) hash() crypto.Hash {
	switch {
	case strings.HasSuffix(t.alg, "256"):
		return crypto.SHA256
	case strings.HasSuffix(t.alg, "384"):
		return crypto.SHA384
	}
	return crypto.SHA512 // EdDSA's too
}

// madeBy reports whether a key made the signature (RFC 7518 §3; RFC 8037 §3.1).
func (t signedToken) madeBy(key crypto.PublicKey) bool {
	h := t.hash().New()
	h.Write([]byte(t.Signed))
	sum := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch t.alg[:2] {
		case "RS":
			return rsa.VerifyPKCS1v15(key, t.hash(), sum, t.Signature) == nil
		case "PS":
			return rsa.VerifyPSS(key, t.hash(), sum, t.Signature, nil) == nil
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

// VerifySigned verifies a token that is signed with one of the algorithms, as names
// of RFC 7518 §3.1, by the provider's keys, and returns its payload. The error names
// the token as what. What the claims say is not checked.
func (p *Provider) VerifySigned(ctx context.Context, what, token string, algs []string) ([]byte, error) {
	t, err := p.verifySigned(ctx, what, token, algs)
	return t.Payload, err
}

// verifySigned verifies a token by the provider's keys, which are fetched again
// once if none of them fits. The error names the token as what.
func (p *Provider) verifySigned(ctx context.Context, what, token string, algs []string) (signedToken, error) {
	t, err := parseSigned(token, algs)
	if err != nil {
		return t, verifyErrorf("%s does not verify: %w", what, err)
	}
	if p.made(t) {
		return t, nil
	}
	// The provider may have rotated its keys since they were kept. Once a run:
	// a token of nonsense must not make us ask again and again.
	if !p.refetched {
		p.refetched = true
		if err := p.fetchKeys(ctx); err != nil {
			return t, err // it says nothing about the token
		}
		if p.made(t) {
			return t, nil
		}
	}
	return t, verifyErrorf("%s does not verify: none of the provider's keys made its signature", what)
}

// made reports whether one of the provider's keys made a token's signature.
func (p *Provider) made(t signedToken) bool {
	return slices.ContainsFunc(p.keys, func(k publicKey) bool {
		return (t.kid == "" || k.id == "" || k.id == t.kid) && t.madeBy(k.key)
	})
}
