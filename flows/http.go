package flows

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxResponse bounds every answer. Metadata and keys are tens of KiB at most.
const maxResponse = 1 << 20

// NewHTTPClient returns the client that every flow uses: timeout for one whole
// request, proxies from the environment, caPEM (may be empty) added to the
// system's roots, and no redirects, since a 307 would replay a body with
// secrets in it (RFC 9700 §4.12) and metadata must come from where it was asked.
func NewHTTPClient(timeout time.Duration, caPEM []byte) (*http.Client, error) {
	hc, _, err := newHTTPClient(timeout, caPEM, &tls.Config{MinVersion: tls.VersionTLS12})
	return hc, err
}

// NewMTLSClient is [NewHTTPClient] with a client certificate (RFC 8705 §2; see
// [Key.TLSCertificate]). It is shown to every server that asks for one, also
// where it asks for those of other CAs: a self-signed one is of none.
//
// It speaks HTTP/1.1: under HTTP/2 Go drops the alert by which a server refuses
// a certificate when it comes before the request is out.
func NewMTLSClient(timeout time.Duration, caPEM []byte, cert tls.Certificate) (*http.Client, error) {
	hc, transport, err := newHTTPClient(timeout, caPEM, &tls.Config{
		MinVersion:           tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})
	if err == nil {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
	}
	return hc, err
}

