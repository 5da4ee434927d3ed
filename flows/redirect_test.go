package flows

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// taken listens on a free port of an address and returns the port.
func taken(t *testing.T, network, host string) string {
	t.Helper()
	ln, err := net.Listen(network, net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// hasIPv6 reports whether this machine's loopback has ::1.
func hasIPv6(t *testing.T) bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("this machine has no ::1, so only IPv4 is looked at: %v", err)
		return false
	}
	_ = ln.Close()
	return true
}

// Every kind of redirect URI carries a whole sign-in, also without a path.
func TestRedirectKinds(t *testing.T) {
	uris := []string{"http://127.0.0.1:0/callback", "http://127.0.0.1:0", "http://127.0.0.1:0/",
		"http://127.0.0.1:0/deep/er%20path", "http://localhost:0/cb"}
	if hasIPv6(t) {
		uris = append(uris, "http://[::1]:0/cb")
	}
	for _, uri := range uris {
		t.Run(uri, func(t *testing.T) {
			p := providertest.New(t,
				providertest.Config{Clients: []providertest.Client{{ID: "cli",
					RedirectURIs: []string{strings.Replace(uri, ":0", ":*", 1)}}}})
			if _, err := signIn(t, p, []string{uri}, func(v visit) { v.browse() }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Whoever holds connections open, with a request that never comes or with a
// body that never does, does not keep the browser out.
func TestLoopbackSlowConnections(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Config{})
	for name, request := range map[string]string{
		"that say nothing":            "",
		"that begin a header":         "GET /callback HTTP/1.1\r\nHost: ",
		"that announce a body":        "POST /callback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
		"that begin a body in chunks": "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"that wait for /done":         "GET /done HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"that go on and on": "GET /callback HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n" +
			"GET /callback HTTP/1.1\r\nHost:",
	} {
		t.Run("connections "+name, func(t *testing.T) {
			res, err := signIn(t, p, nil, func(v visit) {
				v.browser.Timeout = 20 * time.Second // ends a test that has failed
				for range 384 {
					c, err := net.Dial("tcp", v.redirect.Host)
					if err != nil {
						t.Error(err)
						break
					}
					defer c.Close()
					_, _ = io.WriteString(c, request)
				}
				v.browse()
			})
			if err != nil || res == nil {
				t.Fatalf("the sign-in ended with %v", err)
			}
		})
	}
}

var aliceAt = credential.Identity{Issuer: "https://login.corp.example/realms/corp", Subject: "1", Name: "Alice Example",
	Email: "alice@corp.example"}

// Each outcome has a page of its own, which says what to do next. Only that of a
// success names the account that signed in and the provider.
func TestOutcomePages(t *testing.T) {
	titles := map[string]bool{}
	for name, err := range map[string]error{
		"success": nil, "denied": fmt.Errorf("browser sign-in: %w: not today", ErrDenied),
		"failed": errors.New("browser sign-in: it did not work"),
		"which":  &OrganizationChoiceError{Err: &OAuthError{}},
	} {
		p := outcomePage(aliceAt, err)
		if titles[p.Title] || !strings.Contains(p.Text, "terminal") || (p.Class == "ok") != (err == nil) ||
			(p.Who+p.Where == "") != (err != nil) {
			t.Errorf("%s: %+v", name, p)
		}
		titles[p.Title] = true
	}
	for _, c := range []struct {
		who         credential.Identity
		name, where string
	}{
		{aliceAt, "alice@corp.example", "login.corp.example"},
		{credential.Identity{Issuer: "https://[::1]:8443", Subject: "00u1"}, "00u1", "[::1]:8443"},
		{credential.Identity{Issuer: "https://a.example", Email: "<b>\x1b[2J\u202egro.evil{text}"}, "<b>[2Jgro.evil{text}",
			"a.example"},
		{credential.Identity{Email: strings.Repeat("x", 5000)}, strings.Repeat("x", 100) + "…", ""},
		{credential.Identity{}, "", ""},
	} {
		if p := outcomePage(c.who, nil); p.Who != c.name || p.Where != c.where {
			t.Errorf("%+v", p)
		}
	}
	p := providertest.New(t, providertest.Config{})
	var text string
	if _, err := signIn(t, p, nil, func(v visit) { _, text = v.browse() }); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(p.Issuer())
	if !strings.Contains(text, "<bdi>alice@corp.example</bdi>") || !strings.Contains(text, "<bdi>"+u.Host+"</bdi>") {
		t.Errorf("the page of a sign-in does not name alice at %s: %s", u.Host, text)
	}
}
