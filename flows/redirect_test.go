package flows

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

func TestCheckRedirectURI(t *testing.T) {
	for raw, ok := range map[string]bool{
		"http://127.0.0.1:0/callback": true, "http://127.0.0.1": true, "http://[::1]:8000/cb": true, "http://localhost:8000/cb": true, "http://localhost": true, "http://127.3.2.1/": true,
		"https://127.0.0.1/cb": false, "http://0.0.0.0/cb": false, "http://[::]/cb": false, "http://10.0.0.1/cb": false, "http://localhost.example/cb": false, "http://127.1/cb": false,
		"http://127.0.0.1/cb?a=b": false, "http://127.0.0.1/cb#f": false, "http://u@127.0.0.1/cb": false, "http://127.0.0.1/done": false,
		"urn:ietf:wg:oauth:2.0:oob": false, "": false, "http://": false, "http://127.0.0.1:port/": false,
	} {
		if _, err := CheckRedirectURI(raw); (err == nil) != ok {
			t.Errorf("%q: %v, want ok %v", raw, err, ok)
		}
	}
}

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

func TestRedirectCandidates(t *testing.T) {
	busy := taken(t, "tcp4", "127.0.0.1")
	for _, c := range []struct {
		name       string
		candidates []string
		prefix     string // of the redirect URI; empty: none can be had
	}{
		{"none given", nil, "http://127.0.0.1:"},
		{"a free port", []string{"http://127.0.0.1:0/cb"}, "http://127.0.0.1:"},
		{"no port means any", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1:"},
		{"the first is taken", []string{"http://127.0.0.1:" + busy + "/cb", "http://127.0.0.1:0/second"}, "http://127.0.0.1:"},
		{"all are taken", []string{"http://127.0.0.1:" + busy + "/cb", "http://127.0.0.1:" + busy + "/second"}, ""},
		{"localhost, whose port 127.0.0.1 has given away", []string{"http://localhost:" + busy + "/cb"}, ""},
		{"a port that does not exist", []string{"http://127.0.0.1:70000/cb", "http://127.0.0.1:0/second"}, "http://127.0.0.1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := listenLoopback(c.candidates)
			if c.prefix == "" {
				if err == nil {
					l.close()
					t.Fatalf("listens on %s", l.redirectURI)
				}
				for _, uri := range c.candidates {
					if !strings.Contains(err.Error(), uri) {
						t.Errorf("the error does not name %s: %v", uri, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			u, err := url.Parse(l.redirectURI)
			if err != nil || !strings.HasPrefix(l.redirectURI, c.prefix) || u.Port() == "0" || u.Port() == "" || u.Port() == busy {
				t.Errorf("redirect URI %q", l.redirectURI)
			}
			if len(c.candidates) == 2 && u.Path != "/second" {
				t.Errorf("redirect URI %q, want the second candidate", l.redirectURI)
			}
		})
	}
}

// For localhost both families are held: a browser may try either first.
func TestLocalhostHoldsBothFamilies(t *testing.T) {
	l, err := listenLoopback([]string{"http://localhost:0/cb"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	u, _ := url.Parse(l.redirectURI)
	if u.Hostname() != "localhost" {
		t.Errorf("redirect URI %q must keep its name", l.redirectURI)
	}
	var hosts []string
	for _, host := range []string{"127.0.0.1", "::1"} {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			t.Logf("this machine has no %s: %v", host, err)
		} else {
			_ = ln.Close()
			hosts = append(hosts, host)
		}
	}
	for _, host := range hosts {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, u.Port())); err == nil {
			_ = ln.Close()
			t.Errorf("somebody else can listen on %s port %s", host, u.Port())
		}
	}
	if len(l.listeners) != len(hosts) {
		t.Errorf("%d listeners, want %d", len(l.listeners), len(hosts))
	}
}

func TestLocalhostWhosePortIsTakenInOneFamily(t *testing.T) {
	if !hasIPv6(t) {
		return
	}
	busy := taken(t, "tcp6", "::1")
	l, err := listenLoopback([]string{"http://localhost:" + busy + "/cb", "http://localhost:0/second"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if !strings.HasSuffix(l.redirectURI, "/second") {
		t.Errorf("redirect URI %s, though [::1]:%s is somebody else's", l.redirectURI, busy)
	}
	if ln, err := net.Listen("tcp4", "127.0.0.1:"+busy); err != nil {
		t.Errorf("the candidate that was passed over still holds 127.0.0.1: %v", err)
	} else {
		_ = ln.Close()
	}
}

// Every kind of redirect URI carries a whole sign-in, also without a path.
func TestRedirectKinds(t *testing.T) {
	uris := []string{"http://127.0.0.1:0/callback", "http://127.0.0.1:0", "http://127.0.0.1:0/", "http://127.0.0.1:0/deep/er%20path", "http://localhost:0/cb"}
	if hasIPv6(t) {
		uris = append(uris, "http://[::1]:0/cb")
	}
	for _, uri := range uris {
		t.Run(uri, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: "cli", RedirectURIs: []string{strings.Replace(uri, ":0", ":*", 1)}}}})
			if _, err := signIn(t, p, []string{uri}, func(v visit) { v.browse() }); err != nil {
				t.Fatal(err)
			}
		})
	}
}
