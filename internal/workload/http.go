package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
)

const (
	maxBody  = 64 << 10
	minRetry = time.Second     // Azure's documentation: after at least one second
	maxRetry = 3 * time.Second // of what a server wishes for
)

// NewHTTPClient returns the client for metadata servers: no proxy, since they are
// next to the machine; no redirects, since tokens come from where they were
// asked; two seconds to connect, since where there is none nothing answers, and
// five in all.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// A request is a GET for a token.
type request struct {
	client *http.Client
	doing  string // for errors
	url    *url.URL
	header map[string]string
	secret string // what of the header must not be seen, even if a server says it back
	again  []int  // statuses that pass by themselves, next to 429 and 5xx
}

// answer is a server's answer, and what is known next to it.
type answer struct {
	*flows.Answer
	secret string
	now    time.Time // by the server's clock, if it tells
}

// send sends a request, and once more if the server asks for that: 429 and 5xx
// pass by themselves, say the vendors' documents, and a connection that was closed
// may. What keeps an answer from
// arriving whole, a redirect too, is an [*flows.UnavailableError]; every other
// status is the caller's.
func (env Env) send(ctx context.Context, r request) (*answer, error) {
	for try := 1; ; try++ {
		a, wait, err := env.sendOnce(ctx, r)
		if wait == 0 || try == 2 {
			return a, err
		}
		if err := env.pause(ctx, wait); err != nil {
			return nil, ended(ctx, r.doing, flows.Clean(r.url.Host, 100))
		}
	}
}

// sendOnce also returns after which time the request may be sent again; 0: it
// makes no sense.
func (env Env) sendOnce(ctx context.Context, r request) (*answer, time.Duration, error) {
	host := flows.Clean(r.url.Host, 100)
	client := *r.client
	if client.Timeout == 0 {
		client.Timeout = 15 * time.Second
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequest(http.MethodGet, r.url.String(), nil)
	if err != nil {
		return nil, 0, &flows.UnavailableError{Doing: r.doing, Err: fmt.Errorf("no request can be made for %s", host)}
	}
	req.Header.Set("Accept", "*/*")
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	sent, err := flows.Send(ctx, &client, r.doing, req)
	switch {
	case sent != nil && sent.Status >= 300 && sent.Status < 400:
		return nil, 0, r.garbled("%s redirects (status %d), which is not allowed here", host, sent.Status)
	case err != nil:
		return nil, againAfter(err), r.unavailable(ctx, client.Timeout, err)
	case sent.Status > 200 && sent.Status < 300: // no refusal
		return nil, 0, r.garbled("%s answers without a token (status %d)", host, sent.Status)
	case len(sent.Body) > maxBody:
		return nil, 0, r.garbled("the answer of %s is larger than %d bytes", host, maxBody)
	}
	a := &answer{Answer: sent, secret: r.secret, now: env.now()}
	if date, err := http.ParseTime(sent.Header.Get("Date")); err == nil && sent.Header.Get("Age") == "" {
		a.now = date
	}
	if a.Status == http.StatusTooManyRequests || a.Status >= 500 {
		return nil, a.retryAfter(),
			&flows.UnavailableError{Doing: r.doing, Err: fmt.Errorf("%s answers with status %d", host, a.Status),
				RetryAfter: a.wish()}
	}
	for _, status := range r.again {
		if a.Status == status {
			return a, a.retryAfter(), nil
		}
	}
	return a, 0, nil
}

// againAfter is when to ask again where the connection failed: one that was
// refused or closed may be there a second later, one that hangs has had its time.
func againAfter(err error) time.Duration {
	var netErr net.Error
	var outage *flows.UnavailableError
	if errors.As(err, &netErr) && netErr.Timeout() || errors.As(err, &outage) && outage.Garbled {
		return 0
	}
	return minRetry
}

func (r request) garbled(format string, args ...any) error {
	return flows.Garbled(r.doing, format, args...)
}

// unavailable says in plain words why nothing came, without the URL and the
// header.
func (r request) unavailable(ctx context.Context, timeout time.Duration, err error) error {
	host := flows.Clean(r.url.Host, 100)
	if ctx.Err() != nil {
		return ended(ctx, r.doing, host)
	}
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
		return &flows.UnavailableError{Doing: r.doing, Err: fmt.Errorf("no answer from %s within %v", host, timeout)}
	}
	if outage, ok := errors.AsType[*flows.UnavailableError](err); ok {
		if outage.Garbled {
			return err
		}
		err = outage.Err
	}
	if network, ok := errors.AsType[*flows.NetworkError](err); ok && network.Unwrap() != nil {
		err = network.Unwrap()
	}
	// net/http quotes what a server sent that is not HTTP.
	return &flows.UnavailableError{Doing: r.doing,
		Err: &toldError{fmt.Sprintf("no answer from %s: %s", host, hide(err.Error(), r.secret, 200)), err}}
}

