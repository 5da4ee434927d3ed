package providertest

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// Client is a registered client. What it is registered with says how it may
// authenticate (RFC 8414 §2); with nothing it is public (RFC 6749 §2.1).
type Client struct {
	ID string
	// Secret is for client_secret_basic and client_secret_post.
	Secret string
	// JWKS is a JSON Web Key Set of public keys, for private_key_jwt. A key is
	// found by kid, or by x5t#S256; an assertion that names neither is tried with
	// every key.
	JWKS []byte
	// Federated are the workloads of other issuers whose JWTs are taken as this
	// client's assertions (RFC 7523 §2.2). Each must be in [Config.TrustedIssuers].
	Federated []Workload
	// TLSSubject is the subject of the client's certificate, as a certificate's
	// Subject.String() has it (RFC 4514), for tls_client_auth (RFC 8705 §2.1).
	TLSSubject string
	// TLSThumbprint is the unpadded base64url SHA-256 of the client's certificate,
	// for self_signed_tls_client_auth (RFC 8705 §2.2); see [Thumbprint].
	TLSThumbprint string
	// AuthMethod is the only one that is taken; empty takes all that the client has
	// something for.
	AuthMethod string
	// RedirectURIs are compared exactly, except for the port: an IP literal without
	// a port matches any (RFC 8252 §7.3), and so does "http://localhost:*/cb".
	// If there are none, any http URI of a loopback IP literal will do.
	RedirectURIs []string
}

// Workload is a subject of another issuer. Its tokens must be made out to Audience;
// empty: to what all client assertions are made out to.
type Workload struct{ Issuer, Subject, Audience string }

// Audiences of assertions, for [Config.AssertionAudience].
const (
	AudienceIssuer        = "issuer"
	AudienceTokenEndpoint = "token-endpoint"
	AudienceAny           = "any"
)

// methods are those by which the client may authenticate.
func (c *Client) methods() []string {
	if c.AuthMethod != "" {
		return []string{c.AuthMethod}
	}
	var methods []string
	if c.Secret != "" {
		methods = append(methods, "client_secret_basic", "client_secret_post")
	}
	if len(c.JWKS) > 0 || len(c.Federated) > 0 {
		methods = append(methods, "private_key_jwt")
	}
	if c.TLSSubject != "" {
		methods = append(methods, "tls_client_auth")
	}
	if c.TLSThumbprint != "" {
		methods = append(methods, "self_signed_tls_client_auth")
	}
	if methods == nil {
		return []string{"none"}
	}
	return methods
}

// federated is the place of a workload that stands for the client; -1: it is none.
func (c *Client) federated(issuer, subject string) int {
	return slices.IndexFunc(c.Federated, func(w Workload) bool { return w.Issuer == issuer && w.Subject == subject })
}

// public says whether the client only names itself.
func (c *Client) public() bool { return slices.Equal(c.methods(), []string{"none"}) }

// authMethods are announced: none, and what some client uses.
func (p *Provider) authMethods() []string {
	methods := []string{"none"}
	for i := range p.config.Clients {
		for _, method := range p.config.Clients[i].methods() {
			if !slices.Contains(methods, method) {
				methods = append(methods, method)
			}
		}
	}
	return methods
}

// readKeys reads what is registered of clients and other issuers.
func (p *Provider) readKeys() error {
	p.trust = map[string]jose.JSONWebKeySet{}
	read := func(whose string, raw []byte) error {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(raw, &set); err != nil {
			return fmt.Errorf("providertest: the keys of %s: %w", whose, err)
		}
		for _, key := range set.Keys {
			if !key.IsPublic() {
				return fmt.Errorf("providertest: the keys of %s are not public", whose)
			}
		}
		p.trust[whose] = set
		return nil
	}
	for issuer, raw := range p.config.TrustedIssuers {
		if err := read(issuer, raw); err != nil {
			return err
		}
	}
	for _, c := range p.config.Clients {
		if len(c.JWKS) > 0 {
			if err := read("client:"+c.ID, c.JWKS); err != nil {
				return err
			}
		}
		for _, w := range c.Federated {
			if _, ok := p.trust[w.Issuer]; !ok {
				return fmt.Errorf("providertest: client %s has workloads of %s, which is not trusted", c.ID, w.Issuer)
			}
		}
	}
	if len(p.config.ClientCAs) > 0 {
		if p.roots = x509.NewCertPool(); !p.roots.AppendCertsFromPEM(p.config.ClientCAs) {
			return errors.New("providertest: there is no certificate in ClientCAs")
		}
	}
	return nil
}

