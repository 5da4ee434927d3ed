package providertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

func refreshForm(token string) url.Values {
	return form("grant_type", "refresh_token", "client_id", "cli", "refresh_token", token)
}

func TestFaults(t *testing.T) {
	p := providertest.New(t, providertest.Config{Alg: "ES256"})
	w, keys := noRedirects(p), endpointURL(p, "keys")
	for _, test := range []struct {
		name  string
		fault providertest.Fault
		check func(response) bool
	}{
		{"status", providertest.Fault{Status: 503, Header: http.Header{"retry-after": {"7"}}},
			func(r response) bool {
				return r.StatusCode == 503 && r.Header.Get("Retry-After") == "7" && r.text == ""
			}},
		{"html", providertest.Fault{Body: "<html>sign in to the hotel"},
			func(r response) bool {
				return r.StatusCode == 200 && strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
			}},
		{"json", providertest.Fault{Status: 429, Body: `{"error":"slow"}`},
			func(r response) bool {
				return r.StatusCode == 429 && r.oauthError() == "slow" && r.Header.Get("Content-Type") == "application/json"
			}},
		{"redirect", providertest.Fault{Redirect: "https://evil.invalid/"},
			func(r response) bool {
				return r.StatusCode == 307 && r.Header.Get("Location") == "https://evil.invalid/"
			}},
		{"redirect with a status", providertest.Fault{Redirect: "/x", Status: 302},
			func(r response) bool { return r.StatusCode == 302 }},
		{"oversize", providertest.Fault{OversizeBytes: 1 << 20},
			func(r response) bool {
				return len(r.text) == 1<<20 && len(r.members["access_token"].(string)) == 1<<20-20+1
			}},
		{"delay", providertest.Fault{Delay: 20 * time.Millisecond},
			func(r response) bool { return r.StatusCode == 200 && r.members["keys"] != nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.fault.Times = 1
			p.Fault(providertest.JWKS, test.fault)
			start := time.Now()
			if res := w.get(t, keys); !test.check(res) {
				t.Errorf("%d %v %.100s", res.StatusCode, res.Header, res.text)
			}
			if time.Since(start) < test.fault.Delay {
				t.Error("no delay")
			}
			if res := w.get(t, keys); res.StatusCode != 200 || res.members["keys"] == nil {
				t.Errorf("afterwards: %d %.100s", res.StatusCode, res.text)
			}
		})
	}
}

func TestFaultsQueueAndNest(t *testing.T) {
	p := providertest.New(t, providertest.Config{Alg: "ES256"})
	w := noRedirects(p)
	p.Fault(providertest.RefreshToken, providertest.Fault{Status: 500, Times: 2})
	p.Fault(providertest.RefreshToken, providertest.Fault{Status: 501, Times: 1})
	p.Fault("token", providertest.Fault{Status: 502})
	statuses := func(form url.Values, n int) (got []int) {
		for range n {
			got = append(got, w.post(t, endpointURL(p, "token"), form).StatusCode)
		}
		return got
	}
	equal := func(got []int, want ...int) {
		t.Helper()
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%v, want %v", got, want)
			}
		}
	}
	equal(statuses(form("grant_type", deviceGrant, "client_id", "cli"), 2), 502, 502)
	equal(statuses(refreshForm("x"), 5), 500, 500, 501, 502, 502)
	p.ClearFaults("token")
	equal(statuses(refreshForm("x"), 1), 400)
	p.Fault("discovery", providertest.Fault{Status: 404})
	if w.get(t, endpointURL(p, ".well-known/openid-configuration")).StatusCode != 404 ||
		w.get(t, endpointURL(p, ".well-known/oauth-authorization-server")).StatusCode != 404 {
		t.Error("discovery stands for both documents")
	}
	p.ClearFaults()
	p.Fault(providertest.OpenID, providertest.Fault{Status: 404})
	if w.get(t, endpointURL(p, ".well-known/openid-configuration")).StatusCode != 404 ||
		w.get(t, endpointURL(p, ".well-known/oauth-authorization-server")).StatusCode != 200 {
		t.Error("one document alone")
	}
	if c := p.Requests(); c.Token != 8 || c.RefreshToken != 6 || c.Discovery != 4 {
		t.Errorf("what fails is counted too: %+v", c)
	}
}

