//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestEnterpriseProxies signs in and refreshes through a proxy that wants a
// password and looks into TLS; and has everything in between fail, one after the
// other, at a refresh and at a first sign-in. Each failure ends with 5 and a
// sentence that names what is in the way; the proxy's password is nowhere, few
// requests are made, and afterwards the session is as it was.
func TestEnterpriseProxies(t *testing.T) {
	t.Parallel()
	corp := newTestCA(t, "Corp Root CA")
	good := corp.issue(t, theHost, nil)
	b, relay := relayed(t, providertest.Config{RotationGrace: time.Hour}, "https://"+theHost)
	p := startProxy(t, good, relay)
	with := func(user *url.Userinfo, addr string) string {
		return (&url.URL{Scheme: "http", User: user, Host: addr}).String()
	}
	right := with(url.UserPassword("alice", theProxyPassword), p.addr)
	ca := corp.file(t)
	set := func(proxy string) {
		b.setenv("HTTPS_PROXY", proxy)
		b.setenv("https_proxy", proxy)
	}
	set(right)
	b.setenv("IDP_CA", ca)
	b.setenv("SSO_EXEC_CA_FILE", ca)
	b.mustRun(t, "login", "--browser", "testbrowser")

	closed := refusing(t)
	zscaler := newTestCA(t, "Zscaler Root CA")
	unknown := newTestCA(t, "Somebody's CA")
	inside := func(h http.Handler) func() { return func() { p.inside = h } }
	shows := func(c tls.Certificate) func() { return func() { p.shown = c } }
	connects := func(f func(net.Conn, *http.Request) bool) func() { return func() { p.connect = f } }
	through := func(status string, header ...string) func() {
		return connects(says("HTTP/1.1 " + status + "\r\n" + strings.Join(append(header, "Content-Length: 0"), "\r\n") +
			"\r\n\r\n"))
	}
	for name, c := range map[string]struct {
		proxy string // empty: the right one
		is    func()
		want  []string
	}{
		"down": {with(url.UserPassword("alice", theProxyPassword), closed), nil,
			[]string{"the proxy " + closed + " (HTTPS_PROXY) does not answer: connection refused",
				"add " + theHost + " to NO_PROXY"}},
		"no password": {with(nil, p.addr), nil, []string{"the proxy " + p.addr + " (HTTPS_PROXY) wants a user and a " +
			"password (status 407; it takes Negotiate, Basic)", "HTTPS_PROXY=http://USER:PASSWORD@" + p.addr}},
		"wrong password": {with(url.UserPassword("alice", theProxyPassword+"-old"), p.addr), nil,
			[]string{"does not accept the user and password in HTTPS_PROXY (status 407",
				"has the password changed?"}},
		"not allowed": {"", through("403 Forbidden"),
			[]string{"does not connect to " + theHost + " (status 403)", "must the proxy allow"}},
		"bad gateway": {"", through("502 Bad Gateway"), []string{"does not connect to " + theHost + " (status 502)"}},
		"no proxy at all": {"", connects(says("220 mail.example ESMTP\r\n")),
			[]string{"no answer from " + theHost + " through the proxy " + p.addr}},
		"held": {"", connects(func(client net.Conn, _ *http.Request) bool {
			_, _ = io.Copy(io.Discard, client)
			return true
		}), []string{"no answer from " + theHost + " through the proxy " + p.addr + " (HTTPS_PROXY) within 500ms"}},
		"portal instead of CONNECT": {"", through("302 Found", "Location: http://portal.hotel.example/login?for=you"),
			[]string{"a sign-in page of this network (portal.hotel.example) answers instead of " + theHost,
				"in a browser first"}},
		"511 instead of CONNECT": {"", through("511 Network Authentication Required"),
			[]string{"a sign-in page of this network answers instead of " + theHost}},
		"inspected": {"", shows(zscaler.issue(t, theHost, nil)),
			[]string{"the certificate of " + theHost +
				` was issued by "Zscaler Root CA", of a proxy that looks into TLS (Zscaler), which this machine does not trust`,
				"--ca-file"}},
		"unknown authority": {"", shows(unknown.issue(t, theHost, nil)),
			[]string{"the certificate of " + theHost + ` was issued by "Somebody's CA", which this machine does not trust`,
				"--ca-file"}},
		"another name": {"", shows(corp.issue(t, "portal.hotel.example", nil)),
			[]string{"the certificate that is shown for " + theHost + " is one for portal.hotel.example", "in a browser first"}},
		"ended": {"", shows(corp.issue(t, theHost, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
		})), []string{"the certificate of " + theHost + " is valid from ",
			"and this machine's clock says " + time.Now().UTC().Format("2006-"), "set the clock"}},
		"no TLS": {"", connects(func(client net.Conn, _ *http.Request) bool {
			_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
			_, _ = client.Read(make([]byte, 1)) // of the handshake
			_, _ = io.WriteString(client, "HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/\r\n\r\n")
			_, _ = io.Copy(io.Discard, client)
			return true
		}), []string{"what answers in place of " + theHost + " does not speak TLS", "in a browser first"}},
		"redirect": {"", inside(http.RedirectHandler("https://portal.hotel.example/login", http.StatusTemporaryRedirect)),
			[]string{"portal.hotel.example answers instead of " + theHost + " (it redirects there, status 307)",
				"in a browser first"}},
		"page": {"", inside(html(http.StatusOK,
			`<html><meta http-equiv="refresh" content="0; url=https://portal.hotel.example/login">`)),
			[]string{"is not the expected JSON (status 200, text/html): a page that leads to portal.hotel.example answers " +
				"instead of " + theHost, "in a browser first"}},
		"a page of nobody": {"", inside(html(http.StatusOK, `<html>hello`)),
			[]string{"is not the expected JSON (status 200, text/html)", "is there a proxy or a sign-in page"}},
		"511": {"", inside(html(http.StatusNetworkAuthenticationRequired,
			`<a href="x">x</a><form action='https://portal.hotel.example/login'>`)),
			[]string{"a sign-in page of this network (portal.hotel.example) answers instead of " + theHost + " (status 511)"}},
	} {
		back := p.change(func() {
			if c.is != nil {
				c.is()
			}
		})
		if c.proxy != "" {
			set(c.proxy)
		}
		for _, when := range []string{"refresh", "sign-in"} {
			args := []string{"token", "--log-level", "debug"}
			if name == "held" {
				args = append(args, "--http-timeout", "500ms")
			}
			if when == "refresh" {
				b.expire(t)
			} else {
				args = append(args, "--session", "another", "--browser", "testbrowser", "--cache-dir",
					filepath.Join(t.TempDir(), "cache"))
			}
			p.asked.Store(0)
			o := b.run(args...)
			if o.code != exitUnavailable || o.stdout != "" {
				t.Errorf("%s, %s: exit code %d, stdout %q, stderr %q", name, when, o.code, o.stdout, o.stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(o.stderr, want) {
					t.Errorf("%s, %s: stderr lacks %q: %s", name, when, want, o.stderr)
				}
			}
			if strings.Contains(o.stderr, "canary") || strings.Contains(o.stderr, "alice:") {
				t.Errorf("%s, %s: the proxy's password is in stderr: %s", name, when, o.stderr)
			}
			if n := p.asked.Load(); n > 3 {
				t.Errorf("%s, %s: %d connections", name, when, n)
			}
		}
		back()
		set(right)
		if o := b.run("token"); o.code != 0 {
			t.Errorf("%s: afterwards exit code %d, stderr %q", name, o.code, o.stderr)
		}
	}
	if n := b.idp.ActiveFamilies(); n != 1 {
		t.Errorf("%d sessions alive at the provider, want the one", n)
	}
	for path, content := range files(t, b.dir) {
		if strings.Contains(string(content), "canary") {
			t.Errorf("the proxy's password is in %s", path)
		}
	}
}

