// Package loopback is the listener of a loopback redirect (RFC 8252 §7.3), the pages
// that it shows a browser, and [Crowd], which bounds the connections to a server that
// every user of the machine can reach.
package loopback

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/int128/listener"
	"github.com/sso-exec/sso-exec/internal/commandline"
)

const (
	defaultRedirect = "http://127.0.0.1:0/callback"

	// Any local user and any web page can reach the listener: nothing that they
	// send ends the sign-in, and what they can hold is bounded; see also Crowd.
	requestTimeout = 5 * time.Second
	// MaxHeader is how long the header of a request may be: some providers send a lot.
	MaxHeader = 32 << 10

	// pageTimeout is how long a finished sign-in waits for the browser to fetch
	// its last page, and hurriedTimeout how long one does that was interrupted.
	pageTimeout    = 2 * time.Second
	hurriedTimeout = 100 * time.Millisecond
)

// Listener is the redirect's listener (RFC 8252 §7.3): one path, one method,
// one Host, one state. Everything else changes nothing.
type Listener struct {
	RedirectURI string // with the port that is bound
	host        string // Host header of a request meant for us
	path        string
	listeners   []net.Listener // none: the address stands for itself, see [Deaf]
	server      *http.Server
	crowd       *Crowd
	free        func() // lets others have the port; nil: it needs no turn

	// Where the browser waits for the outcome, without the code in its address
	// bar. Nobody else finds the way: the page tells who signed in.
	donePath string
	taken    atomic.Bool   // the authorization response has come
	outcome  chan struct{} // closed when last is set
	last     Page
	waiting  atomic.Int32  // tabs
	shown    atomic.Bool   // the last page went out to one
	served   chan struct{} // closed when it went out to all
	once     sync.Once
}

func newListener(u *url.URL, port string, listeners []net.Listener) *Listener {
	final := *u
	final.Host = net.JoinHostPort(u.Hostname(), port)
	l := &Listener{RedirectURI: final.String(), host: final.Host, path: u.Path, listeners: listeners, crowd: &Crowd{},
		donePath: "/done/" + rand.Text(), outcome: make(chan struct{}), served: make(chan struct{})}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		l.host = net.JoinHostPort(ip.String(), port) // as browsers spell it
	}
	if l.path == "" {
		l.path = "/" // where a browser goes for an address without a path
	}
	return l
}

// NoPortError says that no candidate can be listened on.
type NoPortError struct {
	Held []string // ports of candidates that others of the same person hold
	Err  error    // why, for each candidate
}

func (e *NoPortError) Error() string { return e.Err.Error() }
func (e *NoPortError) Unwrap() error { return e.Err }

// Listen binds the first candidate that can be. hold takes the turn of a
// fixed port and returns how to let it go; false: somebody else has it. It may be nil.
// The error is a [*NoPortError], or that of [CheckRedirectURI].
func Listen(redirectURIs []string, hold func(string) (func(), bool)) (*Listener, error) {
	if len(redirectURIs) == 0 {
		redirectURIs = []string{defaultRedirect}
	}
	var errs []error
	var held []string
	for _, raw := range redirectURIs {
		u, err := CheckRedirectURI(raw)
		if err != nil {
			return nil, err
		}
		free := func() {}
		if port := u.Port(); hold != nil && port != "" && port != "0" {
			var ours bool
			if free, ours = hold(port); !ours {
				held, errs = append(held, port), append(errs, fmt.Errorf("%s: another sign-in listens there", raw))
				continue
			}
		}
		l, err := bind(u)
		if err == nil {
			l.free = free
			return l, nil
		}
		free()
		if cause, ok := errors.AsType[syscall.Errno](err); ok {
			err = cause
		}
		errs = append(errs, fmt.Errorf("%s: %w", raw, err))
	}
	return nil, &NoPortError{held, errors.Join(errs...)}
}

// Deaf stands for a redirect URI that we do not listen on. The
// code that the browser takes there is worth nothing without the verifier
// (RFC 7636 §1).
func Deaf(redirectURIs []string) (*Listener, error) {
	raw := defaultRedirect
	if len(redirectURIs) > 0 {
		raw = redirectURIs[0]
	}
	u, err := CheckRedirectURI(raw)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if n, _ := strconv.Atoi(port); n == 0 {
		random := make([]byte, 2)
		_, _ = rand.Read(random)                                          // it never fails
		port = strconv.Itoa(49152 | int(binary.BigEndian.Uint16(random))) // RFC 6335 §6: dynamic ports
	}
	return newListener(u, port, nil), nil
}

// CheckRedirectURI accepts http on a literal loopback address or localhost.
func CheckRedirectURI(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("redirect URI %q is not a URL", commandline.Clean(raw, 200))
	case u.Scheme != "http" || u.Hostname() != "localhost" && !IsLiteral(u.Hostname()):
		return nil, fmt.Errorf("redirect URI %q must be http on 127.0.0.1, [::1] or localhost", commandline.Clean(raw, 200))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("redirect URI %q must have no user, query or fragment", commandline.Clean(raw, 200))
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "0"), 10, 16); err != nil {
		return nil, fmt.Errorf("redirect URI %q: a port is a number up to 65535; 0 means any free one",
			commandline.Clean(raw, 200))
	}
	return u, nil
}