func newHTTPClient(timeout time.Duration, caPEM []byte, config *tls.Config) (*http.Client, *http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.TLSClientConfig = config
	transport.Proxy = proxyFor
	transport.OnProxyConnectResponse = checkConnect
	if len(caPEM) > 0 && !x509.NewCertPool().AppendCertsFromPEM(caPEM) {
		return nil, nil, errors.New("no certificate in PEM form in it")
	}
	return &http.Client{
		Timeout:   timeout,
		Transport: &guard{extra: caPEM, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}, transport, nil
}

func garbled(doing, format string, args ...any) error {
	return &UnavailableError{Doing: doing, Err: fmt.Errorf(format, args...), Garbled: true}
}

// answer is a server's whole, bounded answer.
type answer struct {
	status int
	header http.Header
	host   string // that was asked
	body   []byte
	at     time.Time                                                              // when it was received
	root   string                                                                 // that vouched for the server, see [RootOf]
	refuse func(doing string, a *answer, fields map[string]json.RawMessage) error // the dialect's; may be nil
	sent   []string                                                               // secrets of the request, which a server may echo in its words
}

// ok reports whether the server did what was asked. Not every one keeps to 200.
func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

// words makes a server's words fit for a message: without the secrets that it
// was sent, and clean.
func (a *answer) words(s string, max int) string {
	for _, secret := range a.sent {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return Clean(s, max)
}

// request sends one request. Whatever keeps an answer from arriving whole is
// an [*UnavailableError], a redirect and a server's trouble too; every other
// status is the caller's.
func request(ctx context.Context, hc *http.Client, doing string, req *http.Request) (*answer, error) {
	a, err := send(ctx, hc, doing, req)
	if err == nil && (a.status >= 500 || a.status == http.StatusTooManyRequests) {
		return nil, a.trouble(doing)
	}
	return a, err
}

// trouble is the error of a server that says that it has one.
func (a *answer) trouble(doing string) error {
	return &UnavailableError{Doing: doing, Err: fmt.Errorf("%s answers with status %d", a.host, a.status), RetryAfter: retryAfter(a), Status: a.status}
}

// send is request for whoever reads the answer of a server in trouble.
func send(ctx context.Context, hc *http.Client, doing string, req *http.Request) (*answer, error) {
	unavailable := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &UnavailableError{Doing: doing, Err: err}
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	req.Header.Set("User-Agent", "sso-exec")
	watched, seen := watch(ctx)
	resp, err := hc.Do(req.WithContext(watched))
	var foreign *RootError
	if errors.As(err, &foreign) {
		foreign.Host = Clean(req.URL.Host, 100)
		return nil, foreign
	}
	if err != nil {
		err = unavailable(seen.explain(err, req.URL, hc.Timeout))
		var outage *UnavailableError
		if errors.As(err, &outage) {
			outage.Unsent = seen.unsent()
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, ledElsewhere(doing, req.URL, resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, unavailable(fmt.Errorf("the answer of %s was cut off: %w", req.URL.Host, err))
	}
	if len(body) > maxResponse {
		return nil, garbled(doing, "the answer of %s is larger than %d bytes", req.URL.Host, maxResponse)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // RFC 8259 §8.1: a byte order mark may be ignored
	a := &answer{status: resp.StatusCode, header: resp.Header, host: req.URL.Host, body: body, at: time.Now(), root: RootOf(resp.TLS)}
	if a.status == http.StatusNetworkAuthenticationRequired {
		return nil, &UnavailableError{Doing: doing, Err: portalAnswer(req.URL.Host, body)}
	}
	return a, nil
}

// minSkew is the least difference between two clocks that is one: a Date header
// has whole seconds, and the answer took a while.
const minSkew = 5 * time.Second

// skew returns how far the server's clock is ahead of ours (RFC 9110 §6.6.1).
// An answer out of some cache, which would carry an old date, has an Age.
func (a *answer) skew() time.Duration {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil || a.header.Get("Age") != "" {
		return 0
	}
	skew := date.Sub(a.at)
	if skew.Abs() < minSkew {
		return 0
	}
	return skew.Round(time.Second)
}

// readQuery reads a form or a query, pair by pair: one that cannot be read costs no
// other. Of which parameters the value cannot be read, is in broken.
func readQuery(raw string) (q url.Values, broken []string) {
	q = url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || pair == "" {
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			broken = append(broken, name)
			continue
		}
		q.Add(name, value)
	}
	return q, broken
}

// json decodes an answer that must be a JSON object.
func (a *answer) json(doing string, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return a.notJSON(doing)
	}
	return nil
}

func (a *answer) notJSON(doing string) error {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	not := fmt.Sprintf("the answer is not the JSON it must be (status %d, %s)", a.status, Clean(cmp.Or(kind, "of no type"), 40))
	if there := portalIn(a.body, a.host); kind == "text/html" && there != "" {
		return &UnavailableError{Doing: doing, Garbled: true, Err: &NetworkError{Kind: NetPortal, Host: a.host,
			says: fmt.Sprintf("%s: a page that leads to %s answers instead of %s", not, there, a.host)}}
	}
	return &UnavailableError{Doing: doing, Err: errors.New(not), Garbled: true, Status: a.status}
}

// retryAfter reads Retry-After in seconds (RFC 9110 §10.2.3); dates, which no
// provider sends, count as none.
func retryAfter(a *answer) time.Duration {
	s, err := strconv.Atoi(strings.TrimSpace(a.header.Get("Retry-After")))
	if err != nil || s < 0 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// CheckURL accepts an https URL, or http on a literal loopback address, where
// no one else can listen in. What to call it in an error is name.
func CheckURL(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%s %q is not a URL", name, Clean(raw, 200))
	case Clean(raw, len(raw)) != raw: // it will be printed
		return nil, fmt.Errorf("%s %q has characters in it that do not print", name, Clean(raw, 200))
	case u.User != nil:
		return nil, fmt.Errorf("%s must not carry a user or a password", name)
	case u.Fragment != "":
		return nil, fmt.Errorf("%s %q must not have a fragment", name, Clean(raw, 200))
	case u.Scheme == "https" || u.Scheme == "http" && IsLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%s %q must be https (http is for a literal loopback address only)", name, Clean(raw, 200))
}

// IsLoopback reports whether host is a literal loopback address. The name
// localhost is not one: it is resolved, and not everywhere to the loopback.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