// authenticateClient finds out who sends a direct request, and by which method
// (RFC 6749 §2.3, RFC 7521 §4.2, RFC 8705 §2). A public client only names
// itself.
func (p *Provider) authenticateClient(r *Request) (*Client, *answer) {
	id, secret, assertion := r.Form.Get("client_id"), r.Form.Get("client_secret"), r.Form.Get("client_assertion")
	header := r.Header.Get("Authorization")
	var ways []string
	if secret != "" {
		ways = append(ways, "client_secret_post")
	}
	if assertion != "" || r.Form.Get("client_assertion_type") != "" {
		ways = append(ways, "private_key_jwt")
	}
	if header != "" {
		basicID, basicSecret, ok := basicAuth(header)
		if !ok {
			return nil, unauthorized(r, "the Authorization header is malformed")
		}
		if id != "" && id != basicID {
			return nil, fail("invalid_request", "the client names itself in two ways")
		}
		id, secret = basicID, basicSecret
		ways = append(ways, "client_secret_basic")
	}
	if len(ways) > 1 {
		p.violation("the client authenticates in %d ways", len(ways)) // RFC 6749 §2.3
		return nil, fail("invalid_request", "the client authenticates in several ways")
	}
	if slices.Contains(ways, "private_key_jwt") && id == "" {
		id = p.clientOfAssertion(assertion) // RFC 7521 §4.2: client_id may be left out
	}
	client := p.clientByID(id)
	if client == nil {
		return nil, unauthorized(r, "the client is unknown")
	}
	registered := client.methods()
	method := "none"
	if len(ways) == 1 {
		method = ways[0]
	} else if r.Cert != nil {
		for _, way := range []string{"tls_client_auth", "self_signed_tls_client_auth"} {
			if slices.Contains(registered, way) {
				method = way
			}
		}
	}
	if !slices.Contains(registered, method) {
		return nil, unauthorized(r, fmt.Sprintf("the client must use %v, not %s", registered, method))
	}
	var err error
	switch method {
	case "client_secret_basic", "client_secret_post":
		if subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1 {
			err = errors.New("the client's secret is wrong")
		}
	case "private_key_jwt":
		if r.Form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			err = errors.New("client_assertion_type is not that of a JWT")
		} else {
			err = p.checkClientAssertion(client, assertion)
		}
	case "tls_client_auth":
		err = p.checkCertificate(client, r)
	case "self_signed_tls_client_auth":
		if Thumbprint(r.Cert) != client.TLSThumbprint {
			err = errors.New("the client's certificate is not the registered one")
		} else if now := p.config.Now(); now.After(r.Cert.NotAfter) || now.Before(r.Cert.NotBefore) {
			err = errors.New("the client's certificate has expired or is not good yet")
		}
	}
	if err != nil {
		return nil, unauthorized(r, err.Error())
	}
	return client, nil
}

// checkCertificate is RFC 8705 §2.1: a chain to a CA, and the registered
// subject.
func (p *Provider) checkCertificate(client *Client, r *Request) error {
	roots := p.roots
	if roots == nil {
		roots = p.ca.Pool()
	}
	intermediates := x509.NewCertPool()
	for _, c := range r.chain {
		intermediates.AddCert(c)
	}
	if _, err := r.Cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: p.config.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return fmt.Errorf("the client's certificate: %w", err)
	}
	if got := r.Cert.Subject.String(); got != client.TLSSubject {
		return fmt.Errorf("the client's certificate is for %q", got)
	}
	return nil
}

// Thumbprint is the unpadded base64url SHA-256 of a certificate, as in x5t#S256
// (RFC 7515 §4.1.8).
func Thumbprint(c *x509.Certificate) string {
	digest := sha256.Sum256(c.Raw)
	return keys.Base64URL(digest[:])
}

// checkClientAssertion is RFC 7523 §3: the client's own, or that of a workload
// which stands for it. Its jti may come once.
func (p *Provider) checkClientAssertion(client *Client, assertion string) error {
	unverified, err := peek(assertion)
	if err != nil {
		return err
	}
	issuer, _ := unverified["iss"].(string)
	subject, _ := unverified["sub"].(string)
	if at := client.federated(issuer, subject); at >= 0 {
		_, err := p.verifyForeign(issuer, assertion, client.Federated[at].Audience)
		return err
	}
	if issuer != client.ID || subject != client.ID {
		return errors.New("iss and sub of the assertion must be the client ID")
	}
	claims, err := p.verifyWith(p.trust["client:"+client.ID], assertion)
	if err != nil {
		return err
	}
	end, err := p.checkTimes(claims)
	if err != nil {
		return err
	}
	now := p.config.Now()
	if end.Sub(now) > p.config.AssertionLifetime {
		return errors.New("the assertion lives too long")
	}
	if err := p.checkAudience(claims["aud"]); err != nil {
		return err
	}
	jti, _ := claims["jti"].(string)
	if jti == "" {
		return errors.New("the assertion has no jti")
	}
	for key, until := range p.seen {
		if now.After(until) {
			delete(p.seen, key)
		}
	}
	key := client.ID + "\x00" + jti
	if _, replayed := p.seen[key]; replayed {
		p.violation("a client assertion of %s is replayed", client.ID)
		return errors.New("the assertion was used before (jti)")
	}
	p.seen[key] = end
	return nil
}

// checkTimes looks at exp, which is required, and at nbf and iat (RFC 7523 §3).
func (p *Provider) checkTimes(claims map[string]any) (end time.Time, err error) {
	now := p.config.Now()
	at := func(name string) (time.Time, bool) {
		seconds, ok := claims[name].(float64)
		return time.Unix(int64(seconds), 0), ok
	}
	end, ok := at("exp")
	switch {
	case !ok:
		return end, errors.New("the assertion has no exp")
	case !now.Before(end):
		return end, errors.New("the assertion has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		if from, ok := at(name); ok && from.After(now) {
			return end, fmt.Errorf("the assertion comes from the future (%s)", name)
		}
	}
	return end, nil
}

// checkAudience compares with the configured audience.
func (p *Provider) checkAudience(aud any) error {
	fine := func(aud any) bool {
		switch p.config.AssertionAudience {
		case AudienceTokenEndpoint:
			return aud == p.base+"/token"
		case AudienceAny:
			return aud == p.issuer || aud == p.base+"/token"
		}
		return aud == p.issuer
	}
	if list, ok := aud.([]any); ok && p.config.AssertionAudience == AudienceAny && slices.ContainsFunc(list, fine) ||
		fine(aud) {
		return nil
	}
	return errors.New("the assertion is for another audience (aud)")
}
