package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// sessionStatus is what status -o json says of a session.
type sessionStatus struct {
	ID          string
	Identity    string
	Account     string
	Subject     string
	Issuer      string
	ClientID    string
	Label       string `json:"session"`
	Scopes      []string
	Flow        string
	SignedInAt  time.Time
	AccessUntil time.Time
	Renews      bool
	Store       string
	Check       *struct {
		OK    bool
		Error string
	}
}

func sessionsOf(t *testing.T, document string) []sessionStatus {
	t.Helper()
	var all struct{ Sessions []sessionStatus }
	if err := json.Unmarshal([]byte(document), &all); err != nil || all.Sessions == nil {
		t.Fatalf("not what status -o json says (%v): %q", err, document)
	}
	return all.Sessions
}

// status lists all sessions of the machine.
func (c *client) status() []sessionStatus {
	c.t.Helper()
	return sessionsOf(c.t, c.sso("status", "-o", "json", "--cache-dir", c.cache).ok())
}

// TestStatus asks the provider for nothing until it is told to, and then learns
// what the provider has done meanwhile.
func TestStatus(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	c.wantNoSession("status", "-o", "json")
	c.wantNoSession("status", "--check", "-o", "json")

	began := time.Now().Truncate(time.Second)
	c.signIn()
	p.forget()
	all := sessionsOf(t, c.run("status", "-o", "json").ok())
	if len(all) != 1 {
		t.Fatalf("%d sessions", len(all))
	}
	s := all[0]
	if s.Identity != "human" || s.Account != alice.Email || s.Subject != alice.Email || s.Issuer != p.issuer ||
		s.ClientID != clientID ||
		s.Flow != "pkce" || !s.Renews || s.Store != "file" || s.Check != nil || !slices.Contains(s.Scopes, "groups") ||
		s.SignedInAt.Before(began) || s.AccessUntil.Before(began.Add(time.Hour)) {
		t.Errorf("the session: %+v", s)
	}
	text := c.run("status").ok()
	for _, word := range []string{alice.Email, p.issuer, s.ID, "pkce"} {
		if !strings.Contains(text, word) {
			t.Errorf("status does not say %q:\n%s", word, text)
		}
	}
	if more := c.status(); len(more) != 1 || more[0].ID != s.ID {
		t.Errorf("without flags: %+v", more)
	}
	p.requests(map[string]int{})
	had := c.stored()
	for _, secret := range []string{had.AccessToken, had.RefreshToken, had.IDToken} {
		if secret == "" || strings.Contains(text, secret) {
			t.Error("a token is shown")
		}
	}

	checked := sessionsOf(t, c.run("status", "--check", "-o", "json").ok())
	if len(checked) != 1 || checked[0].Check == nil || !checked[0].Check.OK {
		t.Errorf("checked: %+v", checked)
	}
	if now := c.stored(); now.RefreshToken == had.RefreshToken {
		t.Error("a session is good only once it was renewed")
	}
	p.requests(map[string]int{"POST /token": 1})

	// The provider ends it; nobody tells sso-exec.
	p.post("/token/revocation", url.Values{"token": {c.stored().RefreshToken}})
	p.forget()
	c.run("status").ok()
	p.requests(map[string]int{})
	c.wantNoSession("status", "--check", "-o", "json")
	c.wantNoSession("status", "-o", "json")
	c.signIn()
	c.run("status", "--check").ok()
}

// TestStatusUnreachable: a provider that is not there says nothing about a session.
func TestStatusUnreachable(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	c.signIn()
	p.front.Close()
	res := c.run("status", "--check", "-o", "json").wait()
	if res.code != 5 {
		t.Errorf("ended with %d, want 5: %s", res.code, res.stderr)
	}
	all := sessionsOf(t, res.stdout)
	if len(all) != 1 || all[0].Check == nil || all[0].Check.OK || all[0].Check.Error == "" {
		t.Errorf("checked: %+v", all)
	}
	c.run("status").ok()
}

func TestWhoami(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	if res := c.run("whoami", "-o", "json").wait(); res.code != 3 || res.stdout != "" {
		t.Errorf("before anybody has signed in: %d, %q", res.code, res.stdout)
	}
	c.signIn()
	p.forget()
	var who struct {
		Account, Subject, Issuer, ClientID string
		Claims                             struct {
			Email, Sub, Iss, Aud string
			Groups               []string
		}
		Tokens []struct {
			Type     string
			Audience []string
			Until    time.Time
			TakenBy  string
		}
	}
	document := c.run("whoami", "-o", "json").ok()
	if err := json.Unmarshal([]byte(document), &who); err != nil {
		t.Fatal(err)
	}
	if who.Account != alice.Email || who.Subject != alice.Email || who.Issuer != p.issuer || who.ClientID != clientID ||
		who.Claims.Email != alice.Email || who.Claims.Iss != p.issuer || who.Claims.Aud != clientID ||
		!slices.Equal(who.Claims.Groups, alice.Groups) {
		t.Errorf("who: %+v", who)
	}
	for i, want := range []struct {
		kind     string
		audience []string
	}{{"id", []string{clientID}}, {"access", []string{}}} {
		if len(who.Tokens) != 2 {
			t.Fatalf("%d tokens: %s", len(who.Tokens), document)
		}
		if got := who.Tokens[i]; got.Type != want.kind || !slices.Equal(got.Audience, want.audience) || got.TakenBy == "" ||
			!got.Until.After(time.Now()) {
			t.Errorf("token %d: %+v", i, got)
		}
	}
	text := c.run("whoami").ok()
	for _, word := range []string{alice.Email, p.issuer, "dev, ops"} {
		if !strings.Contains(text, word) {
			t.Errorf("whoami does not say %q:\n%s", word, text)
		}
	}
	had := c.stored()
	for _, secret := range []string{had.AccessToken, had.RefreshToken, had.IDToken} {
		if strings.Contains(text+document, secret) {
			t.Error("a token is shown")
		}
	}
	p.requests(map[string]int{})
	c.run("logout").ok()
	if res := c.run("whoami").wait(); res.code != 3 || res.stdout != "" {
		t.Errorf("after the sign-out: %d, %q", res.code, res.stdout)
	}
}

// wantNoSession fails unless a status command lists none, and says so with its
// exit code too.
func (m member) wantNoSession(command string, more ...string) {
	m.t.Helper()
	res := m.run(command, more...).wait()
	if res.code != 3 {
		m.t.Errorf("ended with %d, want 3; stderr: %s", res.code, res.stderr)
	}
	if all := sessionsOf(m.t, res.stdout); len(all) != 0 {
		m.t.Errorf("lists %+v", all)
	}
}
