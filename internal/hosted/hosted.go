// Package hosted is a world of hosted identity providers, for tests alone: strict
// stand-ins, made from what each of them publishes about itself, behind their real
// host names.
//
// A proxy on the loopback address takes CONNECT requests for any host and leads
// them to that host's stand-in, whose certificate comes from a throw-away CA. A
// program under test finds the proxy in HTTPS_PROXY and the CA in --ca-file:
//
//	w := hosted.New(t)
//	w.Open("okta")
//	cmd.Env = append(cmd.Env, "HTTPS_PROXY="+w.Proxy, "SSO_EXEC_CA_FILE="+w.CAFile)
//
// What a request must not be, by what the provider has published, is a violation;
// so is every host that nobody stands in for. [New] fails the test for them.
package hosted

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// World is a proxy with the providers behind it.
type World struct {
	Proxy  string // URL, for HTTPS_PROXY
	CAFile string // PEM, for --ca-file
	CAPEM  []byte

	proxy, inside *http.Server
	tunnels       *tunnels
	dir           string

	mu         sync.Mutex
	hosts      map[string]http.Handler
	person     Person
	options    map[string]string
	scripted   []scripted
	requests   []string
	queries    map[string]url.Values // of the last request to a place
	violations []string
	google     map[string]string // whose each access token of Google's is
}

// Person is who sits at the browser.
type Person struct {
	Subject, Email, Name string
	Organization         string // the one they are a member of, if any
}

type scripted struct {
	at, body string // at: method, host and path, as Requests tells them
	status   int
}

// New starts a world that ends with the test, which fails if there were
// violations.
func New(t testing.TB) *World {
	t.Helper()
	w, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		for _, v := range w.Violations() {
			t.Errorf("violation: %s", v)
		}
	})
	return w
}

// Start starts a world without providers. Close it.
func Start() (*World, error) {
	ca, err := newCA()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hosted")
	if err != nil {
		return nil, err
	}
	w := &World{
		CAPEM: ca.pem, CAFile: filepath.Join(dir, "ca.pem"), dir: dir,
		tunnels: &tunnels{conns: make(chan net.Conn), done: make(chan struct{})},
		google:  map[string]string{},
		hosts:   map[string]http.Handler{}, options: map[string]string{}, queries: map[string]url.Values{},
		person: Person{Subject: "alice", Email: "alice@corp.example", Name: "Alice"},
	}
	if err := os.WriteFile(w.CAFile, ca.pem, 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	w.Proxy = "http://" + listener.Addr().String()
	w.proxy = &http.Server{Handler: http.HandlerFunc(w.connect), ReadHeaderTimeout: 10 * time.Second}
	w.inside = &http.Server{Handler: http.HandlerFunc(w.route), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.proxy.Serve(listener) }()
	go func() {
		_ = w.inside.Serve(tls.NewListener(w.tunnels,
			&tls.Config{GetCertificate: ca.certificate, MinVersion: tls.VersionTLS12}))
	}()
	return w, nil
}

// Close ends it.
func (w *World) Close() {
	_ = w.proxy.Close()
	_ = w.inside.Close()
	_ = os.RemoveAll(w.dir)
}

// Open adds the stand-in of a provider, by the name of its dialect.
func (w *World) Open(name string) error {
	open, ok := standIns[name]
	if !ok {
		return fmt.Errorf("nobody stands in for %q", name)
	}
	open(w)
	return nil
}

// Handle has a handler answer for a host, which may have others besides.
func (w *World) Handle(host string, h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = h
}

// Person tells who sits at the browser.
func (w *World) Person() Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.person
}

// SetPerson has somebody else sit at the browser.
func (w *World) SetPerson(p Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.person = p
}

// Option is how a provider is set up at its console: what that means is the
// stand-in's. It is empty if nothing was set.
func (w *World) Option(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.options[name]
}

// SetOption changes it.
func (w *World) SetOption(name, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.options[name] = value
}

// Answer has the next request to a place ("POST host/path") answered by this
// instead of by its provider; a Location for a status of 3xx, else JSON.
func (w *World) Answer(at string, status int, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scripted = append(w.scripted, scripted{at, body, status})
}

// Violatef notes what the provider's description does not allow, and answers 400.
func (w *World) Violatef(rw http.ResponseWriter, r *http.Request, format string, args ...any) {
	what := place(r) + ": " + fmt.Sprintf(format, args...)
	w.mu.Lock()
	w.violations = append(w.violations, what)
	w.mu.Unlock()
	http.Error(rw, what, http.StatusBadRequest)
}

// Violations lists them.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// Requests lists the requests so far: method, host and path.
func (w *World) Requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Query is that of the last request to a place.
func (w *World) Query(at string) url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queries[at]
}

func place(r *http.Request) string {
	host, _, _ := strings.Cut(r.Host, ":")
	return r.Method + " " + host + r.URL.Path
}

// connect is the proxy: it gives the connection to the server inside.
func (w *World) connect(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.Violatef(rw, r, "not a CONNECT: only https goes to a hosted provider")
		return
	}
	conn, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil ||
		buffered.Reader.Buffered() > 0 || !w.tunnels.give(conn) {
		_ = conn.Close()
	}
}

// route leads a request to the host's provider.
func (w *World) route(rw http.ResponseWriter, r *http.Request) {
	at := place(r)
	host, _, _ := strings.Cut(r.Host, ":")
	w.mu.Lock()
	w.requests = append(w.requests, at)
	w.queries[at] = r.URL.Query()
	h := w.hosts[host]
	i := slices.IndexFunc(w.scripted, func(s scripted) bool { return s.at == at })
	var say scripted
	if i >= 0 {
		say = w.scripted[i]
		w.scripted = slices.Delete(w.scripted, i, i+1)
	}
	w.mu.Unlock()
	switch {
	case i >= 0 && say.status >= 300 && say.status < 400:
		rw.Header().Set("Location", say.body)
		rw.WriteHeader(say.status)
	case i >= 0:
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(say.status)
		_, _ = io.WriteString(rw, say.body)
	case h == nil:
		w.Violatef(rw, r, "nobody stands in for this host")
	default:
		h.ServeHTTP(rw, r)
	}
}

// tunnels is a listener for connections that the proxy took over.
type tunnels struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (t *tunnels) give(c net.Conn) bool {
	select {
	case t.conns <- c:
		return true
	case <-t.done:
		return false
	}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

func (t *tunnels) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
