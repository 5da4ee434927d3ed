//go:build linux

package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// The networks that enterprises have: the built binary, real sockets, a proxy on
// the loopback address, and a provider behind it under a name that no name server
// knows.

const (
	theHost          = "login.corp.example"
	theProxyPassword = "canary-hunter2"
)

// testCA is an authority under a name of one's choice.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTestCA(t testing.TB, name string) *testCA {
	t.Helper()
	template := testTemplate(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	ca := &testCA{key: newTestKey(t)}
	ca.cert = sign(t, template, template, ca.key, ca.key)
	return ca
}

// issue makes a certificate for a host, changed by edit if that is not nil.
func (ca *testCA) issue(t testing.TB, host string, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := testTemplate(host)
	template.DNSNames = []string{host}
	if ip := net.ParseIP(host); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	if edit != nil {
		edit(template)
	}
	key := newTestKey(t)
	leaf := sign(t, template, ca.cert, key, ca.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, ca.cert.Raw}, PrivateKey: key}
}

func (ca *testCA) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func testTemplate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
}

func newTestKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// webProxy is a proxy that takes CONNECT with a user and a password, looks into
// TLS with an authority of its own, and sends what it finds to the provider.
type webProxy struct {
	addr    string
	inside  http.Handler                                  // in place of the provider
	connect func(client net.Conn, req *http.Request) bool // what it does with CONNECT instead; true: all done
	shown   tls.Certificate

	mu    sync.Mutex
	asked atomic.Int32 // CONNECT requests
}

// startProxy starts one that is all right.
func startProxy(t *testing.T, good tls.Certificate, provider http.Handler) *webProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &webProxy{addr: l.Addr().String(), shown: good, inside: provider}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// change has it behave otherwise until the function that it returns is called.
func (p *webProxy) change(f func()) (back func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	inside, connect, shown := p.inside, p.connect, p.shown
	f()
	p.asked.Store(0)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inside, p.connect, p.shown = inside, connect, shown
	}
}

func (p *webProxy) serve(client net.Conn) {
	defer client.Close()
	req, err := http.ReadRequest(bufio.NewReader(client))
	if err != nil {
		return
	}
	p.mu.Lock()
	inside, connect, shown := p.inside, p.connect, p.shown
	p.mu.Unlock()
	p.asked.Add(1)
	if connect != nil && connect(client, req) {
		return
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+theProxyPassword))
	if req.Header.Get("Proxy-Authorization") != want {
		_, _ = io.WriteString(client, "HTTP/1.1 407 Proxy Authentication Required\r\n"+
			"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"corp\"\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if req.Method != http.MethodConnect || !strings.HasSuffix(req.Host, ".corp.example:443") {
		_, _ = io.WriteString(client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	one := &oneConn{conn: tls.Server(client,
		&tls.Config{Certificates: []tls.Certificate{shown}, MinVersion: tls.VersionTLS12}), done: make(chan struct{})}
	srv := &http.Server{Handler: inside, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				one.once.Do(func() { close(one.done) })
			}
		}}
	_ = srv.Serve(one)
}

// oneConn is a listener for one connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (o *oneConn) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.done
	return nil, net.ErrClosed
}
func (o *oneConn) Close() error   { return nil }
func (o *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// relayed is a provider under another address.
func relayed(t *testing.T, c providertest.Config, issuer string) (*bench, http.Handler) {
	t.Helper()
	var own atomic.Value
	own.Store("")
	c.EditMetadata = func(metadata map[string]any) {
		for k, v := range metadata {
			if s, ok := v.(string); ok {
				metadata[k] = strings.Replace(s, own.Load().(string), issuer, 1)
			}
		}
	}
	b := newBench(t, c)
	own.Store(b.idp.Issuer())
	b.idp.TamperIDToken(0, providertest.SetClaim("iss", issuer))
	to, err := url.Parse(b.idp.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	relay := &httputil.ReverseProxy{Transport: b.idp.Client().Transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = to.Host
	}}
	b.setenv("SSO_EXEC_ISSUER", issuer)
	return b, relay
}

func html(status int, page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, page)
	})
}

func says(answer string) func(net.Conn, *http.Request) bool {
	return func(client net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(client, answer)
		return true
	}
}
