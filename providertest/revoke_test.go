package providertest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// A refresh token ends the whole session, also one that was replaced; the
// access tokens of another session live on.
func TestRevokingAGrant(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	w, rp := noRedirects(p), newRelyingParty(t, p)
	other := rp.signIn()
	first := rp.signIn()
	second, err := rp.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{first.AccessToken, second.AccessToken, other.AccessToken} {
		if !p.AccessTokenAlive(token) {
			t.Fatal("an access token is not alive to begin with")
		}
	}
	if res := w.post(t, endpointURL(p, "revoke"),
		form("client_id", "cli", "token", first.RefreshToken, "token_type_hint", "refresh_token")); res.StatusCode != 200 ||
		res.text != "" {
		t.Errorf("%s: %s", res.Status, res.text)
	}
	for name, alive := range map[string]bool{
		"first": p.AccessTokenAlive(first.AccessToken), "second": p.AccessTokenAlive(second.AccessToken),
		"refresh": p.Alive(second.RefreshToken),
	} {
		if alive {
			t.Errorf("%s is alive", name)
		}
	}
	if !p.AccessTokenAlive(other.AccessToken) || !p.Alive(other.RefreshToken) {
		t.Error("another session has ended")
	}
	if _, err := rp.refresh(second.RefreshToken); err == nil {
		t.Error("a revoked refresh token was taken")
	}
	if v := p.Violations(); len(v) != 0 {
		t.Error(v)
	}
}

// A hint is not believed, and neither is a client that has no part in a token.
func TestOddRevocations(t *testing.T) {
	p := providertest.New(t,
		providertest.Config{Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}, {ID: "web", Secret: "s3cret"}}})
	w := noRedirects(p)
	token := newRelyingParty(t, p).signIn()
	for _, c := range []struct {
		pairs      []string
		status     int
		violations int
	}{
		{[]string{"client_id", "cli", "token", "unknown", "token_type_hint", "x"}, 200, 0},
		{[]string{"client_id", "other", "token", token.RefreshToken}, 200, 1},
		{[]string{"client_id", "other", "token", token.AccessToken}, 200, 1},
		{[]string{"client_id", "cli", "token", ""}, 400, 0},
		{[]string{"client_id", "cli", "token", token.RefreshToken, "token", "x"}, 400, 0},
		{[]string{"client_id", "web", "token", token.RefreshToken}, 401, 0},
		{[]string{"token", token.RefreshToken}, 401, 0},
	} {
		p.ResetRequests()
		res := w.post(t, endpointURL(p, "revoke"), form(c.pairs...))
		if v := p.Violations(); res.StatusCode != c.status || len(v) != c.violations || !p.Alive(token.RefreshToken) ||
			!p.AccessTokenAlive(token.AccessToken) {
			t.Errorf("%v: %s, %v", c.pairs, res.Status, v)
		}
	}
	w.post(t, endpointURL(p, "revoke"),
		form("client_id", "cli", "token", token.RefreshToken, "token_type_hint", "access_token"))
	if p.Alive(token.RefreshToken) || len(p.Violations()) != 1 {
		t.Errorf("a wrong hint was believed: %v", p.Violations())
	}
	if res := w.get(t, endpointURL(p, "revoke?client_id=cli&token=x")); res.StatusCode != 405 {
		t.Error(res.Status)
	}
}

func TestFaultsOfRevocation(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	w := noRedirects(p)
	token := newRelyingParty(t, p).signIn()
	p.Fault(providertest.Revoke, providertest.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}, Times: 1})
	p.Fault(providertest.Revoke, providertest.Fault{Status: 400, Body: `{"error":"unsupported_token_type"}`, Times: 1})
	for _, want := range []int{503, 400, 200} {
		if !p.Alive(token.RefreshToken) {
			t.Error("a fault revoked the token")
		}
		if res := w.post(t, endpointURL(p, "revoke"),
			form("client_id", "cli", "token", token.RefreshToken)); res.StatusCode != want {
			t.Errorf("%s, want %d", res.Status, want)
		}
	}
	if p.Alive(token.RefreshToken) {
		t.Error("the token is alive")
	}
}

func TestLogoutHint(t *testing.T) {
	clock := newClock()
	p := providertest.New(t,
		providertest.Config{Now: clock.Now, Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}}})
	stranger := providertest.New(t, providertest.Config{})
	w := noRedirects(p)
	id, _ := newRelyingParty(t, p).signIn().Extra("id_token").(string)
	foreign, _ := newRelyingParty(t, stranger).signIn().Extra("id_token").(string)
	clock.advance(48 * time.Hour) // an ID token that has expired is a hint too
	const bye = "http://127.0.0.1:1/bye"
	for _, c := range []struct {
		pairs  []string
		status int
	}{
		{[]string{"id_token_hint", id}, 200},
		{[]string{"id_token_hint", id, "client_id", "cli"}, 200},
		{[]string{"id_token_hint", id, "post_logout_redirect_uri", bye, "state", "s"}, 302},
		{[]string{"client_id", "cli", "logout_hint", "alice"}, 200},
		{[]string{"id_token_hint", id, "client_id", "other"}, 400},
		{[]string{"id_token_hint", foreign}, 400},
		{[]string{"id_token_hint", "x"}, 400},
		{[]string{"client_id", "nobody"}, 400},
		{[]string{"post_logout_redirect_uri", bye}, 400},
		{[]string{"client_id", "cli", "client_id", "other"}, 400},
	} {
		params := form(c.pairs...)
		got, posted := w.get(t, endpointURL(p, "logout?"+params.Encode())), w.post(t, endpointURL(p, "logout"), params)
		for _, res := range []response{got, posted} {
			if res.StatusCode != c.status || c.status == 302 && res.Header.Get("Location") != bye+"?state=s" {
				t.Errorf("%s %v: %s %v", res.Request.Method, c.pairs, res.Status, res.Header)
			}
		}
	}
	req, _ := http.NewRequest(http.MethodDelete, endpointURL(p, "logout"), nil)
	res, err := w.Do(req)
	if got := read(t, res, err); got.StatusCode != 405 {
		t.Error(got.Status)
	}
}
