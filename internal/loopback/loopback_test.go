package loopback

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCheckRedirectURI(t *testing.T) {
	for raw, ok := range map[string]bool{
		"http://127.0.0.1:0/callback": true, "http://127.0.0.1": true, "http://[::1]:8000/cb": true,
		"http://localhost:8000/cb": true, "http://localhost": true, "http://127.3.2.1/": true,
		"https://127.0.0.1/cb": false, "http://0.0.0.0/cb": false, "http://[::]/cb": false, "http://10.0.0.1/cb": false,
		"http://localhost.example/cb": false, "http://127.1/cb": false,
		"http://127.0.0.1/cb?a=b": false, "http://127.0.0.1/cb#f": false, "http://u@127.0.0.1/cb": false,
		"urn:ietf:wg:oauth:2.0:oob": false, "": false, "http://": false, "http://127.0.0.1:port/": false,
		"http://127.0.0.1:65535/cb": true, "http://127.0.0.1:65536/cb": false, "http://localhost:99999/": false,
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
		{"the first is taken", []string{"http://127.0.0.1:" + busy + "/cb", "http://127.0.0.1:0/second"},
			"http://127.0.0.1:"},
		{"all are taken", []string{"http://127.0.0.1:" + busy + "/cb", "http://127.0.0.1:" + busy + "/second"}, ""},
		{"localhost, whose port 127.0.0.1 has given away", []string{"http://localhost:" + busy + "/cb"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Listen(c.candidates, nil)
			if c.prefix == "" {
				if err == nil {
					l.Close()
					t.Fatalf("listens on %s", l.RedirectURI)
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
			defer l.Close()
			u, err := url.Parse(l.RedirectURI)
			if err != nil || !strings.HasPrefix(l.RedirectURI, c.prefix) || u.Port() == "0" || u.Port() == "" ||
				u.Port() == busy {
				t.Errorf("redirect URI %q", l.RedirectURI)
			}
			if len(c.candidates) == 2 && u.Path != "/second" {
				t.Errorf("redirect URI %q, want the second candidate", l.RedirectURI)
			}
		})
	}
}

// For localhost both families are held: a browser may try either first.
func TestLocalhostHoldsBothFamilies(t *testing.T) {
	l, err := Listen([]string{"http://localhost:0/cb"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, _ := url.Parse(l.RedirectURI)
	if u.Hostname() != "localhost" {
		t.Errorf("redirect URI %q must keep its name", l.RedirectURI)
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
	l, err := Listen([]string{"http://localhost:" + busy + "/cb", "http://localhost:0/second"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !strings.HasSuffix(l.RedirectURI, "/second") {
		t.Errorf("redirect URI %s, though [::1]:%s is somebody else's", l.RedirectURI, busy)
	}
	if ln, err := net.Listen("tcp4", "127.0.0.1:"+busy); err != nil {
		t.Errorf("the candidate that was passed over still holds 127.0.0.1: %v", err)
	} else {
		_ = ln.Close()
	}
}

// One of the families may not be there: the other one is held then.
func TestLocalhostWithOneFamily(t *testing.T) {
	elsewhere := "192.0.2.1" // RFC 5737: no address of this machine
	for _, there := range []string{"127.0.0.1", "::1"} {
		if there == "::1" && !hasIPv6(t) {
			continue
		}
		for _, hosts := range [][]string{{there, elsewhere}, {elsewhere, there}} {
			ls, port, err := bindAll(hosts, "0")
			if err != nil {
				t.Errorf("%v: %v", hosts, err)
				continue
			}
			u, _ := url.Parse("http://localhost/cb")
			l := newListener(u, port, ls)
			l.Serve(func(r *http.Request) (url.Values, bool) { return r.URL.Query(), true }, func(url.Values) {})
			browser := &http.Client{Transport: localhostIs(new(http.Transport), there)}
			if page := get(browser, l.RedirectURI+"/elsewhere"); !strings.Contains(page, pageStray.Title) {
				t.Errorf("%v: %s", hosts, page)
			}
			l.Close()
		}
	}
	if ls, _, err := bindAll([]string{elsewhere}, "0"); err == nil || len(ls) > 0 {
		t.Error("no family at all, and no error")
	}
}

// localhostIs is a browser's network where localhost has one address.
func localhostIs(from *http.Transport, address string) *http.Transport {
	to := from.Clone()
	to.DialContext = func(ctx context.Context, network, target string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(target); err == nil && host == "localhost" {
			target = net.JoinHostPort(address, port)
		}
		return new(net.Dialer).DialContext(ctx, network, target)
	}
	return to
}

// Sign-ins at the same time take the candidates one after the other, and give
// them back.
func TestRedirectCandidatesAtOnce(t *testing.T) {
	var candidates []string
	for range 2 {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, "http://"+ln.Addr().String()+"/cb")
		_ = ln.Close()
	}
	var held []*Listener
	for _, want := range candidates {
		l, err := Listen(candidates, nil)
		if err != nil || l.RedirectURI != want {
			t.Fatalf("%v, want %s", err, want)
		}
		held = append(held, l)
	}
	if _, err := Listen(candidates, nil); !errors.As(err, new(*NoPortError)) {
		t.Errorf("a third one: %v, want a NoPortError", err)
	}
	held[1].Close()
	held[0].Close()
	l, err := Listen(candidates, nil)
	if err != nil || l.RedirectURI != candidates[0] {
		t.Fatalf("after both have ended: %v", err)
	}
	l.Close()
}

// A browser spells an address in its shortest form, whatever is registered.
func TestRedirectHostAsBrowsersSpellIt(t *testing.T) {
	u, err := CheckRedirectURI("http://[0:0:0:0:0:0:0:1]:8000/cb")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(u, "8000", nil)
	if l.host != "[::1]:8000" || l.RedirectURI != "http://[0:0:0:0:0:0:0:1]:8000/cb" {
		t.Errorf("Host %s, redirect URI %s", l.host, l.RedirectURI)
	}
}

// Without a port the redirect URI is one that the provider takes, and the
// caller's list is left as it is.
func TestDeaf(t *testing.T) {
	for raw, prefix := range map[string]string{
		"":                            "http://127.0.0.1:",
		"http://127.0.0.1:8000/cb":    "http://127.0.0.1:8000/cb",
		"http://localhost:00/cb":      "http://localhost:",
		"http://[::1]":                "http://[::1]:",
		"http://127.0.0.1:0/callback": "http://127.0.0.1:",
	} {
		list := make([]string, 0, 2)
		if raw != "" {
			list = append(list, raw)
		}
		l, err := Deaf(list)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		u, err := url.Parse(l.RedirectURI)
		if err != nil || !strings.HasPrefix(l.RedirectURI, prefix) || u.Port() != "8000" &&
			(len(u.Port()) != 5 || u.Port() < "49152" || u.Port() > "65535") {
			t.Errorf("%s becomes %s", raw, l.RedirectURI)
		}
		if list = list[:cap(list)]; list[len(list)-1] != "" {
			t.Errorf("the caller's list was written to: %v", list)
		}
	}
	if _, err := Deaf([]string{"http://192.0.2.1/cb"}); err == nil {
		t.Error("a redirect URI on the network is taken")
	}
}
