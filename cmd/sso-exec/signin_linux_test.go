package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// notedPages has the browser write down each page instead of opening it, and returns
// how to read them.
func (b *bench) notedPages(t testing.TB) func() []string {
	t.Helper()
	dir := t.TempDir()
	list, program := filepath.Join(dir, "pages"), filepath.Join(dir, "browser")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$1\" >>'"+list+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.setenv("SSO_EXEC_BROWSER", program)
	return func() []string {
		text, _ := os.ReadFile(list)
		return strings.Fields(string(text))
	}
}

// query is that of a page's address.
func query(t testing.TB, page string) url.Values {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// latchOf returns how long the one latch holds others back; 0 if there is none.
func (b *bench) latchOf(t testing.TB) time.Duration {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, "latches", "*.json"))
	if err != nil || len(names) == 0 {
		return 0
	}
	var l struct{ FailedAt, Until time.Time }
	if text, err := os.ReadFile(names[0]); err != nil || json.Unmarshal(text, &l) != nil {
		t.Fatal(names, err)
	}
	return l.Until.Sub(l.FailedAt)
}

// TestDenialByAnybody: another user of the machine has read the state from the
// browser's command line, and sends an error to the listener. It is the answer for
// who waits for that sign-in. What comes later asks again, after ten seconds at most,
// however often he has done so.
func TestDenialByAnybody(t *testing.T) {
	for _, command := range []string{"kube", "login"} {
		for _, code := range []string{"access_denied", "unmet_authentication_requirements", "login_required", "server_error",
			"invalid_scope",
			"organization_selection_required", "no such code"} {
			t.Run(command+" "+code, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, providertest.Config{})
				pages := b.notedPages(t)
				for round := range 3 {
					p := b.start(t, command, "--flow", "pkce")
					until(t, "a page is opened", func() bool { return len(pages()) == round+1 || !p.running() })
					if len(pages()) != round+1 {
						t.Fatalf("round %d: no page: %s", round, p.wait(t).stderr)
					}
					asked := query(t, pages()[round])
					answer := url.Values{"error": {code}, "state": asked["state"], "iss": {b.idp.Issuer()}}
					resp, err := http.Get(asked.Get("redirect_uri") + "?" + answer.Encode())
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					o := p.wait(t)
					if o.code == 0 || o.stdout != "" || code == "access_denied" && o.code != 4 {
						t.Errorf("exit code %d, %q", o.code, o.stdout)
					}
					if held := b.latchOf(t); held > 10*time.Second {
						t.Errorf("round %d: later calls are held back for %v", round, held)
					}
					b.shiftIn(t, "latches", -10*time.Second)
				}
				b.mustRun(t, "kube", "--flow", "pkce", "--browser", "testbrowser")
			})
		}
	}
}

// TestDenialByProvider: what the provider says over TLS, and a person who does not
// answer, hold others back for longer each time.
func TestDenialByProvider(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		refuse bool
	}{
		"a device sign-in":   {[]string{"--flow", "device"}, true},
		"nobody answers":     {[]string{"--flow", "pkce", "--login-timeout", "1s"}, false},
		"nobody answers, in": {[]string{"--flow", "device", "--login-timeout", "1s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Config{})
			b.notedPages(t)
			for _, want := range []time.Duration{time.Minute, 2 * time.Minute} {
				p := b.start(t, append([]string{"kube"}, c.args...)...)
				if c.refuse {
					until(t, "a code is shown", func() bool { return len(b.idp.PendingUserCodes()) == 1 })
					if err := b.idp.DenyDevice(b.idp.PendingUserCodes()[0]); err != nil {
						t.Fatal(err)
					}
				}
				if o := p.wait(t); o.code != 4 {
					t.Errorf("exit code %d: %s", o.code, o.stderr)
				}
				if held := b.latchOf(t); held != want {
					t.Errorf("later calls are held back for %v, want %v", held, want)
				}
				b.shiftIn(t, "latches", -want)
			}
		})
	}
}

// fixedPort returns a redirect URI with a port that was free just now.
func fixedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String() + "/callback"
}

// visit opens a page as a browser does.
func (b *bench) visit(t testing.TB, page string) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b.idp.CAPEM())
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}).Get(page)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestFixedPort: sign-ins of several sessions that need the same port take turns, each
// with a page of its own.
func TestFixedPort(t *testing.T) {
	start := func(t *testing.T) (b *bench, pages func() []string) {
		t.Parallel()
		b = newBench(t, providertest.Config{Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}},
			Scopes: []string{"openid", "offline_access", "a", "b"}})
		return b, b.notedPages(t)
	}
	// turns visits one page after the other. While it is open there is no other.
	turns := func(t *testing.T, b *bench, pages func() []string, from, to int) {
		for n := from; n < to; n++ {
			until(t, "the next page is opened", func() bool { return len(pages()) > n })
			if all := pages(); len(all) != n+1 {
				t.Errorf("%d pages at once", len(all)-n)
			}
			b.visit(t, pages()[n])
		}
	}
	ends := func(t *testing.T, all ...*proc) {
		for _, p := range all {
			if o := p.wait(t); o.code != 0 || o.stdout == "" {
				t.Errorf("exit code %d: %s", o.code, o.stderr)
			}
		}
	}
	t.Run("three at once", func(t *testing.T) {
		b, pages := start(t)
		uri := "--redirect-uri=" + fixedPort(t)
		all := []*proc{b.start(t, "kube", uri, "--scope", "a"), b.start(t, "token", uri, "--scope", "b"),
			b.start(t, "kube", uri, "--client-id", "other")}
		turns(t, b, pages, 0, 3)
		ends(t, all...)
	})
	t.Run("two candidates", func(t *testing.T) {
		b, pages := start(t)
		uris := []string{"kube", "--redirect-uri", fixedPort(t), "--redirect-uri", fixedPort(t), "--session"}
		all := []*proc{b.start(t, append(uris, "1")...), b.start(t, append(uris, "2")...)}
		until(t, "two pages are opened", func() bool { return len(pages()) == 2 })
		all = append(all, b.start(t, append(uris, "3")...))
		b.visit(t, pages()[0])
		b.visit(t, pages()[1])
		turns(t, b, pages, 2, 3)
		ends(t, all...)
	})
	t.Run("nobody answers", func(t *testing.T) {
		b, pages := start(t)
		uri := fixedPort(t)
		first := b.start(t, "kube", "--redirect-uri", uri)
		until(t, "its page is opened", func() bool { return len(pages()) == 1 })
		o := b.run("kube", "--redirect-uri", uri, "--session", "x", "--login-timeout", "1s")
		u, _ := url.Parse(uri)
		if o.code != 4 || o.stdout != "" || !strings.Contains(o.stderr, "port "+u.Port()) ||
			strings.Contains(o.stderr, "browser show") || b.latchOf(t) != 0 {
			t.Errorf("exit code %d, latch %v: %s", o.code, b.latchOf(t), o.stderr)
		}
		// who is killed frees it
		third := b.start(t, "kube", "--redirect-uri", uri, "--session", "y")
		first.signal(syscall.SIGKILL)
		first.wait(t)
		turns(t, b, pages, 1, 2)
		ends(t, third)
	})
	t.Run("a stranger's port", func(t *testing.T) {
		b, pages := start(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		o := b.run("kube", "--redirect-uri", "http://"+l.Addr().String()+"/callback")
		if o.code != 1 || o.stdout != "" || !strings.Contains(o.stderr, l.Addr().String()) || len(pages()) != 0 {
			t.Errorf("exit code %d: %s", o.code, o.stderr)
		}
	})
}
