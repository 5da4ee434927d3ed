package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestManyAtOnce lets twenty processes find the same expired token. Dex rotates
// the refresh token and takes each only once, so one of them has to refresh for all.
func TestManyAtOnce(t *testing.T) {
	const life = 20 * time.Second
	c := newClient(t, newDex(t, dex.Options{IDTokenLifetime: life}))
	expired := c.signIn()
	time.Sleep(life + time.Second)

	c.dex.ResetRequests()
	answers := map[string]bool{}
	for _, one := range c.many(20, c.pkce()...) {
		answers[execToken(t, one.ok())] = true
	}
	c.requests(map[string]int{"POST /token": 1})
	if len(answers) != 1 || answers[expired] {
		t.Errorf("%d different tokens, the expired one among them: %v; want one new one", len(answers), answers[expired])
	}
}

// TestForcedAtOnce: a token that was stored since a process began is new enough
// for its --force. Dex is slow here, so that all begin before the first is done,
// and its clock is behind, so that its word for when that was is of no use.
func TestForcedAtOnce(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{
		Now: func() time.Time { return time.Now().UTC().Add(-30 * time.Second) },
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					time.Sleep(time.Second)
				}
				next.ServeHTTP(w, r)
			})
		},
	}))
	first := c.signIn()
	c.dex.ResetRequests()
	for _, one := range c.many(10, "--force") {
		if execToken(t, one.ok()) == first {
			t.Error("answered the token from before")
		}
	}
	c.requests(map[string]int{"POST /token": 1})
}

// TestOneBrowserForMany starts twenty processes before anybody has signed in.
func TestOneBrowserForMany(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	all := c.many(20, c.pkce()...)
	c.visit(c.url(all[0]))
	for _, one := range all {
		execToken(t, one.ok())
	}
	if n := len(c.urls); n != 0 {
		t.Errorf("%d more browsers were opened", n)
	}
}

// TestOneDenialForMany: who waited for the same sign-in gets the same answer.
func TestOneDenialForMany(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	all := c.many(5, c.pkce()...)
	redirect, state := callbackOf(t, c.url(all[0]))
	time.Sleep(time.Second) // until all of them wait
	resp, err := http.DefaultTransport.RoundTrip(request(t, "GET", redirect+"?error=access_denied&state="+state))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, one := range all {
		if res := one.wait(); res.code != 4 || res.stdout != "" {
			t.Errorf("ended with %d and the stdout %q, want 4 and none; stderr: %s", res.code, res.stdout, res.stderr)
		}
	}
	if n := len(c.urls); n != 0 {
		t.Errorf("%d more browsers were opened", n)
	}
}

// many starts as many processes at once, all of which ask for the same.
func (c *client) many(n int, more ...string) []*command {
	c.t.Helper()
	var all []*command
	for range n {
		all = append(all, c.sso(c.args("kube", more...)...))
	}
	return all
}
