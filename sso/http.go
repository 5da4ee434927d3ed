package sso

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// HTTPClient returns an HTTP client that adds the token (RFC 6750 §2.1) to
// requests to these origins, and to no others: scheme, host and port must be the
// same. A redirect to another origin goes there without a token. An origin is
// https://HOST or https://HOST:PORT; http is for a literal loopback address.
//
// A request signs somebody in when it must, and waits no longer than its context.
// The token is renewed before it ends. After an answer of 401 that says
// invalid_token (RFC 6750 §3.1) it is renewed and the request is sent once more,
// unless its body cannot be read again ([http.Request.GetBody]). A request that
// has an Authorization header keeps that.
//
// If an origin is wrong, every request fails with [ErrUsage]; if a policy of the machine
// has no token go there, one that would carry it fails with [ErrForbidden].
func (c *Client) HTTPClient(origins ...string) *http.Client {
	t := &transport{c: c}
	for _, o := range origins {
		u, err := parseOrigin(o)
		if err != nil {
			t.err = fault.InUsage(err)
			break
		}
		t.origins = append(t.origins, u)
	}
	if len(origins) == 0 {
		t.err = fault.InUsage(errors.New("no origin: name the server that may have the token"))
	}
	cfg, err := c.config()
	if t.err == nil {
		t.err = err
	}
	t.next = newTransport(cfg.Roots)
	return &http.Client{Transport: t}
}

// newTransport is the program's usual one, which also trusts some more roots.
func newTransport(roots []byte) http.RoundTripper {
	usual, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // the program's own, which knows whom it trusts
	}
	usual = usual.Clone()
	if len(roots) == 0 {
		return usual
	}
	if usual.TLSClientConfig == nil {
		usual.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	pool := usual.TLSClientConfig.RootCAs
	if pool == nil {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
	}
	pool = pool.Clone()
	pool.AppendCertsFromPEM(roots)
	usual.TLSClientConfig.RootCAs = pool
	return usual
}

// origin is a scheme, a host and a port (RFC 6454 §4).
type origin struct{ scheme, host, port string }

// originOf is a URL's origin. Hosts are compared in lower case, ASCII only.
func originOf(u *url.URL) origin {
	o := origin{u.Scheme, lower(u.Hostname()), u.Port()}
	if o.port == "" {
		o.port = map[string]string{"https": "443", "http": "80"}[o.scheme]
	}
	return o
}

func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func parseOrigin(s string) (origin, error) {
	u, err := flows.CheckURL("the origin", s)
	if err != nil {
		return origin{}, err
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Hostname() == "" {
		return origin{}, fmt.Errorf("the origin %q must be a scheme, a host and a port alone", s)
	}
	return originOf(u), nil
}

// transport adds the token.
type transport struct {
	c       *Client
	origins []origin
	next    http.RoundTripper
	err     error // what is wrong with the origins or the Client
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.err != nil {
		closeBody(r)
		return nil, t.err
	}
	if !t.mayHave(r) {
		return t.next.RoundTrip(r)
	}
	h, err := t.c.token(r.Context(), credential.Secret{})
	if err != nil {
		closeBody(r)
		return nil, err
	}
	if err := t.c.allows(r.URL.String()); err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := t.next.RoundTrip(with(r, h.Token))
	if err != nil || !saysInvalidToken(resp) || !t.c.mayRenew(h) {
		return resp, err
	}
	return t.again(r, resp, h.Token)
}

// again renews the token that was refused, and sends the request once more.
func (t *transport) again(r *http.Request, resp *http.Response, refused credential.Secret) (*http.Response, error) {
	h, err := t.c.token(r.Context(), refused)
	replayable := r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
	if errors.Is(err, errNotRenewed) || err == nil && !replayable {
		return resp, nil // the next request has the new token
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("%s refused the token, and it could not be renewed: %w", r.URL.Host, err)
	}
	second := with(r, h.Token)
	if r.GetBody != nil {
		if second.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.next.RoundTrip(second)
}

// mayHave reports whether a request may carry the token. One whose Host header
// names another server than its URL may be routed there, and gets none.
func (t *transport) mayHave(r *http.Request) bool {
	_, own := r.Header["Authorization"]
	return !own && slices.Contains(t.origins, originOf(r.URL)) && (r.Host == "" || lower(r.Host) == lower(r.URL.Host))
}

// with is a request with the token. A RoundTripper must not change its own.
func with(r *http.Request, token credential.Secret) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return r
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// saysInvalidToken reports whether an answer says that the token is expired,
// revoked or malformed (RFC 6750 §3.1).
func saysInvalidToken(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	return slices.ContainsFunc(resp.Header.Values("WWW-Authenticate"), func(challenge string) bool {
		challenge = strings.ReplaceAll(lower(challenge), " ", "")
		return strings.Contains(challenge, "bearer") &&
			(strings.Contains(challenge, `error="invalid_token"`) || strings.Contains(challenge, "error=invalid_token"))
	})
}
