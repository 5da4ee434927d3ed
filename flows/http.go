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
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/loopback"
)

// maxResponse bounds every answer. Metadata and keys are tens of KiB at most.
const maxResponse = 1 << 20

// NewHTTPClient returns the client that every flow uses: timeout for one whole
// request, proxies from the environment, caPEM (may be empty) added to the
// system's roots, and no redirects, since a 307 would replay a body with
// secrets in it (RFC 9700 §4.12) and metadata must come from where it was asked.
//
// It speaks HTTP/1.1: HTTP/2 gives a request or two nothing, and under it Go drops the
// alert by which a server refuses a certificate when it comes before the request is out.
func NewHTTPClient(timeout time.Duration, caPEM []byte) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.Proxy = proxyFor
	transport.OnProxyConnectResponse = checkConnect
	if len(caPEM) > 0 && !x509.NewCertPool().AppendCertsFromPEM(caPEM) {
		return nil, errors.New("no certificate in PEM form in it")
	}
	return &http.Client{
		Timeout:   timeout,
		Transport: &guard{extra: caPEM, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}, nil
}

// Garbled is the error of an answer that did arrive, but is not one of the protocol's.
func Garbled(doing, format string, args ...any) error {
	return &UnavailableError{Doing: doing, Err: fmt.Errorf(format, args...), Garbled: true}
}

// Answer is a server's whole, bounded answer.
type Answer struct {
	Status int
	Header http.Header
	Host   string // that was asked
	Body   []byte
	At     time.Time // when it was received
	Sent   []string  // secrets of the request, which a server may echo in its words

	root   string // that vouched for the server, see [Hold.Root]
	names  Names
	refuse func(doing string, a *Answer, fields Fields) error // the dialect's; may be nil
}

// NameOf names a setting as the program that asked calls it; see [Names].
func (a *Answer) NameOf(setting string) string { return a.names.Of(setting) }

// OK reports whether the server did what was asked. Not every one keeps to 200.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Words makes a server's words fit for a message: without the secrets that it
// was sent, and clean.
func (a *Answer) Words(s string, max int) string {
	for _, secret := range a.Sent {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return Clean(s, max)
}

// Do sends one request, and doing names it in errors. Whatever keeps an answer from
// arriving whole is an [*UnavailableError], a redirect and a server's trouble (429,
// 5xx) too; every other status is the caller's. The client should be of
// [NewHTTPClient]: no other one is sure to follow no redirect.
func Do(ctx context.Context, hc *http.Client, doing string, req *http.Request) (*Answer, error) {
	a, err := Send(ctx, hc, doing, req)
	switch {
	case err != nil:
		return nil, err
	case a.Status >= 500 || a.Status == http.StatusTooManyRequests:
		return nil, a.Trouble(doing)
	}
	return a, nil
}

// Trouble is the error of a server that says that it has one.
func (a *Answer) Trouble(doing string) error {
	err := fmt.Errorf("%s answers with status %d", a.Host, a.Status)
	if name := a.Exception(); name != "" {
		err = fmt.Errorf("%w: %s", err, name)
	}
	return &UnavailableError{Doing: doing, Err: err, RetryAfter: a.RetryAfter(), Status: a.Status}
}

// Exception is the name of an error of AWS's services, which a header has, perhaps with
// an address behind it; empty: there is none.
func (a *Answer) Exception() string {
	name, _, _ := strings.Cut(a.Header.Get("X-Amzn-Errortype"), ":")
	return a.Words(strings.TrimSpace(name), 100)
}

// Send is [Do] for whoever reads the answer of a server in trouble. Next to the error
// of a redirect there is the answer, without its body.
func Send(ctx context.Context, hc *http.Client, doing string, req *http.Request) (*Answer, error) {
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
	if foreign, ok := errors.AsType[*RootError](err); ok {
		foreign.Host = Clean(req.URL.Host, 100)
		return nil, foreign
	}
	if err != nil {
		err = unavailable(seen.explain(err, req.URL, hc.Timeout))
		if outage, ok := errors.AsType[*UnavailableError](err); ok {
			outage.Unsent = seen.unsent()
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return &Answer{Status: resp.StatusCode, Header: resp.Header, Host: req.URL.Host, At: time.Now()},
			ledElsewhere(doing, req.URL, resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, unavailable(fmt.Errorf("the answer of %s was cut off: %w", req.URL.Host, err))
	}
	if len(body) > maxResponse {
		return nil, Garbled(doing, "the answer of %s is larger than %d bytes", req.URL.Host, maxResponse)
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // RFC 8259 §8.1: a byte order mark may be ignored
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Host: req.URL.Host, Body: body, At: time.Now(),
		root: rootOf(resp.TLS)}
	if a.Status == http.StatusNetworkAuthenticationRequired {
		return nil, &UnavailableError{Doing: doing, Err: portalAnswer(req.URL.Host, body)}
	}
	return a, nil
}

// minSkew is the least difference between two clocks that is one: a Date header
// has whole seconds, and the answer took a while.
const minSkew = 5 * time.Second

// Skew returns how far the server's clock is ahead of the local one (RFC 9110 §6.6.1).
// An answer out of some cache, which would carry an old date, has an Age.
func (a *Answer) Skew() time.Duration {
	date, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil || a.Header.Get("Age") != "" {
		return 0
	}
	skew := date.Sub(a.At)
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

// JSON decodes an answer that must be a JSON object.
func (a *Answer) JSON(doing string, v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return a.notJSON(doing)
	}
	return nil
}

func (a *Answer) notJSON(doing string) error {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	not := fmt.Sprintf("the answer is not the expected JSON (status %d, %s)", a.Status,
		Clean(cmp.Or(kind, "of no type"), 40))
	if there := portalIn(a.Body, a.Host); kind == "text/html" && there != "" {
		return &UnavailableError{Doing: doing, Garbled: true, Err: &NetworkError{Kind: NetPortal, Host: a.Host,
			says: fmt.Sprintf("%s: a page that leads to %s answers instead of %s", not, there, a.Host)}}
	}
	return &UnavailableError{Doing: doing, Err: errors.New(not), Garbled: true, Status: a.Status}
}

// RetryAfter reads the header of that name in seconds (RFC 9110 §10.2.3); dates,
// which no provider sends, count as none.
func (a *Answer) RetryAfter() time.Duration {
	s, err := strconv.Atoi(strings.TrimSpace(a.Header.Get("Retry-After")))
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
	case u.Scheme == "https" || u.Scheme == "http" && loopback.IsLiteral(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%s %q must be https (http is for a literal loopback address only)", name, Clean(raw, 200))
}