func TestDropLosesTheConnection(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	p.Fault(providertest.RefreshToken, providertest.Fault{Drop: true, Times: 1})
	_, err := p.Client().PostForm(endpointURL(p, "token"), refreshForm(token.RefreshToken))
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if live := p.RefreshTokens(); live[0] != token.RefreshToken {
		t.Error("a request that was dropped before had an effect")
	}
	if _, err := rp.refresh(token.RefreshToken); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// The server rotates, and the answer is lost: whoever tries again with the old
// token loses the session.
func TestAnswersLostAfterProcessing(t *testing.T) {
	for name, fault := range map[string]providertest.Fault{
		"drop":   {Drop: true, AfterProcessing: true},
		"cut":    {CutAfter: 10},
		"status": {Status: 502, AfterProcessing: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{})
			rp := newRelyingParty(t, p)
			token := rp.signIn()
			fault.Times = 1
			p.Fault(providertest.Token, fault)
			res, err := p.Client().PostForm(endpointURL(p, "token"), refreshForm(token.RefreshToken))
			if err == nil {
				var body []byte
				body, err = io.ReadAll(res.Body)
				res.Body.Close()
				if fault.CutAfter > 0 && len(body) != fault.CutAfter {
					t.Errorf("%d bytes", len(body))
				}
			}
			if fault.Status == 0 && err == nil {
				t.Error("a whole answer")
			}
			live := p.RefreshTokens()
			if len(live) != 1 || live[0] == token.RefreshToken || live[0] != p.LastTokens().RefreshToken {
				t.Errorf("not rotated: %v", live)
			}
			if _, err := rp.refresh(token.RefreshToken); errorCode(err) != "invalid_grant" || p.Reuses() != 1 {
				t.Errorf("%v, %d reuses", err, p.Reuses())
			}
			log := p.Log()
			if got := log[len(log)-2].Status; got != fault.Status {
				t.Errorf("logged status %d", got)
			}
		})
	}
}

func TestHangingEndsWithTheClientAndAtClose(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	p.Fault(providertest.RefreshToken, providertest.Fault{Delay: time.Hour, AfterProcessing: true, Times: 1})
	ctx, cancel := context.WithTimeout(rp.ctx, 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "POST", endpointURL(p, "token"),
		strings.NewReader(refreshForm(token.RefreshToken).Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := p.Client().Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if p.RefreshTokens()[0] == token.RefreshToken {
		t.Error("not rotated")
	}

	p.Fault(providertest.JWKS, providertest.Fault{Delay: time.Hour})
	done := make(chan error)
	go func() {
		_, err := p.Client().Get(endpointURL(p, "keys"))
		done <- err
	}()
	for p.Requests().JWKS == 0 { // it counts what arrives, not what is answered
		time.Sleep(time.Millisecond)
	}
	p.Close()
	if err := <-done; err == nil {
		t.Error("an answer after Close")
	}
	p.Close()
}

func TestEditTokenAnswers(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	p.Edit(providertest.Token, providertest.With("expires_in", 3599.5))
	p.Edit(providertest.RefreshToken, providertest.Without("token_type", "refresh_token"))
	res := noRedirects(p).post(t, endpointURL(p, "token"), refreshForm(token.RefreshToken))
	if res.members["expires_in"] != 3599.5 || res.members["token_type"] != nil || res.members["refresh_token"] != nil ||
		res.members["id_token"] == nil {
		t.Error(res.text)
	}
	if p.LastTokens().RefreshToken == "" {
		t.Error("the provider noticed the edit")
	}
	res = noRedirects(p).post(t, endpointURL(p, "token"), refreshForm("unknown"))
	if res.members["expires_in"] != nil {
		t.Errorf("an edited error: %s", res.text)
	}
}

func TestHugeRequestIsRefused(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	res := noRedirects(p).post(t, endpointURL(p, "token"), form("x", strings.Repeat("y", 2<<20)))
	if res.StatusCode != 400 || p.Requests().All != 0 {
		t.Error(res.Status)
	}
}

func TestMisspeltEndpointsPanic(t *testing.T) {
	p := providertest.New(t, providertest.Config{PlainHTTP: true})
	for name, call := range map[string]func(){
		"Fault":       func() { p.Fault("tokens", providertest.Fault{Status: 500}) },
		"ClearFaults": func() { p.ClearFaults("tokens") },
		"Edit":        func() { p.Edit("tokens", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took it", name)
				}
			}()
			call()
		}()
	}
	p.ClearFaults() // holds no lock
}
