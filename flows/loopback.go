package flows

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/int128/listener"
)

const (
	donePath = "/done" // where the browser waits for the outcome, without the code in its address bar

	// Any local user and any web page can reach the listener: nothing that they
	// send ends the sign-in, and what they can hold is bounded.
	maxConns       = 64
	headerTimeout  = 5 * time.Second
	maxHeaderBytes = 16 << 10

	// pageTimeout is how long a finished sign-in waits for the browser to fetch
	// its last page.
	pageTimeout = 2 * time.Second
)

// loopback is the redirect's listener (RFC 8252 §7.3): one path, one method,
// one Host, one state. Everything else changes nothing.
type loopback struct {
	redirectURI string
	host        string // Host header of a request meant for us
	path        string
	listeners   []net.Listener
	server      *http.Server

	taken   atomic.Bool   // the authorization response has come
	outcome chan struct{} // closed when err is set
	err     error
	served  chan struct{} // closed when the last page went out
	once    sync.Once
}

// listenLoopback binds the first candidate that can be.
func listenLoopback(redirectURIs []string) (*loopback, error) {
	if len(redirectURIs) == 0 {
		redirectURIs = []string{"http://127.0.0.1:0/callback"}
	}
	var errs []error
	for _, raw := range redirectURIs {
		u, err := CheckRedirectURI(raw)
		if err != nil {
			return nil, err
		}
		l, err := bindLoopback(u)
		if err == nil {
			return l, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", raw, err))
	}
	return nil, fmt.Errorf("%s: no redirect URI can be listened on: %w", doingPKCE, errors.Join(errs...))
}

// CheckRedirectURI accepts http on a literal loopback address or localhost.
func CheckRedirectURI(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("redirect URI %q is not a URL", Clean(raw, 200))
	case u.Scheme != "http" || u.Hostname() != "localhost" && !IsLoopback(u.Hostname()):
		return nil, fmt.Errorf("redirect URI %q must be http on 127.0.0.1, [::1] or localhost", Clean(raw, 200))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("redirect URI %q must have no user, query or fragment", Clean(raw, 200))
	case u.Path == donePath:
		return nil, fmt.Errorf("redirect URI %q: the path %s is taken for the page after the sign-in", Clean(raw, 200), donePath)
	}
	return u, nil
}

// bindLoopback listens on a redirect URI's address. For localhost it holds the
// port in both address families where the machine has both: a browser may try
// either first, and another user's process must not be the one that answers.
func bindLoopback(u *url.URL) (*loopback, error) {
	port := u.Port()
	if port == "" {
		port = "0"
	}
	hosts := []string{u.Hostname()}
	if u.Hostname() == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var err error
	for range 10 { // a free port of the one family may be taken in the other
		var ls []net.Listener
		var bound string
		if ls, bound, err = bindAll(hosts, port); err == nil {
			final := *u
			final.Host = net.JoinHostPort(u.Hostname(), bound)
			path := u.Path
			if path == "" {
				path = "/" // where a browser goes for an address without a path
			}
			return &loopback{redirectURI: final.String(), host: final.Host, path: path, listeners: ls,
				outcome: make(chan struct{}), served: make(chan struct{})}, nil
		}
		if port != "0" {
			break
		}
	}
	return nil, err
}

func bindAll(hosts []string, port string) (ls []net.Listener, bound string, err error) {
	var missing error
	for _, host := range hosts {
		l, err := listener.NewOn(net.JoinHostPort(host, port))
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			missing = err // this machine does not have the address family
			continue
		}
		if err != nil {
			for _, l := range ls {
				_ = l.Close()
			}
			return nil, "", err
		}
		ls = append(ls, limit(l))
		port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	if len(ls) == 0 {
		return nil, "", missing
	}
	return ls, port, nil
}

// serve answers requests. take is given the query of each that is shaped like
// an authorization response and reports whether it was the one waited for.
func (l *loopback) serve(take func(url.Values) bool) {
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !sameHost(r.Host, l.host): // DNS rebinding
			http.Error(w, "misdirected request", http.StatusMisdirectedRequest)
		case r.URL.Path == donePath && r.Method == http.MethodGet && l.taken.Load():
			l.serveOutcome(w, r)
		case r.URL.Path != l.path:
			http.NotFound(w, r)
		case r.Method != http.MethodGet:
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
		default:
			q, ok := callbackQuery(r)
			if !ok || !take(q) {
				writePage(w, http.StatusBadRequest, pageStray)
				return
			}
			l.taken.Store(true)
			// The code leaves the address bar and the history (RFC 9700 §4.3).
			pageHeader(w.Header())
			w.Header().Set("Location", donePath)
			w.WriteHeader(http.StatusSeeOther)
		}
	})
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeaderBytes}
	l.server.SetKeepAlivesEnabled(false)
	for _, ln := range l.listeners {
		go func() { _ = l.server.Serve(ln) }()
	}
}

// serveOutcome holds the browser until the sign-in is decided, so that the page
// never says success before there is one.
func (l *loopback) serveOutcome(w http.ResponseWriter, r *http.Request) {
	select {
	case <-l.outcome:
	case <-r.Context().Done():
		return
	}
	writePage(w, http.StatusOK, outcomePage(l.err))
	_ = http.NewResponseController(w).Flush()
	l.once.Do(func() { close(l.served) })
}

// sameHost compares Host headers; browsers leave out the default port.
func sameHost(a, b string) bool {
	return strings.TrimSuffix(a, ":80") == strings.TrimSuffix(b, ":80")
}

// finish tells the browser how the sign-in ended.
func (l *loopback) finish(ctx context.Context, err error) {
	l.err = err
	close(l.outcome)
	t := time.NewTimer(pageTimeout)
	defer t.Stop()
	select {
	case <-l.served:
		// The page is written; let it reach the browser before the socket goes.
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = l.server.Shutdown(ctx)
	case <-t.C:
	case <-ctx.Done():
	}
}

func (l *loopback) close() {
	if l.server != nil {
		_ = l.server.Close()
	}
	for _, ln := range l.listeners {
		_ = ln.Close()
	}
}

// limitListener caps the connections that are open at once. Those beyond wait
// in the kernel's queue until one ends, which headerTimeout sees to.
type limitListener struct {
	net.Listener
	slots chan struct{}
}

func limit(l net.Listener) net.Listener {
	return &limitListener{l, make(chan struct{}, maxConns)}
}

func (l *limitListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, done: func() { <-l.slots }}, nil
}

type limitedConn struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *limitedConn) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}
