package flows

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// This file says in a person's words why no answer came: what stands between
// this machine and a server, as far as that shows.

// NetworkError is what keeps a server and this machine apart. It is inside an
// [*UnavailableError]; to know it is for the sentence and for a hint, never for
// whether a credential is good.
type NetworkError struct {
	Kind  string // one of those below; empty: none of them
	Host  string // the server that was asked
	Proxy string // host and port of the proxy, if one is used; never its user or password

	says string
	err  error
}

func (e *NetworkError) Error() string { return e.says }
func (e *NetworkError) Unwrap() error { return e.err }

// What keeps them apart.
const (
	NetProxyDown    = "proxy-down"       // the proxy cannot be reached
	NetProxyAuth    = "proxy-auth"       // it wants a user and a password (407)
	NetProxyLogin   = "proxy-login"      // it does not take those that it was given (407)
	NetProxyRefuses = "proxy-refuses"    // it does not connect to the server
	NetAuthority    = "authority"        // the certificate is of a CA that is not trusted
	NetInspected    = "inspected"        // that CA is a proxy's that looks into TLS
	NetOtherName    = "other-name"       // the certificate is for another host
	NetClock        = "clock"            // the certificate is not valid now, by this machine's clock
	NetPortal       = "portal"           // a sign-in page of the network answers
	NetUnknownName  = "unknown-name"     // the host's name is not known here
	NetNoNames      = "no-names"         // no name server answers
	NetPrivate      = "private"          // the host's addresses are private, and do not answer here
	NetBlocked      = "blocked"          // the host's name leads to this machine itself
	NetUnreachable4 = "unreachable-ipv4" // there is no way to its IPv4 addresses
	NetUnreachable6 = "unreachable-ipv6" // there is no way to its IPv6 addresses
	NetSilent       = "silent"           // the host's addresses do not answer
)

// route is what is seen of the way to a server while a request is sent. The
// transport tells it from goroutines of its own.
type route struct {
	mu        sync.Mutex
	proxy     *url.URL
	asking    bool // a name server is
	tried     []netip.AddrPort
	connected bool
	got       bool // a connection, so that the request may have been sent
}

type routeKey struct{}

// watch has the way that a request takes seen.
func watch(ctx context.Context) (context.Context, *route) {
	r := &route{}
	note := func(f func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
	return httptrace.WithClientTrace(context.WithValue(ctx, routeKey{}, r), &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { note(func() { r.asking = true }) },
		DNSDone:  func(httptrace.DNSDoneInfo) { note(func() { r.asking = false }) },
		ConnectStart: func(_, addr string) {
			if a, err := netip.ParseAddrPort(addr); err == nil {
				note(func() { r.tried = append(r.tried, a) })
			}
		},
		ConnectDone: func(_, _ string, err error) { note(func() { r.connected = r.connected || err == nil }) },
		GotConn:     func(httptrace.GotConnInfo) { note(func() { r.connected, r.got = true, true }) },
	}), r
}

// proxyFor is the proxy that the environment names for a request, which the
// request's route is told of.
func proxyFor(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if proxy != nil && strings.HasPrefix(proxy.Path, "//") {
		// What does not parse as a URL is tried with "http://" before it, which takes
		// the URL's own scheme for a host. As of others that do not parse, none is used.
		proxy = nil
	}
	if r, ok := req.Context().Value(routeKey{}).(*route); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.proxy = proxy
	}
	return proxy, err
}

// connectError is a proxy's answer to CONNECT other than yes (RFC 9110 §9.3.6).
type connectError struct {
	status  int
	schemes []string // of Proxy-Authenticate
	portal  string   // the host that it redirects to
}

func (e *connectError) Error() string { return fmt.Sprintf("status %d to CONNECT", e.status) }

func checkConnect(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &connectError{status: resp.StatusCode}
	for _, challenge := range resp.Header.Values("Proxy-Authenticate") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(challenge), " ")
		e.schemes = append(e.schemes, Clean(scheme, 20))
	}
	if to, err := url.Parse(resp.Header.Get("Location")); err == nil {
		e.portal = Clean(to.Host, 100)
	}
	return e
}

// unsent reports whether the server cannot have heard of the request.
func (r *route) unsent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.got
}

// explain says why a request was not answered; timeout is what it was given.
// Who asked for it, and that it was a request, stand in the error around it.
func (r *route) explain(err error, to *url.URL, timeout time.Duration) error {
	if inURL, ok := errors.AsType[*url.Error](err); ok { // net/http wraps it in the whole URL
		err = inURL.Err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := way{err: err, host: Clean(to.Host, 100), tried: r.tried, connected: r.connected, asking: r.asking}
	if r.proxy != nil {
		w.proxy = Clean(r.proxy.Host, 100)
		w.login = r.proxy.User != nil
	}
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
		w.within = timeout
	}
	var proxyconnect *net.OpError
	w.toProxy = errors.As(err, &proxyconnect) && proxyconnect.Op == "proxyconnect" || w.proxy != "" && !w.connected
	return w.explain()
}

// ledElsewhere explains a redirect, which no server that we ask may make.
func ledElsewhere(doing string, from *url.URL, resp *http.Response) error {
	to, err := resp.Location()
	if err != nil || strings.EqualFold(to.Host, from.Host) {
		return Garbled(doing, "%s redirects (status %d), which is not allowed here", from.Host, resp.StatusCode)
	}
	there := Clean(to.Host, 100)
	switch resp.StatusCode {
	case http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect:
		return &UnavailableError{Doing: doing, Garbled: true, Err: &NetworkError{Kind: NetPortal, Host: from.Host,
			says: fmt.Sprintf("%s answers instead of %s (it redirects there, status %d): a sign-in page of this network, or "+
				"another address of the server", there, from.Host, resp.StatusCode)}}
	}
	return Garbled(doing, "%s redirects to %s (status %d), which is not allowed here", from.Host, there, resp.StatusCode)
}

// portalAnswer is the answer of a network that wants somebody to sign in (RFC
// 6585 §6).
func portalAnswer(host string, body []byte) error {
	at := ""
	if there := portalIn(body, host); there != "" {
		at = " (" + there + ")"
	}
	return &NetworkError{Kind: NetPortal, Host: host,
		says: fmt.Sprintf("a sign-in page of this network%s answers instead of %s (status 511)", at, host)}
}

// elsewhere is where a page sends its reader by itself, or has a form sent to.
var elsewhere = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:\burl=|\baction=|\blocation(?:\.href)?\s*=|<LoginURL>)` +
		`\s*["']?https?://([^"'/?#\s<>]+)`)
})

// portalIn finds the other host that a page leads to; empty if there is none.
func portalIn(page []byte, host string) string {
	for _, m := range elsewhere().FindAllSubmatch(page, 10) {
		if there := Clean(string(m[1]), 100); !strings.EqualFold(there, host) {
			return there
		}
	}
	return ""
}
