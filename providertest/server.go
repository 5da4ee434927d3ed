package providertest

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// server is what the provider and the STS have in common: a socket, a CA, a log
// and faults.
type server struct {
	url     string
	mtlsURL string   // where client certificates are asked for; may be empty
	ca      *keys.CA // nil over plain HTTP
	client  *http.Client
	http    *http.Server
	done    chan struct{}  // closed by Close; ends every delay
	served  sync.WaitGroup // the listeners
	close   sync.Once
	now     func() time.Time
	route   func(path string) (Endpoint, handler)

	mu         sync.Mutex // guards what is below
	log        []*Request
	violations []string
	faults     map[Endpoint][]Fault
	edits      map[Endpoint]func(map[string]any)
}

// handler answers one request.
type handler func(*Request) *answer

// answer is buffered, so that a fault can strike between the work and the
// answer.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	members map[string]any // JSON to encode, or the parameters of redirect
	target  string         // redirect: members are added to its query
	code    string         // error code, where the members don't tell
	drop    bool           // close the connection instead
	finish  func()         // work that needs no lock: signing
}

func jsonAnswer(status int, members map[string]any) *answer {
	return &answer{status: status, header: http.Header{}, members: members}
}

func textAnswer(status int, contentType, body string) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {contentType}}, body: []byte(body)}
}

// listen opens the socket, tells its URL, and serves until Close. A nil CA means
// plain HTTP.
func (s *server) listen(ca *keys.CA, ready func(url string)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	s.ca = ca
	s.url = "http://" + listener.Addr().String()
	if ca != nil {
		leaf, err := ca.Leaf()
		if err != nil {
			listener.Close()
			return err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: ca.Pool()}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{leaf}})
		s.url = "https://" + listener.Addr().String()
	}
	s.client = &http.Client{Transport: transport, Timeout: time.Minute}
	s.done = make(chan struct{})
	s.faults = map[Endpoint][]Fault{}
	s.edits = map[Endpoint]func(map[string]any){}
	// Refused handshakes are what some tests are about: no noise.
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0)}
	ready(s.url)
	s.served.Go(func() { s.http.Serve(listener) })
	return nil
}

// listenMTLS opens a second socket that asks for a client certificate. What a
// certificate is worth, the provider says, not TLS: so there are answers to log.
func (s *server) listenMTLS() error {
	leaf, err := s.ca.Leaf()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.mtlsURL = "https://" + listener.Addr().String()
	listener = tls.NewListener(listener,
		&tls.Config{Certificates: []tls.Certificate{leaf}, ClientAuth: tls.RequestClientCert})
	s.served.Go(func() { s.http.Serve(listener) })
	return nil
}

// Close ends the server, its connections and every delay.
func (s *server) Close() {
	s.close.Do(func() {
		close(s.done)
		s.http.Close()
		s.served.Wait()
		s.client.CloseIdleConnections()
	})
}

// CAPEM is the certificate of the throw-away CA, or nothing over plain HTTP.
func (s *server) CAPEM() []byte {
	if s.ca == nil {
		return nil
	}
	return append([]byte(nil), s.ca.PEM...)
}

// Client trusts the server's CA and follows redirects: a scripted browser. Its
// connections are shared, and closed by Close.
func (s *server) Client() *http.Client { return s.client }

// Handler answers as the server does, but through no socket: for a transport in
// memory, as a bubble of testing/synctest needs it. Delays of faults go by the
// real clock there too, so that in a bubble they end only with the request.
func (s *server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat)) // by its own clock
	req := &Request{
		Time: s.now(), Method: r.Method, Path: r.URL.Path,
		Query: r.URL.Query(), Header: r.Header.Clone(), Host: r.Host,
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		req.Cert, req.chain = r.TLS.PeerCertificates[0], r.TLS.PeerCertificates[1:]
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "reading the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	req.Body = string(body)
	req.Form, req.formErr = url.ParseQuery(req.Body)
	endpoint, handle := s.route(r.URL.Path)
	req.Endpoint = endpoint
	if endpoint == Token {
		req.Endpoint = grantEndpoint(req.Form.Get("grant_type"))
	}
	s.record(req)

	fault, faulty := s.nextFault(req.Endpoint)
	if faulty && !fault.AfterProcessing && fault.strike(s, req, w, r, nil) {
		return
	}
	a := handle(req)
	if a.finish != nil {
		a.finish()
	}
	s.encode(req.Endpoint, a)
	s.answered(req, a)
	if faulty && fault.AfterProcessing && fault.strike(s, req, w, r, a) {
		return
	}
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// encode applies the edits and turns the members into bytes.
func (s *server) encode(endpoint Endpoint, a *answer) {
	if a.members == nil {
		return
	}
	if a.status < 400 {
		for _, edit := range s.editsFor(endpoint) {
			edit(a.members)
		}
	}
	if a.target != "" {
		a.header.Set("Location", addQuery(a.target, a.members))
		return
	}
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/json")
	}
	body, err := json.Marshal(a.members)
	if err != nil {
		a.status, body = http.StatusInternalServerError, []byte(err.Error())
	}
	a.body = body
}

func (a *answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// randomText has 128 bits or more and needs no escaping in a URL.
func randomText() string { return rand.Text() }
