package flows

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is about who vouches for a server. Go takes SSL_CERT_FILE and
// SSL_CERT_DIR for the system's roots. Here they are told from those: whoever
// sets the variables of a run must not choose where an earlier sign-in's tokens go.

// The variables that name roots on the systems where Go reads them.
const (
	certFileVariable = "SSL_CERT_FILE"
	certDirVariable  = "SSL_CERT_DIR"
)

// RootVariables names those that are set and count on this system.
func RootVariables() (names []string) {
	if slices.Contains([]string{"windows", "darwin", "ios", "plan9"}, runtime.GOOS) {
		return nil
	}
	for _, name := range []string{certFileVariable, certDirVariable} {
		if os.Getenv(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// systemRoots are the system's own, whatever the variables say. x509 reads them,
// with the variables, once in a process: so the variables are away for that long.
var systemRoots = sync.OnceValue(func() *x509.CertPool {
	for _, name := range RootVariables() {
		value := os.Getenv(name)
		_ = os.Unsetenv(name)
		defer func() { _ = os.Setenv(name, value) }()
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
})

// variableRoots are what x509 would take for the system's under the variables: each
// of the two replaces a part of them.
func variableRoots(names []string) *x509.CertPool {
	pool := x509.NewCertPool()
	if len(names) < 2 {
		pool = systemRoots().Clone()
	}
	add := func(path string) {
		if b, err := os.ReadFile(path); err == nil {
			pool.AppendCertsFromPEM(b)
		}
	}
	if file := os.Getenv(certFileVariable); file != "" {
		add(file)
	}
	for _, dir := range strings.Split(os.Getenv(certDirVariable), ":") {
		files, _ := os.ReadDir(dir) // none of ""
		for _, f := range files {
			add(filepath.Join(dir, f.Name()))
		}
	}
	return pool
}

// RootsHash names a set of certificates, however it is written: the order, repeats
// and the text around them do not matter. Empty: there are none in it.
func RootsHash(caPEM []byte) string {
	var sums []string
	for _, der := range certificatesIn(caPEM) {
		sum := sha256.Sum256(der)
		sums = append(sums, string(sum[:]))
	}
	if len(sums) == 0 {
		return ""
	}
	slices.Sort(sums)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(sums), "")))
	return fmt.Sprintf("%x", sum)
}

// certificatesIn finds those that AppendCertsFromPEM would.
func certificatesIn(text []byte) (all [][]byte) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			all = append(all, block.Bytes)
		}
	}
	return all
}

// RootError says that a server was not talked to, since only roots vouch for it
// that the secret on its way there was not meant for.
type RootError struct {
	Host  string
	CA    string   // that issued the certificate, cleaned
	By    []string // what names its root: variables, settings
	Whose string   // whose secret it is; empty: a stored session's
}

func (e *RootError) Error() string {
	by := fmt.Sprintf("the certificate of %s was issued by %q, which only %s vouches for",
		e.Host, e.CA, strings.Join(e.By, " and "))
	if e.Whose == "" {
		return by + "; the session was made under other roots, so it is not sent there"
	}
	return by + "; " + e.Whose + " is not sent there"
}

// Is tells the kind of the failure: a secret that is not for this place, or a
// session that cannot be used here.
func (e *RootError) Is(kind error) bool {
	if e.Whose != "" {
		return kind == fault.Usage
	}
	return kind == fault.SignIn
}

// guard is a transport that tells who vouches for a server.
type guard struct {
	extra []byte // PEM: roots besides the system's

	mu      sync.Mutex
	next    *http.Transport
	ready   bool  // next has its roots
	held    *Hold // nil: whoever is trusted now will do
	foreign bool
}

// Hold says whom a secret may be sent to: servers whose chain ends in Root, or
// verifies by the system's own roots and Extra.
type Hold struct {
	Root  string   // the hash of its public key, as a token set has it; empty: none
	Extra []byte   // PEM; nil: what the client was made with
	Whose string   // whose secret it is, for the error; empty: a stored session's
	By    []string // what names other roots, besides Go's own variables
}

// HoldTo keeps a client of [NewHTTPClient] from now on to those servers; of others the
// error is a [*RootError]. The first hold stays.
func HoldTo(hc *http.Client, h Hold) {
	g := guardOf(hc)
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		return
	}
	g.held = &h
	by := append(RootVariables(), h.By...)
	if len(by) == 0 { // it trusts nobody else
		return
	}
	extra := h.Extra
	if extra == nil {
		extra = g.extra
	}
	old := g.next
	g.next = old.Clone() // which has no connections yet
	g.next.TLSClientConfig.VerifyConnection = func(cs tls.ConnectionState) error {
		ends := func(c []*x509.Certificate) bool { return h.Root != "" && keyHash(c[len(c)-1]) == h.Root }
		if slices.ContainsFunc(cs.VerifiedChains, ends) || vouched(cs.PeerCertificates, extra) {
			return nil
		}
		return &RootError{CA: issuerOf(cs.PeerCertificates), By: by, Whose: h.Whose}
	}
	old.CloseIdleConnections()
}

