package flows

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// The ways in which a client proves who it is (RFC 8414 §2, by the names of
// OpenID Connect Core §9 and RFC 8705 §2).
const (
	AuthNone          = "none" // a public client: it only names itself
	AuthSecretBasic   = "client_secret_basic"
	AuthSecretPost    = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
	AuthTLS           = "tls_client_auth"
	AuthSelfSignedTLS = "self_signed_tls_client_auth"
)

// AuthMethods are the methods that a [Client] can name.
func AuthMethods() []string {
	return []string{AuthSecretBasic, AuthSecretPost, AuthPrivateKeyJWT, AuthTLS, AuthSelfSignedTLS, AuthNone}
}

// Client is how this program is registered at the provider. Without a secret,
// an asserter or a method it is a public client (RFC 6749 §2.1), as command
// lines should be.
type Client struct {
	ID     string // sent whatever the method; may be empty only where the provider knows clients without one
	Secret credential.Secret

	// Method is one of [AuthMethods]; what is named is used, also where the
	// provider's metadata does not list it. Empty: private_key_jwt with an
	// Asserter, else with a secret what the metadata says, else none. It is never
	// found by trial.
	Method string

	// Asserter makes the client assertion of private_key_jwt: a [*Key], or
	// something that brings a workload's own token (RFC 7521 §4.2, RFC 7523 §2.2).
	Asserter Asserter
}

// Asserter makes client assertions. It is asked once for each request, also when
// the same is asked again: an assertion is good for one use (RFC 7523 §3, jti).
// Its errors reach the caller of the flow wrapped.
type Asserter interface {
	Assert(ctx context.Context, clientID string, p *Provider) (credential.Secret, error)
}

// assertionType is the client_assertion_type of a JWT (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// method is how the client authenticates at an endpoint whose methods are
// offered; none offered means that the metadata does not say.
func (c Client) method(offered []string) (string, error) {
	switch c.Method {
	case "":
	case AuthSecretBasic, AuthSecretPost:
		if c.Secret.IsZero() {
			return "", fmt.Errorf("%s needs a client secret", c.Method)
		}
		return c.Method, nil
	case AuthPrivateKeyJWT:
		if c.Asserter == nil {
			return "", fmt.Errorf("%s needs a key, or a token of the workload", c.Method)
		}
		return c.Method, nil
	case AuthTLS, AuthSelfSignedTLS, AuthNone:
		return c.Method, nil
	default:
		return "", fmt.Errorf("%q is not a way to authenticate a client; use one of %s", Clean(c.Method, 60),
			strings.Join(AuthMethods(), ", "))
	}
	switch {
	case c.Asserter != nil:
		return AuthPrivateKeyJWT, nil
	case c.Secret.IsZero():
		return AuthNone, nil
	case len(offered) == 0 || slices.Contains(offered, AuthSecretBasic): // RFC 8414 §2: absent means client_secret_basic
		return AuthSecretBasic, nil
	case slices.Contains(offered, AuthSecretPost):
		return AuthSecretPost, nil
	}
	return "", errors.New("a client secret is set, but the provider takes neither client_secret_basic nor " +
		"client_secret_post")
}

// usesTLS reports whether the client's certificate authenticates it.
func (c Client) usesTLS() bool { return c.Method == AuthTLS || c.Method == AuthSelfSignedTLS }

// endpointFor is the alias for mutual TLS where the client uses it and the
// provider has one (RFC 8705 §5).
func (c Client) endpointFor(endpoint, alias string) string {
	if c.usesTLS() && alias != "" {
		return alias
	}
	return endpoint
}

// TokenEndpointFor is the token endpoint that a client must use: the alias for
// mutual TLS for a client that authenticates so, where the provider has one
// (RFC 8705 §5). Like every endpoint it was checked when the provider was made.
func (p *Provider) TokenEndpointFor(c Client) string {
	return c.endpointFor(p.TokenEndpoint, p.MTLSEndpointAliases.TokenEndpoint)
}

// post sends a form with the client's authentication, freshly made. Methods are
// those that the endpoint offers. A failed trial could spend a refresh token, so
// there is none (RFC 6749 §2.3.1).
func (p *Provider) post(ctx context.Context, doing, endpoint string, methods []string, c Client,
	form url.Values) (*Answer, error) {
	method, err := c.method(methods)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	if c.ID != "" && method != AuthSecretBasic { // RFC 6749 §2.3.1, §3.2.1; RFC 7521 §4.2; RFC 8705 §2
		form.Set("client_id", c.ID)
	}
	switch method {
	case AuthSecretPost:
		form.Set("client_secret", c.Secret.Reveal())
	case AuthPrivateKeyJWT:
		assertion, err := c.Asserter.Assert(ctx, c.ID, p)
		if err != nil {
			return nil, fmt.Errorf("%s: client assertion: %w", doing, err)
		}
		if assertion.IsZero() {
			return nil, fmt.Errorf("%s: the client assertion is empty", doing)
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion.Reveal())
	}
	kind, body := "application/x-www-form-urlencoded", form.Encode()
	if p.Dialect.JSON {
		kind, body = "application/json", camelJSON(form)
	}
	req, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	if method == AuthSecretBasic {
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	a, err := Do(ctx, p.hc, doing, req)
	if c.usesTLS() {
		err = tellCertificate(doing, err)
	}
	if a != nil && p.Dialect.JSON {
		a.Body = snakeJSON(a.Body)
	}
	if a != nil {
		a.refuse, a.names = p.Dialect.Refusal, p.Names
		a.Sent = []string{c.Secret.Reveal()}
		for _, name := range secretParams {
			a.Sent = append(a.Sent, form.Get(name))
		}
	}
	return a, err
}

// secretParams are the parameters of a request that no message may carry.
var secretParams = []string{
	"refresh_token", "code", "code_verifier", "device_code", "client_secret",
	"client_assertion", "assertion", "subject_token", "actor_token", "token",
}

// tellCertificate tells a certificate that the server's TLS refused, which
// stays refused, from a server that cannot be reached. Alerts of a certificate
// say so in their names (RFC 8446 §6.2), except that TLS 1.2 answers a missing
// one with a handshake failure (RFC 5246 §7.4.6). Go exports no type for them.
//
// Not all are heard: under TLS 1.3 the request is on its way before the server
// has judged, and a server that closes on it makes it a broken connection.
func tellCertificate(doing string, err error) error {
	var alert *net.OpError
	if !errors.As(err, &alert) || alert.Op != "remote error" {
		return err
	}
	words := alert.Err.Error()
	if !strings.Contains(words, "certificate") && !strings.Contains(words, "handshake failure") {
		return err
	}
	return &OAuthError{Doing: doing, Code: "invalid_client",
		Description: "the server does not accept the client certificate: " + Clean(words, 100)}
}