// refusing is an address that refuses connections, and that nobody else gets meanwhile:
// it is bound, and nothing listens there.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// TestUnusedProxy goes without a proxy where the environment's cannot be used, as
// every client of the Go kind does, and says so if that fails.
func TestUnusedProxy(t *testing.T) {
	_, port, _ := net.SplitHostPort(refusing(t))
	issuer := "https://0.0.0.0:" + port // this machine, but no address that no proxy is asked for
	for name, c := range map[string]struct{ variable, value, want string }{
		"not a URL": {"HTTPS_PROXY", "http://alice:canary%zz@proxy.corp.example:3128",
			"HTTPS_PROXY is set, but is not a URL, so it was not used"},
		"brackets": {"HTTPS_PROXY", "http://alice:canary@[::1",
			"HTTPS_PROXY is set, but is not a URL, so it was not used"},
		"port": {"https_proxy", "http://alice:canary@proxy.corp.example:31x28",
			"https_proxy is set, but is not a URL, so it was not used"},
		"another name": {"ALL_PROXY", "http://alice:canary@proxy.corp.example:3128",
			"ALL_PROXY is set, but only HTTPS_PROXY is heeded"},
	} {
		b := newBench(t, providertest.Config{})
		b.setenv("SSO_EXEC_ISSUER", issuer)
		b.setenv(c.variable, c.value)
		o := b.run("token", "--browser", "testbrowser")
		if o.code != exitUnavailable || !strings.Contains(o.stderr, c.want) || strings.Contains(o.stderr, "canary") {
			t.Errorf("%s: exit code %d, stderr %q", name, o.code, o.stderr)
		}
	}
}

// TestIPv6Alone signs in and refreshes at a provider that is on [::1] alone, with
// a redirect there as well.
func TestIPv6Alone(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatalf("this machine has no IPv6 on its loopback interface, which is what this test is about: %v", err)
	}
	issuer := "https://" + l.Addr().String()
	b, relay := relayed(t, providertest.Config{}, issuer)
	corp := newTestCA(t, "Corp Root CA")
	srv := &http.Server{Handler: relay, ReadHeaderTimeout: patience,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{corp.issue(t, "::1", nil)}, MinVersion: tls.VersionTLS12}}
	go func() { _ = srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = srv.Close() })
	ca := corp.file(t)
	b.setenv("IDP_CA", ca)
	b.setenv("SSO_EXEC_CA_FILE", ca)
	b.mustRun(t, "login", "--browser", "testbrowser", "--redirect-uri", "http://[::1]:0/callback")
	b.expire(t)
	b.idp.ResetRequests()
	b.mustRun(t, "token")
	if r := b.idp.Requests(); r.RefreshToken != 1 {
		t.Errorf("requests: %+v", r)
	}
}