// A toldError is an error in other words.
type toldError struct {
	text string
	err  error
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.err }

// wish reads Retry-After in seconds (RFC 9110 §10.2.3).
func (a *answer) wish() time.Duration {
	if wish := a.RetryAfter(); wish <= time.Hour {
		return wish
	}
	return 0
}

// retryAfter is how long to wait before the second try; 0 if the server wishes
// for more than we can wait.
func (a *answer) retryAfter() time.Duration {
	wait := max(a.wish(), minRetry)
	if wait > maxRetry {
		return 0
	}
	return wait
}

// refused makes the error of an answer that is a refusal.
func (a *answer) refused(b base, who string, words string, hints ...string) error {
	why := fmt.Sprintf("%s refuses (status %d)", who, a.Status)
	if words = hide(words, a.secret, 300); words != "" {
		why += ": " + words
	}
	return &RefusedError{Source: b.shown(), Why: why, Hints: hints}
}

// words are those of an answer that is short plain text; a page is not.
func (a *answer) words() string {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if kind != "" && kind != "text/plain" || strings.HasPrefix(strings.TrimSpace(string(a.Body)), "<") {
		return ""
	}
	return string(a.Body)
}

// fields decodes an answer that must be a JSON object.
func (a *answer) fields(r request) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if json.Unmarshal(a.Body, &m) != nil || m == nil {
		kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
		return nil, r.garbled("the answer of %s is not the expected JSON (status %d, %s)", flows.Clean(r.url.Host, 100),
			a.Status, flows.Clean(kind, 40))
	}
	return m, nil
}

// token checks a token that a server has just made.
func (a *answer) token(r request, what, value, audience string) (Token, error) {
	c, err := parseJWT(value)
	if err != nil {
		return Token{}, r.garbled("%s answers without a token (status %d)", flows.Clean(r.url.Host, 100), a.Status)
	}
	if err := c.checkAudience(what, audience); err != nil {
		return Token{}, &flows.VerifyError{Err: err}
	}
	if err := c.checkExpired(what, a.now); err != nil {
		return Token{}, err
	}
	return c.jwt(value), nil
}

// hide makes others' words fit for a message: clean, and without anything that
// is a secret or looks like a token or a part of one.
func hide(s, secret string, max int) string {
	s = flows.Clean(s, len(s)) // first, or what does not print would keep a secret from being found
	if secret != "" {
		s = strings.ReplaceAll(s, secret, "[secret]")
	}
	s = regexp.MustCompile(`eyJ[\w.-]{10,}|[\w-]{16,}\.[\w-]{16,}(\.[\w-]*)?|[\w-]{40,}`).ReplaceAllString(s, "[token]")
	return flows.Clean(s, max)
}

// checkNear accepts the URL of a metadata server: https, or plain http no
// further than the machine and its network, since what is sent and what comes
// back can be read on the way.
func checkNear(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.Fragment != "" ||
		flows.Clean(raw, len(raw)) != raw {
		return nil, fmt.Errorf("%s is not a URL", name)
	}
	if u.Scheme == "https" || u.Scheme == "http" && isNear(u.Hostname()) {
		return u, nil
	}
	return nil, fmt.Errorf("%s (%s) must be https, or http at an address of the machine's own network", name,
		flows.Clean(u.Scheme+"://"+u.Host, 100))
}

func isNear(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsPrivate())
}
