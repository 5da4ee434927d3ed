package flows

import (
	"crypto"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// The provider looks at the certificate itself: its refusals are OAuth's.
func TestMTLSRefused(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	k := mustParse(t, pkcs8(t, key), KeyOptions{})
	now := time.Now()
	registered := dated(t, key)
	p := providertest.New(t, providertest.Config{MTLS: true, Clients: []providertest.Client{
		{ID: "ca", TLSSubject: "CN=svc"}, {ID: "self", TLSThumbprint: thumbprintOf(t, registered)}, {ID: "web", Secret: "s"},
	}})
	issue := func(public crypto.PublicKey, name string, from, to time.Time) []byte {
		cert, err := p.IssueCertificate(public, name, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	var none time.Time
	good := issue(key.Public(), "svc", none, none)
	for _, c := range []struct {
		name   string
		client Client
		cert   []byte
		want   string // in the description; empty: it is taken
	}{
		{"good", Client{ID: "ca", Method: AuthTLS}, good, ""},
		{"good, self-signed", Client{ID: "self", Method: AuthSelfSignedTLS}, registered, ""},
		{"no certificate", Client{ID: "ca", Method: AuthTLS}, nil, "must use [tls_client_auth], not none"},
		{"no certificate, self-signed", Client{ID: "self", Method: AuthSelfSignedTLS}, nil, "must use"},
		{"another CA", Client{ID: "ca", Method: AuthTLS}, dated(t, key), "unknown authority"},
		{"another subject", Client{ID: "ca", Method: AuthTLS}, issue(key.Public(), "else", none, none), `CN=else`},
		{"another certificate of the same key", Client{ID: "self", Method: AuthSelfSignedTLS}, dated(t, key),
			"not the registered one"},
		{"one for a CA's client", Client{ID: "self", Method: AuthSelfSignedTLS}, good, "not the registered one"},
		{"a certificate where a secret is due", Client{ID: "web", Method: AuthTLS}, good, "must use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := discover(t, p)
			if c.cert != nil {
				found = discoverMTLS(t, p, k, c.cert)
			}
			_, err := found.ClientCredentials(t.Context(), c.client, Target{})
			var refusal *OAuthError
			if c.want == "" && err != nil || c.want != "" &&
				(!errors.As(err, &refusal) || refusal.Code != "invalid_client" || !strings.Contains(refusal.Description, c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	// Good here, but not by the provider's clock.
	short := issue(key.Public(), "svc", now.Add(-time.Hour), now.Add(time.Hour))
	late := providertest.New(t,
		providertest.Config{MTLS: true, Now: func() time.Time { return now.Add(2 * time.Hour) }, ClientCAs: p.CAPEM(),
			Clients: []providertest.Client{{ID: "ca", TLSSubject: "CN=svc"},
				{ID: "self", TLSThumbprint: thumbprintOf(t, short)}}})
	for _, client := range []Client{{ID: "ca", Method: AuthTLS}, {ID: "self", Method: AuthSelfSignedTLS}} {
		_, err := discoverMTLS(t, late, k, short).ClientCredentials(t.Context(), client, Target{})
		var refusal *OAuthError
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Description, "expired") || refusal.Skew < time.Hour {
			t.Errorf("%s: %v", client.ID, err)
		}
	}
	if _, err := NewHTTPClient(time.Second, []byte("no PEM")); err == nil {
		t.Error("a CA that is none")
	}
}

// mtlsClient is a client that shows a certificate.
func mtlsClient(timeout time.Duration, caPEM []byte, cert tls.Certificate) (*http.Client, error) {
	hc, err := NewHTTPClient(timeout, caPEM)
	if err != nil {
		return nil, err
	}
	return hc, PresentCertificate(hc, cert)
}

// Most servers leave the certificate to TLS, whose alert is a refusal for good,
// also where it offers HTTP/2. What is not about a certificate stays an outage.
func TestMTLSRefusedByTLS(t *testing.T) {
	key, stranger := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(dated(t, stranger))
	for _, http2 := range []bool{false, true} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.EnableHTTP2 = http2
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MaxVersion: version}
			srv.Listener = lingering{srv.Listener}
			srv.StartTLS()
			ca := pemOf("CERTIFICATE", srv.Certificate().Raw)
			for name, certPEM := range map[string][]byte{"none": nil, "of another CA": dated(t, key)} {
				var cert tls.Certificate // the zero one shows none
				var err error
				if certPEM != nil {
					if cert, err = mustParse(t, pkcs8(t, key), KeyOptions{}).TLSCertificate(certPEM); err != nil {
						t.Fatal(err)
					}
				}
				hc, err := NewHTTPClient(10*time.Second, ca)
				if err != nil {
					t.Fatal(err)
				}
				if resp, err := hc.Get(srv.URL); err == nil { // a client that has chosen its protocols
					resp.Body.Close()
				}
				if err := PresentCertificate(hc, cert); err != nil {
					t.Fatal(err)
				}
				p := testProvider(t, hc)
				p.TokenEndpoint = srv.URL + "/token"
				var refusal *OAuthError
				_, err = p.ClientCredentials(t.Context(), Client{ID: "svc", Method: AuthTLS}, Target{})
				if !errors.As(err, &refusal) || refusal.Code != "invalid_client" || refusal.Status != 0 {
					t.Errorf("HTTP/2 %v, %s, certificate %s: %v", http2, tls.VersionName(version), name, err)
				}
				_, err = p.ClientCredentials(t.Context(), Client{ID: "svc"}, Target{})
				var outage *UnavailableError
				if !errors.As(err, &outage) {
					t.Errorf("a client that uses no certificate: %v", err)
				}
				hc.CloseIdleConnections()
			}
			srv.Close()
		}
	}
}

// lingering is a listener whose connections close as a careful server's do: its
// last words, here the alert, are not overtaken by the reset that unread data
// makes of a close (RFC 9112 §9.6).
type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lingeringConn{conn}, nil
}

type lingeringConn struct{ net.Conn }

func (c lingeringConn) Close() error {
	c.Conn.(*net.TCPConn).CloseWrite()
	go func() {
		defer c.Conn.Close()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		io.Copy(io.Discard, c.Conn)
	}()
	return nil
}

// A server that names other CAs gets the certificate all the same: otherwise Go
// would leave it out in silence.
func TestMTLSShownWhateverIsAskedFor(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "at",
			"scope": strings.Repeat("x", len(r.TLS.PeerCertificates))})
	}))
	others := x509.NewCertPool()
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, ClientCAs: others}
	srv.StartTLS()
	defer srv.Close()
	others.AddCert(srv.Certificate())
	cert, err := mustParse(t, pkcs8(t, key), KeyOptions{}).TLSCertificate(dated(t, key))
	if err != nil {
		t.Fatal(err)
	}
	hc, err := mtlsClient(10*time.Second, pemOf("CERTIFICATE", srv.Certificate().Raw), cert)
	if err != nil {
		t.Fatal(err)
	}
	defer hc.CloseIdleConnections()
	p := testProvider(t, hc)
	p.TokenEndpoint = srv.URL
	set, err := p.ClientCredentials(t.Context(), Client{ID: "svc", Method: AuthSelfSignedTLS}, Target{})
	if err != nil || len(set.Scopes) != 1 || set.Scopes[0] != "x" {
		t.Errorf("%v, %v", set, err)
	}
}
