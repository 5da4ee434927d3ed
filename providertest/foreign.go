package providertest

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// peek reads a JWT's claims, unverified.
func peek(token string) (claims map[string]any, err error) {
	if !credential.PeekClaims(credential.NewSecret(token), &claims) {
		return nil, keys.ErrMalformed
	}
	return claims, nil
}

// clientOfAssertion is the client that an assertion without a client_id speaks
// of (RFC 7521 §4.2).
func (p *Provider) clientOfAssertion(assertion string) string {
	claims, _ := peek(assertion)
	issuer, _ := claims["iss"].(string)
	subject, _ := claims["sub"].(string)
	for _, c := range p.config.Clients {
		if c.federated(issuer, subject) >= 0 {
			return c.ID
		}
	}
	return subject
}

// verifyWith checks a JWT's header and signature. A key that the header names
// must be there; so must its algorithm be among those that are taken.
func (p *Provider) verifyWith(set jose.JSONWebKeySet, token string) (map[string]any, error) {
	algs := make([]jose.SignatureAlgorithm, len(p.config.AssertionAlgs))
	for i, alg := range p.config.AssertionAlgs {
		algs[i] = jose.SignatureAlgorithm(alg)
	}
	jws, err := jose.ParseSignedCompact(token, algs)
	if err != nil {
		return nil, errors.New("the assertion is not a JWT with an algorithm that is taken (alg)")
	}
	header := jws.Signatures[0].Protected
	if typ, ok := header.ExtraHeaders["typ"]; ok && typ != "JWT" && typ != "client-authentication+jwt" {
		return nil, fmt.Errorf("the assertion is of type %q (typ)", typ)
	}
	thumbprint, _ := header.ExtraHeaders["x5t#S256"].(string)
	for _, key := range set.Keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Use == "enc" ||
			key.Algorithm != "" && key.Algorithm != header.Algorithm ||
			thumbprint != "" && keys.Base64URL(key.CertificateThumbprintSHA256) != thumbprint {
			continue
		}
		if _, err := jws.Verify(key); err == nil {
			return peek(token)
		}
	}
	return nil, errors.New("none of the registered keys made the assertion's signature (kid, x5t#S256)")
}

// verifyForeign checks a JWT of another issuer that is trusted (RFC 7523 §3), and that it
// is made out to an audience, or, without one, to what assertions are made out to.
func (p *Provider) verifyForeign(issuer, token, audience string) (map[string]any, error) {
	set, ok := p.trust[issuer]
	if !ok || strings.HasPrefix(issuer, "client:") {
		return nil, fmt.Errorf("issuer %q is not trusted", issuer)
	}
	claims, err := p.verifyWith(set, token)
	if err != nil {
		return nil, err
	}
	if _, err := p.checkTimes(claims); err != nil {
		return nil, err
	}
	if subject, _ := claims["sub"].(string); subject == "" {
		return nil, errors.New("the assertion has no sub")
	}
	if audience != "" && claims["aud"] != audience {
		return nil, errors.New("the assertion is for another audience (aud)")
	} else if audience != "" {
		return claims, nil
	}
	return claims, p.checkAudience(claims["aud"])
}

// IssueCertificate makes a client certificate of the provider's CA, in PEM, for
// a subject with that common name. Without times it is good for a day around
// now. There is none over plain HTTP.
func (p *Provider) IssueCertificate(public crypto.PublicKey, commonName string, notBefore, notAfter time.Time) ([]byte,
	error) {
	if p.ca == nil {
		return nil, errors.New("providertest: there is no CA over plain HTTP")
	}
	template := keys.Certificate(commonName)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.NotBefore, template.NotAfter = p.config.Now().Add(-12*time.Hour), p.config.Now().Add(12*time.Hour)
	if !notBefore.IsZero() {
		template.NotBefore = notBefore
	}
	if !notAfter.IsZero() {
		template.NotAfter = notAfter
	}
	der, err := p.ca.Sign(template, public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
