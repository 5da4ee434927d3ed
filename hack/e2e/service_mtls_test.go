package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// certificateDoor leads clients with certificates to oidc-provider itself, whose
// TLS ends in its own process, and counts them. It also is the CA that the
// provider trusts with clients' certificates.
type certificateDoor struct {
	t       *testing.T
	address string
	target  atomic.Value // of oidc-provider, once it listens
	calls   atomic.Int32

	root   *x509.Certificate
	key    crypto.Signer
	caFile string
}

func newCertificateDoor(t *testing.T) *certificateDoor {
	t.Helper()
	d := &certificateDoor{t: t, caFile: filepath.Join(t.TempDir(), "clients.crt")}
	d.key = newECKey(t)
	root := template("clients' CA")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, root, root, d.key.Public(), d.key)
	if err != nil {
		t.Fatal(err)
	}
	if d.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.caFile, certificatePEM(der), 0o600); err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d.address = "https://" + l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.calls.Add(1)
			go d.pass(conn)
		}
	}()
	return d
}

// pass carries the bytes of one connection, whose TLS it can't read.
func (d *certificateDoor) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", d.target.Load().(string))
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}

// settings are those of oidcprovider/provider.mjs.
func (d *certificateDoor) settings() object {
	return object{"at": d.address, "key": ca.keyFile, "cert": ca.certFile, "clientCA": d.caFile}
}

var listensForCertificates = regexp.MustCompile(`(?m)^mtls port (\d+)$`)

// lead reads where oidc-provider listens.
func (d *certificateDoor) lead(stdout string) {
	d.t.Helper()
	found := listensForCertificates.FindStringSubmatch(stdout)
	if found == nil {
		d.t.Fatalf("oidc-provider takes no certificates: %s", stdout)
	}
	d.target.Store("127.0.0.1:" + found[1])
}

// issue makes a certificate of the CA for a name; selfSigned makes one of its own.
func (d *certificateDoor) issue(key crypto.Signer, name string) []byte {
	return d.sign(key, name, d.root, d.key)
}

func (d *certificateDoor) selfSigned(key crypto.Signer, name string) []byte {
	return d.sign(key, name, nil, key)
}

func (d *certificateDoor) sign(key crypto.Signer, name string, parent *x509.Certificate,
	by crypto.Signer) (der []byte) {
	d.t.Helper()
	leaf := template(name)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	leaf.DNSNames = []string{name}
	if parent == nil {
		parent = leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), by)
	if err != nil {
		d.t.Fatal(err)
	}
	return der
}

// wantCalls fails unless that many connections came through since the last call.
func (d *certificateDoor) wantCalls(want int32) {
	d.t.Helper()
	if got := d.calls.Swap(0); got != want {
		d.t.Errorf("%d connections where certificates are asked for, want %d", got, want)
	}
}

func newECKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestServiceMutualTLS: a certificate of a CA, and one that is registered itself,
// at the endpoints that the provider names for them (RFC 8705 §2, §5).
func TestServiceMutualTLS(t *testing.T) {
	t.Parallel()
	door := newCertificateDoor(t)
	key, self, other := newKey(t, "ES256"), newKey(t, "ES256"), newKey(t, "ES256")
	own := door.selfSigned(self.certificate, "self")
	registered := object{"x5c": []string{base64.StdEncoding.EncodeToString(own)}}
	for name, value := range self.public {
		registered[name] = value
	}
	p := newCertified(t, certifiedOptions{MTLS: door, Clients: []object{
		basicClient,
		serviceClient("pki", "tls_client_auth", object{"tls_client_auth_san_dns": "deploy.example"}),
		serviceClient("self", "self_signed_tls_client_auth", object{"jwks": jwks(registered)}),
	}})

	for _, way := range []struct {
		id, method string
		key        clientKey
		der        []byte
	}{
		{"pki", "", key, door.issue(key.certificate, "deploy.example")}, // a certificate and no method: tls_client_auth
		{"self", "self_signed_tls_client_auth", self, own},
	} {
		t.Run(way.id, func(t *testing.T) {
			s := newService(t, p.issuer)
			flags := []string{"--client-cert-file", s.file("cert", certificatePEM(way.der)), "--client-key-file",
				s.file("key", way.key.pkcs8)}
			if way.method != "" {
				flags = append(flags, "--client-auth", way.method)
			}
			p.forget()
			token := s.run("token", way.id, flags...).token()
			door.wantCalls(1)
			p.tokenRequests(0) // the alias, not the usual endpoint
			if got := p.introspects(token); got["active"] != true || got["client_id"] != way.id {
				t.Errorf("the provider says of the token: %v", got)
			}
			p.forget()
			if s.run("token", way.id, flags...).token() != token {
				t.Error("the second call has another token")
			}
			door.wantCalls(0)
			p.requests(map[string]int{})
			if said := s.run("logout", way.id, flags...).ok(); !strings.Contains(said,
				"revoked at the provider, and forgotten here") {
				t.Errorf("logout: %q", said)
			}
			door.wantCalls(1)
			if got := p.introspects(token); got["active"] != false {
				t.Errorf("after a sign-out the provider says of the token: %v", got)
			}
		})
	}

	ended := template("deploy.example")
	ended.DNSNames, ended.NotAfter = []string{"deploy.example"}, time.Now().Add(-time.Second)
	expired, err := x509.CreateCertificate(rand.Reader, ended, door.root, key.certificate.Public(), door.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]struct {
		id, method string
		key        clientKey
		der        []byte
		code       int
		says       string
	}{
		"another's name": {"pki", "tls_client_auth", key,
			door.issue(key.certificate, "other.example"), 1, "invalid_client"},
		"nobody's CA": {"pki", "tls_client_auth", key,
			door.selfSigned(key.certificate, "deploy.example"), 1, "invalid_client"},
		"another of its own": {"self", "self_signed_tls_client_auth", other,
			door.selfSigned(other.certificate, "self"), 1, "invalid_client"},
		"where a secret is registered": {"basic", "tls_client_auth", key,
			door.issue(key.certificate, "deploy.example"), 1, "invalid_client"},
		"one that has ended": {"pki", "tls_client_auth", key, expired, 2, "--client-cert-file"},
		"one with another key": {"pki", "tls_client_auth", other,
			door.issue(key.certificate, "deploy.example"), 2, "--client-cert-file"},
		"a key and no certificate, where a secret is": {"basic", "", key, nil, 1, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, p.issuer)
			flags := []string{"--client-key-file", s.file("key", wrong.key.pkcs8)}
			if wrong.der != nil {
				flags = append(flags, "--client-cert-file", s.file("cert", certificatePEM(wrong.der)))
			}
			if wrong.method != "" {
				flags = append(flags, "--client-auth", wrong.method)
			}
			t.Log(s.run("token", wrong.id, flags...).refused(wrong.code, wrong.says))
		})
	}
}
