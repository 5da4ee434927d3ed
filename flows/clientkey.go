package flows

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
)

// KeyOptions say how the provider knows a key, and to whom its assertions are
// addressed.
type KeyOptions struct {
	// ID is the kid of assertions. Empty: that of the JWK, if it has one. In a JWK
	// Set with several private keys it says which.
	ID string
	// Certificates is the key's certificate in PEM, which may be followed by
	// others. Assertions then carry its thumbprint, x5t#S256, by which Entra ID
	// finds the key. There is no x5c: neither Entra ID nor Okta nor Keycloak needs
	// it for a key that is registered.
	Certificates []byte
	// Audience of assertions: "" or AudienceIssuer, AudienceTokenEndpoint, or a URI
	// that the provider asks for.
	Audience string
}

// Names of the audiences that an assertion can have.
const (
	AudienceIssuer        = "issuer"         // the provider's issuer: RFC 7523 §3, as tightened since by its update
	AudienceTokenEndpoint = "token-endpoint" // its URL; some providers insist on it
)

// Key is a client's private key: for private_key_jwt it is the [Asserter], and
// for mutual TLS [Key.TLSCertificate] joins it with its certificate. It does not
// print.
type Key struct {
	private    crypto.Signer
	id         string
	alg        jose.SignatureAlgorithm // of the JWK; empty: by the provider
	thumbprint string                  // x5t#S256
	audience   string
}

// String says what the key is, without it.
func (k Key) String() string { return keyName(k.private.Public()) }

// Format implements [fmt.Formatter]: no verb shows the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// The times of an assertion. Some providers take none that lives longer than
// a minute (Keycloak), or was issued ahead of their clock by seconds; so it is
// dated back a little, and still has most of the minute to get there.
const (
	assertionLife = time.Minute
	assertionBack = 5 * time.Second
)

// Assert makes a client assertion of private_key_jwt (RFC 7523 §2.2, §3; OpenID
// Connect Core §9): from and about the client, for one audience, good for a
// minute and for one request.
//
// The algorithm is the JWK's, if it names one. Else it is the first that the
// provider lists too, of RS256, PS256 and their longer kin, of the one that
// belongs to the curve, or of EdDSA. A provider without a list gets the first of
// these; with a thumbprint PS256, since Entra ID, which wants that, has no list.
func (k *Key) Assert(_ context.Context, clientID string, p *Provider) (credential.Secret, error) {
	var none credential.Secret
	if clientID == "" {
		return none, errors.New("no client ID to put into it")
	}
	alg, err := k.algorithm(p.AssertionSigningAlgs)
	if err != nil {
		return none, err
	}
	audience := k.audience
	switch audience {
	case "", AudienceIssuer:
		audience = p.Issuer
	case AudienceTokenEndpoint:
		audience = p.TokenEndpoint
	}
	issued := time.Now().Add(-assertionBack).Unix()
	payload, err := json.Marshal(map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": rand.Text(),
		"iat": issued, "exp": issued + int64(assertionLife/time.Second),
	})
	if err != nil {
		return none, err
	}
	jwt, err := k.sign(alg, payload)
	if err != nil {
		return none, err
	}
	return credential.NewSecret(jwt), nil
}

// algorithm chooses out of what the provider lists, if it does.
func (k *Key) algorithm(listed []string) (jose.SignatureAlgorithm, error) {
	if k.alg != "" {
		return k.alg, nil
	}
	own := algorithms(k.private.Public())
	if len(listed) == 0 {
		if k.thumbprint != "" && slices.Contains(own, jose.PS256) {
			return jose.PS256, nil
		}
		return own[0], nil
	}
	for _, alg := range own {
		// Ed25519 is the name that RFC 9864 gives to what EdDSA has meant so far.
		if slices.Contains(listed, string(alg)) || alg == jose.EdDSA && slices.Contains(listed, "Ed25519") {
			return alg, nil
		}
	}
	return "", fmt.Errorf("the provider takes assertions signed with %s, which %s cannot make: register a key of "+
		"another kind",
		Clean(strings.Join(listed, ", "), 100), k)
}

func (k *Key) sign(alg jose.SignatureAlgorithm, payload []byte) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.thumbprint != "" {
		options = options.WithHeader("x5t#S256", k.thumbprint)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}},
		options)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// algorithms are those that a key can make, the preferred one first (RFC 7518
// §3.1, RFC 8037 §3.1); none for a key of another kind.
func algorithms(public crypto.PublicKey) []jose.SignatureAlgorithm {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.RS384, jose.PS384, jose.RS512, jose.PS512}
	case *ecdsa.PublicKey:
		switch public.Curve.Params().BitSize {
		case 256:
			return []jose.SignatureAlgorithm{jose.ES256}
		case 384:
			return []jose.SignatureAlgorithm{jose.ES384}
		case 521:
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

func keyName(public crypto.PublicKey) string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("an RSA key of %d bits", public.N.BitLen())
	case *ecdsa.PublicKey:
		return "an EC key on " + public.Curve.Params().Name
	case ed25519.PublicKey:
		return "an Ed25519 key"
	}
	return fmt.Sprintf("a key of type %T", public)
}

// TLSCertificate joins the key with its certificate for mutual TLS (RFC 8705
// §2). The key's own certificate stands first in the PEM, its issuers may follow.
// One that has ended, or is not good yet, is an error.
func (k *Key) TLSCertificate(certPEM []byte) (tls.Certificate, error) {
	var none tls.Certificate
	chain, err := k.chain(certPEM)
	if err != nil {
		return none, err
	}
	leaf := chain[0]
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		return none, fmt.Errorf("the client certificate ended at %s; it is %s here", leaf.NotAfter.UTC().Format(time.RFC3339),
			now.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return none, fmt.Errorf("the client certificate is good from %s; it is %s here",
			leaf.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	cert := tls.Certificate{PrivateKey: k.private, Leaf: leaf}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

// chain reads certificates of which the first is the key's own.
func (k *Key) chain(certPEM []byte) ([]*x509.Certificate, error) {
	chain, err := parseCertificates(certPEM)
	if err != nil {
		return nil, err
	}
	owns := func(c *x509.Certificate) bool {
		public, ok := k.private.Public().(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(c.PublicKey)
	}
	switch {
	case owns(chain[0]):
		return chain, nil
	case slices.ContainsFunc(chain, owns):
		return nil, errors.New("the certificate of the key must come first, before those of its issuers")
	}
	if its := keyName(chain[0].PublicKey); its != k.String() {
		return nil, fmt.Errorf("the certificate belongs to another key: it is for %s, and this is %s", its, k)
	}
	return nil, errors.New("the certificate belongs to another key of the same kind")
}