// HoldLike holds a client to what another one is held to. by is what names the roots
// that it has besides.
func HoldLike(hc, other *http.Client, by string) {
	g := guardOf(other)
	if g == nil {
		return
	}
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held != nil {
		h := *held
		h.By = append(slices.Clone(h.By), by)
		HoldTo(hc, h)
	}
}

// PresentCertificate has a client of [NewHTTPClient] show its certificate to who
// asks for one (RFC 8705 §2).
func PresentCertificate(hc *http.Client, cert tls.Certificate) error {
	g := guardOf(hc)
	if g == nil {
		return fmt.Errorf("a client certificate cannot be used with %T", hc.Transport)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// Not Certificates: Go leaves one out that is of none of the CAs which the
	// server names, and the server's own words would not come.
	before := g.next
	g.next = before.Clone() // which has no connections yet
	g.next.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &cert, nil
	}
	before.CloseIdleConnections()
	return nil
}

// guardOf finds the guard below what else wraps a client's transport.
func guardOf(hc *http.Client) *guard {
	for t := hc.Transport; ; {
		switch at := t.(type) {
		case *guard:
			return at
		case interface{ Unwrap() http.RoundTripper }:
			t = at.Unwrap()
		default:
			return nil
		}
	}
}

// transport is what sends, for TLS with its roots. They are read when a server is
// asked over TLS, not before: that takes milliseconds, and who waits for another
// process asks no server.
func (g *guard) transport(overTLS bool) *http.Transport {
	g.mu.Lock()
	defer g.mu.Unlock()
	if overTLS && !g.ready {
		g.ready = true
		g.next.TLSClientConfig.RootCAs = trustedRoots(g.extra)
	}
	return g.next
}

func (g *guard) CloseIdleConnections() { g.transport(false).CloseIdleConnections() }

// RoundTrip notes whether only the variables vouch for who answered.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.transport(req.URL.Scheme == "https").RoundTrip(req)
	if err == nil && resp.TLS != nil && len(RootVariables()) > 0 && !vouched(resp.TLS.PeerCertificates, g.extra) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.foreign = true
	}
	return resp, err
}

// Foreign reports whether a client was answered by somebody for whom only the
// variables vouch. What is kept for runs without them must not come of that.
func Foreign(hc *http.Client) bool {
	g := guardOf(hc)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.foreign
}

// vouched reports whether a chain verifies by the system's own roots and others.
// Whether it is for the host that was asked was checked before.
func vouched(chain []*x509.Certificate, extra []byte) bool {
	if len(chain) == 0 {
		return false
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	by := func(roots *x509.CertPool) bool {
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
		return err == nil
	}
	roots := x509.NewCertPool()
	if roots.AppendCertsFromPEM(extra) && by(roots) { // the system's are many
		return true
	}
	roots = systemRoots().Clone()
	roots.AppendCertsFromPEM(extra)
	return by(roots)
}

// rootOf is the hash of the public key of the root that a connection's chain ends
// in; empty where there is none.
func rootOf(cs *tls.ConnectionState) string {
	if cs == nil || len(cs.VerifiedChains) == 0 {
		return ""
	}
	chain := cs.VerifiedChains[0]
	return keyHash(chain[len(chain)-1])
}

func keyHash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return fmt.Sprintf("%x", sum)
}

// issuerOf names who issued the last certificate that a server sent.
func issuerOf(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	by := chain[len(chain)-1].Issuer
	return Clean(cmp.Or(by.CommonName, by.String()), 100)
}

// OtherRoot names, for a person, the first certificate of a set that another set does
// not have; empty if there is none.
func OtherRoot(caPEM, known []byte) string {
	others := certificatesIn(known)
	for _, der := range certificatesIn(caPEM) {
		c, err := x509.ParseCertificate(der)
		if err == nil && !slices.ContainsFunc(others, func(o []byte) bool { return bytes.Equal(o, der) }) {
			return issuerOf([]*x509.Certificate{{Issuer: c.Subject}})
		}
	}
	return ""
}

// trustedRoots are those that a client's servers must have; nil: the system's.
func trustedRoots(extra []byte) *x509.CertPool {
	names := RootVariables()
	if len(names) == 0 && len(extra) == 0 {
		return nil
	}
	roots := systemRoots
	if len(names) > 0 {
		roots = func() *x509.CertPool { return variableRoots(names) }
	}
	pool := roots().Clone()
	pool.AppendCertsFromPEM(extra)
	return pool
}