// IsLiteral reports whether host is a literal loopback address.
func IsLiteral(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// bind listens on a redirect URI's address. For localhost it holds the
// port in both address families where the machine has both: a browser may try
// either first, and another user's process must not be the one that answers.
func bind(u *url.URL) (*Listener, error) {
	port, hosts := cmp.Or(u.Port(), "0"), []string{u.Hostname()}
	if u.Hostname() == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var err error
	for range 10 { // a free port of the one family may be taken in the other
		var ls []net.Listener
		var bound string
		if ls, bound, err = bindAll(hosts, port); err == nil {
			return newListener(u, bound, ls), nil
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
		if NoAddress(err) || isErrno(err, syscall.EAFNOSUPPORT, 10047) { // this machine does not have the family
			missing = err
			continue
		}
		if err != nil {
			for _, l := range ls {
				_ = l.Close()
			}
			return nil, "", err
		}
		ls = append(ls, l)
		port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	if len(ls) == 0 {
		return nil, "", missing
	}
	return ls, port, nil
}

// NoAddress reports whether this machine does not have the address that a
// loopback redirect needs.
func NoAddress(err error) bool { return isErrno(err, syscall.EADDRNOTAVAIL, 10049) }

// PortTaken reports whether another program listens where a loopback redirect
// needs to. Winsock's WSAEACCES: that program wants no other there, or the system
// keeps the port for itself.
func PortTaken(err error) bool {
	return isErrno(err, syscall.EADDRINUSE, 10048) || errors.Is(err, syscall.Errno(10013))
}

// isErrno reports whether an error has a number, or Winsock's for the same, which
// Go does not translate.
func isErrno(err error, posix, winsock syscall.Errno) bool {
	return errors.Is(err, posix) || errors.Is(err, winsock)
}

// Serve answers requests until Close. read returns the query of a request for the
// redirect URI if it is the response that is waited for; each of these is given to
// deliver.
func (l *Listener) Serve(read func(*http.Request) (url.Values, bool), deliver func(url.Values)) {
	l.server = &http.Server{Handler: l.handler(read, deliver), MaxHeaderBytes: MaxHeader,
		ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, // a body is read too, to be thrown away
		ErrorLog: log.New(io.Discard, "", 0), // stderr may be somebody's screen
	}
	l.server.SetKeepAlivesEnabled(false)
	l.crowd.Serve(l.server, l.listeners...)
}

func (l *Listener) handler(read func(*http.Request) (url.Values, bool), deliver func(url.Values)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !sameHost(r.Host, l.host): // DNS rebinding, or a port that was forwarded to another
			writePage(w, http.StatusMisdirectedRequest, l.elsewherePage(r.Host))
		case r.URL.Path == l.donePath && r.Method == http.MethodGet && l.taken.Load():
			l.serveOutcome(w, r)
		case r.URL.Path != l.path:
			writePage(w, http.StatusNotFound, pageStray)
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			writePage(w, http.StatusMethodNotAllowed, pageStray)
		default:
			q, ok := read(r)
			if !ok {
				writePage(w, http.StatusBadRequest, pageStray)
				return
			}
			l.crowd.Trust(r)
			l.taken.Store(true)
			deliver(q)
			// The code leaves the address bar and the history (RFC 9700 §4.3).
			pageHeader(w.Header())
			w.Header().Set("Location", l.donePath)
			w.WriteHeader(http.StatusSeeOther)
		}
	})
}

// serveOutcome holds the browser until the sign-in is decided, so that the page
// never says success before there is one.
func (l *Listener) serveOutcome(w http.ResponseWriter, r *http.Request) {
	l.crowd.Trust(r)
	l.waiting.Add(1)
	defer func() {
		if l.waiting.Add(-1) == 0 && l.shown.Load() {
			l.once.Do(func() { close(l.served) })
		}
	}()
	select {
	case <-l.outcome:
	case <-r.Context().Done():
		return
	}
	writePage(w, http.StatusOK, l.last)
	if http.NewResponseController(w).Flush() == nil { // all of it, so that the socket may go
		l.shown.Store(true)
	}
}

// sameHost compares Host headers; browsers leave out the default port.
func sameHost(a, b string) bool {
	return strings.TrimSuffix(a, ":80") == strings.TrimSuffix(b, ":80")
}

// Finish tells the browser how the sign-in ended, if there is one that brought
// the answer.
func (l *Listener) Finish(ctx context.Context, last Page) {
	l.last = last
	close(l.outcome)
	if !l.taken.Load() {
		return
	}
	wait := pageTimeout
	if ctx.Err() != nil {
		ctx, wait = context.WithoutCancel(ctx), hurriedTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case <-l.served:
	case <-ctx.Done():
	}
}

// Listening reports whether we listen at the redirect URI.
func (l *Listener) Listening() bool { return len(l.listeners) > 0 }

// Close ends it and gives its port back.
func (l *Listener) Close() {
	if l.server != nil {
		_ = l.server.Close()
	}
	for _, ln := range l.listeners {
		_ = ln.Close()
	}
	if l.free != nil {
		l.free()
	}
}
