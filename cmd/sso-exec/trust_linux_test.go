package main

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// trust is a provider behind one CA, and somebody who calls himself the same behind
// another one. Each is reached through a proxy of its own.
type trust struct {
	*bench
	real, evil side
}

// side is what answers behind a proxy.
type side struct {
	idp          *providertest.Provider
	proxy        string
	ca, dir, pem string // its root: a file, a directory with that file, the text

	mu   *sync.Mutex
	seen *[]string // requests with something in them that may be secret
}

const theSTS = "sts.corp.example"

func newTrust(t *testing.T, c providertest.Config) *trust {
	t.Helper()
	w := &trust{}
	start := func(name string) (*bench, side) {
		b, relay := relayed(t, c, "https://"+theHost)
		sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
		ca := newTestCA(t, name)
		p := side{idp: b.idp, ca: ca.file(t), mu: &sync.Mutex{}, seen: &[]string{}}
		p.dir = filepath.Dir(p.ca)
		text, err := os.ReadFile(p.ca)
		if err != nil {
			t.Fatal(err)
		}
		p.pem = string(text)
		to, _ := url.Parse(sts.URL())
		toSTS := httputil.NewSingleHostReverseProxy(to)
		toSTS.Transport = b.idp.Client().Transport
		leaf := ca.issue(t, theHost, func(c *x509.Certificate) { c.DNSNames = []string{theHost, theSTS} })
		proxy := startProxy(t, leaf,
			http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if len(body) > 0 || r.Header.Get("Authorization") != "" {
					p.mu.Lock()
					*p.seen = append(*p.seen, r.Method+" "+r.Host+r.URL.Path+" "+string(body))
					p.mu.Unlock()
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				if r.Host == theSTS {
					toSTS.ServeHTTP(rw, r)
					return
				}
				relay.ServeHTTP(rw, r)
			}))
		user := url.UserPassword("alice", theProxyPassword)
		p.proxy = (&url.URL{Scheme: "http", User: user, Host: proxy.addr}).String()
		return b, p
	}
	w.bench, w.real = start("Corp A")
	_, w.evil = start("Corp B")
	w.setenv("SSO_EXEC_CA_FILE", "")
	w.setenv("SSO_EXEC_BROWSER", "testbrowser")
	w.setenv("IDP_CA", w.real.ca)
	return w
}

// through runs the command by way of a side's proxy, with variables (NAME=VALUE)
// before the arguments.
func (w *trust) through(p side, line ...string) outcome {
	b := *w.bench
	b.env = append(slices.Clone(b.env), "HTTPS_PROXY="+p.proxy, "https_proxy="+p.proxy, "IDP_CA="+p.ca)
	n := 0
	for n < len(line) && strings.Contains(line[n], "=") && !strings.HasPrefix(line[n], "-") {
		n++
	}
	b.env = append(b.env, line[:n]...)
	return b.run(line[n:]...)
}

func (w *trust) must(t *testing.T, p side, line ...string) outcome {
	t.Helper()
	o := w.through(p, line...)
	if o.code != 0 {
		t.Fatalf("%q: exit code %d\n%s", line, o.code, o.stderr)
	}
	return o
}

// got forgets what a side has seen, and returns it.
func (p side) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := *p.seen
	*p.seen = nil
	return seen
}

// stored is all that the cache holds, except locks.
func (w *trust) stored(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/locks/") {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s\n%s\n", path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func (w *trust) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// asking are the commands that would send something of a session.
var asking = []string{
	"kube --force", "kube --min-ttl 90m", "token --force", "token --exchange-audience api",
	"aws --role-arn arn:aws:iam::123456789012:role/dev --sts-endpoint https://" + theSTS,
	"aws --force --role-arn arn:aws:iam::123456789012:role/dev --sts-endpoint https://" + theSTS,
	"run --token-env T --force -- env", "kube --acr mfa", "status --check", "kube --organization other",
}

// foreign reports whether these variables lead to the same session under other roots
// of the system.
func foreign(variables []string) bool {
	own := func(v string) bool { return strings.HasPrefix(v, "SSL_CERT_") }
	return own(variables[len(variables)-1])
}

// TestSessionUnderOtherRoots has whoever runs the command add a root, and choose the
// way to a server that has a certificate of it. Nothing of the session goes there,
// and nothing of that server's is kept; then the session works as before.
func TestSessionUnderOtherRoots(t *testing.T) {
	t.Parallel()
	w := newTrust(t, providertest.Config{})
	a, b := w.real, w.evil
	both := w.file(t, "both.pem", a.pem+b.pem)
	sessions := map[string]struct {
		own   []string   // by which it is reached
		other [][]string // by which somebody else is
	}{
		"of --ca-file": {[]string{"SSO_EXEC_CA_FILE=" + a.ca}, [][]string{
			{"SSO_EXEC_CA_FILE=", "SSO_EXEC_CA_DATA=" + encoded(b.pem)},
			{"SSO_EXEC_CA_FILE=" + a.ca, "SSO_EXEC_CA_DATA=" + encoded(b.pem)},
			{"SSO_EXEC_CA_FILE=" + b.ca},
			{"SSO_EXEC_CA_FILE=" + both},
			{"SSO_EXEC_CA_DATA=" + encoded(b.pem+a.pem)},
			{"SSO_EXEC_CA_FILE=" + a.ca, "SSL_CERT_FILE=" + b.ca},
			{"SSO_EXEC_CA_FILE=" + a.ca, "SSL_CERT_DIR=/nowhere:" + b.dir},
			{"SSO_EXEC_CA_FILE=" + a.ca, "SSL_CERT_FILE=" + b.ca, "SSL_CERT_DIR=" + b.dir},
		}},
		"of the system": {[]string{"SSL_CERT_FILE=" + a.ca}, [][]string{
			{"SSL_CERT_FILE=" + b.ca},
			{"SSL_CERT_FILE=" + both},
			{"SSL_CERT_FILE=" + a.ca, "SSL_CERT_DIR=" + b.dir},
			{"SSL_CERT_FILE=" + a.ca, "SSO_EXEC_CA_FILE=" + b.ca},
			{"SSO_EXEC_CA_DATA=" + encoded(b.pem)},
		}},
	}
	for name, c := range sessions {
		t.Run(name, func(t *testing.T) {
			w.dir = filepath.Join(t.TempDir(), "cache")
			w.setenv("SSO_EXEC_CACHE_DIR", w.dir)
			w.must(t, a, append(c.own, "login")...)
			token := w.must(t, a, append(c.own, "token")...).stdout
			before := w.stored(t)
			for _, other := range c.other {
				for _, line := range asking {
					o := w.through(b, slices.Concat(other, []string{"SSO_EXEC_INTERACTIVE=never"}, strings.Fields(line))...)
					if o.code != exitLogin || o.stdout != "" && !strings.HasPrefix(line, "status") {
						t.Errorf("%q %s: exit code %d, stdout %q, stderr %q", other, line, o.code, o.stdout, o.stderr)
					}
					ofThis := !strings.Contains(line, "acr") && !strings.Contains(line, "organization")
					if foreign(other) && ofThis && !strings.Contains(o.stderr, "Corp B") {
						t.Errorf("%q %s does not name the CA: %q", other, line, o.stderr)
					}
				}
				for _, line := range []string{"kube --force", "kube --acr mfa"} { // with a browser at hand
					if !foreign(other) {
						break // that is another session
					}
					if o := w.through(b, slices.Concat(other, strings.Fields(line))...); o.code != exitLogin {
						t.Errorf("%q %s: %+v", other, line, o)
					}
				}
				if seen := b.got(); len(seen) > 0 {
					t.Fatalf("%q: the other server was sent %q", other, seen)
				}
				if after := w.stored(t); after != before {
					t.Fatalf("%q: what is stored has changed:\n%s\nbefore:\n%s", other, after, before)
				}
			}
			// What is cached is served, by nobody's leave.
			if o := w.through(b, append(slices.Clone(c.own), "SSL_CERT_FILE="+b.ca, "token")...); o.stdout != token {
				t.Errorf("the cached token: %+v", o)
			}
			a.idp.ResetRequests()
			if o := w.must(t, a, append(c.own, "token", "--force")...); o.stdout == token {
				t.Error("it was not refreshed")
			}
			if n := a.idp.Requests(); name == "of --ca-file" && n.All != 1 {
				t.Errorf("requests of a refresh: %+v", n)
			}
			other := append(slices.Clone(c.other[len(c.other)-1]), "SSO_EXEC_CA_FILE=", "SSO_EXEC_CA_DATA=")
			if name == "of --ca-file" {
				other = append(other, "SSO_EXEC_CA_FILE="+a.ca)
			} else {
				other = append(other, "SSL_CERT_FILE="+b.ca)
			}
			o := w.through(b, append(other, "logout")...)
			if o.code != 0 || !strings.Contains(o.stdout, "NOT revoked") || len(b.got()) > 0 {
				t.Errorf("logout: %+v", o)
			}
			if o := w.through(a, append(c.own, "token", "--interactive=never")...); o.code != exitLogin {
				t.Errorf("after the logout: %+v", o)
			}
		})
	}
}
