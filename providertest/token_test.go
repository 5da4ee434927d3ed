package providertest_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/sso-exec/sso-exec/providertest"
)

func errorCode(err error) string {
	if e := new(oauth2.RetrieveError); errors.As(err, &e) {
		return e.ErrorCode
	}
	return ""
}

func TestRefreshRotatesStrictly(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	first := rp.signIn()
	second, err := rp.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("nothing was replaced")
	}
	if live := p.RefreshTokens(); !slices.Equal(live, []string{second.RefreshToken}) {
		t.Errorf("live: %v", live)
	}
	if _, err := rp.refresh(first.RefreshToken); errorCode(err) != "invalid_grant" {
		t.Errorf("reuse: %v", err)
	}
	if _, err := rp.refresh(second.RefreshToken); errorCode(err) != "invalid_grant" {
		t.Errorf("after the reuse: %v", err)
	}
	if p.Reuses() != 1 || p.ActiveFamilies() != 0 || len(p.RefreshTokens()) != 0 || p.Alive(second.RefreshToken) {
		t.Errorf("%d reuses, %d families", p.Reuses(), p.ActiveFamilies())
	}
}

func TestReuseRace(t *testing.T) {
	p := providertest.New(t, providertest.Config{Alg: "ES256"})
	rp := newRelyingParty(t, p)
	token := rp.signIn().RefreshToken
	var mu sync.Mutex
	var wg sync.WaitGroup
	won := 0
	for range 50 {
		wg.Go(func() {
			_, err := rp.refresh(token)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if errorCode(err) != "invalid_grant" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || p.Reuses() != 49 || p.ActiveFamilies() != 0 {
		t.Errorf("%d won, %d reuses, %d families", won, p.Reuses(), p.ActiveFamilies())
	}
}

func TestRefreshWithoutRotation(t *testing.T) {
	p := providertest.New(t, providertest.Config{NoRotation: true})
	rp := newRelyingParty(t, p)
	token := rp.signIn().RefreshToken
	for range 2 {
		got, err := rp.refresh(token)
		if err != nil {
			t.Fatal(err)
		}
		if last := p.LastTokens(); last.RefreshToken != "" || got.RefreshToken != token {
			t.Errorf("the answer held a refresh token: %+v", last)
		}
	}
	if live := p.RefreshTokens(); !slices.Equal(live, []string{token}) {
		t.Errorf("live: %v", live)
	}
}

func TestRotationGrace(t *testing.T) {
	clock := newClock()
	p := providertest.New(t, providertest.Config{Now: clock.Now, RotationGrace: 30 * time.Second})
	rp := newRelyingParty(t, p)
	token := rp.signIn().RefreshToken
	for range 3 { // its start is the first use
		if _, err := rp.refresh(token); err != nil {
			t.Fatal(err)
		}
		clock.advance(14 * time.Second)
	}
	if _, err := rp.refresh(token); errorCode(err) != "invalid_grant" || p.Reuses() != 1 {
		t.Errorf("after the grace: %v, %d reuses", err, p.Reuses())
	}
}

func TestRefreshTokenExpires(t *testing.T) {
	clock := newClock()
	p := providertest.New(t, providertest.Config{Now: clock.Now, RefreshTokenLifetime: time.Hour})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	clock.advance(40 * time.Minute)
	token, err := rp.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(20 * time.Minute) // rotation does not prolong it
	if _, err := rp.refresh(token.RefreshToken); errorCode(err) != "invalid_grant" {
		t.Errorf("after its end: %v", err)
	}
}

func TestRevokeSession(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	p.RevokeSession("somebody")
	token, err := rp.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	p.RevokeSession("alice")
	if _, err := rp.refresh(token.RefreshToken); errorCode(err) != "invalid_grant" || p.Reuses() != 0 {
		t.Errorf("%v, %d reuses", err, p.Reuses())
	}
}

func TestScopes(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	ask := func(scope string) response {
		return noRedirects(p).post(t, endpointURL(p, "token"), form("grant_type", "refresh_token", "client_id", "cli",
			"refresh_token", p.RefreshTokens()[0], "scope", scope))
	}
	if res := ask("openid email"); res.StatusCode != 200 || res.members["scope"] != "openid email" {
		t.Errorf("narrowing: %s", res.text)
	}
	if res := ask("openid groups"); res.StatusCode != 200 { // the grant itself is as wide as before
		t.Errorf("narrowing again: %s", res.text)
	}
	if res := ask("openid admin"); res.oauthError() != "invalid_scope" || !p.Alive(token.RefreshToken) {
		t.Errorf("widening: %s", res.text)
	}
	if res := ask("email"); res.members["id_token"] != nil {
		t.Errorf("an ID token without openid: %s", res.text)
	}

	rp.config.Scopes = []string{"openid"}
	if token := rp.signIn(); token.RefreshToken != "" {
		t.Error("a refresh token without offline_access")
	}
	rp = newRelyingParty(t, providertest.New(t, providertest.Config{Scopes: []string{"openid", "api"}}))
	rp.config.Scopes = []string{"openid"}
	if token := rp.signIn(); token.RefreshToken == "" {
		t.Error("no refresh token, though the provider has no offline_access")
	}
}

func TestClientAuthentication(t *testing.T) {
	const id, secret = "web app", "s3cr:t+%&" // both must be form-encoded in Basic
	p := providertest.New(t, providertest.Config{Clients: []providertest.Client{
		{ID: "cli"}, {ID: id, Secret: secret}, {ID: "basic", Secret: "x", AuthMethod: "client_secret_basic"},
	}})
	send := func(user, password string, pairs ...string) response {
		params := form(append(pairs, "grant_type", "client_credentials")...)
		req, _ := http.NewRequest("POST", endpointURL(p, "token"), strings.NewReader(params.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if user != "" {
			req.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
		}
		res, err := p.Client().Do(req)
		return read(t, res, err)
	}
	for _, test := range []struct {
		user, password string
		body           []string
		status         int
		code           string
	}{
		{id, secret, nil, 200, ""},
		{"", "", []string{"client_id", id, "client_secret", secret}, 200, ""},
		{id, "wrong", nil, 401, "invalid_client"},
		{"", "", []string{"client_id", id}, 401, "invalid_client"},
		{"", "", []string{"client_id", "nobody"}, 401, "invalid_client"},
		{"", "", nil, 401, "invalid_client"},
		{"", "", []string{"client_id", "cli", "client_secret", "x"}, 401, "invalid_client"},
		{"", "", []string{"client_id", "basic", "client_secret", "x"}, 401, "invalid_client"},
		{"basic", "x", nil, 200, ""},
		{id, secret, []string{"client_secret", secret}, 400, "invalid_request"},
		{id, secret, []string{"client_id", "cli"}, 400, "invalid_request"},
		{"", "", []string{"client_id", "cli"}, 400, "unauthorized_client"},
		{id, secret, []string{"scope", "nonsense"}, 400, "invalid_scope"},
	} {
		res := send(test.user, test.password, test.body...)
		if res.StatusCode != test.status || res.oauthError() != test.code {
			t.Errorf("%q %q %q: %d %s", test.user, test.password, test.body, res.StatusCode, res.text)
		}
		if test.status == 401 && test.user != "" && res.Header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	// x/oauth2 agrees.
	rp := newRelyingParty(t, p)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		config := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: endpointURL(p, "token"),
			AuthStyle: style}
		if token, err := config.Token(rp.ctx); err != nil || token.RefreshToken != "" {
			t.Errorf("client credentials: %+v, %v", token, err)
		}
	}
}

func TestTokenRequestForm(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	w := noRedirects(p)
	token := endpointURL(p, "token")
	if res := w.get(t, token); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", res.StatusCode)
	}
	res, err := w.Post(token, "application/json", strings.NewReader(`{}`))
	if res := read(t, res, err); res.oauthError() != "invalid_request" {
		t.Errorf("JSON: %s", res.text)
	}
	for _, test := range []struct {
		url  string
		form url.Values
		want string
	}{
		{token, form("client_id", "cli"), "invalid_request"},
		{token, form("client_id", "cli", "grant_type", "password"), "unsupported_grant_type"},
		{token, form("client_id", "cli", "grant_type", "refresh_token"), "invalid_request"},
		{token, form("client_id", "cli", "grant_type", "refresh_token", "refresh_token", "x"), "invalid_grant"},
		{token, form("client_id", "cli", "grant_type", "refresh_token", "refresh_token", "x", "refresh_token", "y"),
			"invalid_request"},
		{token + "?refresh_token=x", form("client_id", "cli", "grant_type", "refresh_token", "refresh_token", "x"),
			"invalid_request"},
	} {
		res := w.post(t, test.url, test.form)
		if res.StatusCode != 400 || res.oauthError() != test.want || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %s", test.form, res.StatusCode, res.text)
		}
	}
	log := p.Log()
	last := log[len(log)-1]
	if last.Endpoint != providertest.RefreshToken || last.Status != 400 || last.Error != "invalid_request" ||
		last.Query.Get("refresh_token") != "x" || last.Method != "POST" {
		t.Errorf("log: %+v", last)
	}
	if v := p.Violations(); len(v) != 2 { // the GET and the query
		t.Errorf("violations: %q", v)
	}
	if c := p.Requests(); c.Token != len(log) || c.RefreshToken != 4 {
		t.Errorf("counts: %+v", c)
	}
}

func TestRevocationAndUserInfo(t *testing.T) {
	clock := newClock()
	p := providertest.New(t,
		providertest.Config{Now: clock.Now, Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}}})
	w, rp := noRedirects(p), newRelyingParty(t, p)
	token := rp.signIn()
	revoke := func(client, token string) int {
		return w.post(t, endpointURL(p, "revoke"), form("client_id", client, "token", token)).StatusCode
	}
	if revoke("cli", "unknown") != 200 || revoke("other", token.RefreshToken) != 200 || !p.Alive(token.RefreshToken) {
		t.Error("others' tokens")
	}
	if revoke("cli", "") != 400 || revoke("nobody", "x") != 401 {
		t.Error("malformed revocations")
	}
	info := func() error {
		_, err := rp.provider.UserInfo(rp.ctx, oauth2.StaticTokenSource(token))
		return err
	}
	if err := info(); err != nil {
		t.Error(err)
	}
	if revoke("cli", token.AccessToken) != 200 || info() == nil || !p.Alive(token.RefreshToken) {
		t.Error("revoking an access token")
	}
	token, err := rp.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(5 * time.Minute)
	if info() == nil {
		t.Error("an expired access token was taken")
	}
	if revoke("cli", token.RefreshToken) != 200 || p.Alive(token.RefreshToken) || p.Requests().Revoke != 6 {
		t.Errorf("revoking a refresh token: %+v", p.Requests())
	}
}

func TestTokenExchange(t *testing.T) {
	p := providertest.New(t, providertest.Config{JWTAccessTokens: true})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	exchange := func(pairs ...string) response {
		return noRedirects(p).post(t, endpointURL(p, "token"), form(append(pairs, "client_id", "cli",
			"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")...))
	}
	const types = "urn:ietf:params:oauth:token-type:"
	res := exchange("subject_token", token.AccessToken, "subject_token_type", types+"access_token", "audience", "api")
	claims, err := p.VerifyJWT(res.members["access_token"].(string))
	if err != nil || claims["aud"] != "api" || claims["sub"] != "alice" || res.members["issued_token_type"] != types+
		"access_token" {
		t.Errorf("%s: %v, %v", res.text, claims, err)
	}
	res = exchange("subject_token", token.Extra("id_token").(string), "subject_token_type", types+"id_token",
		"audience", "cluster", "requested_token_type", types+"id_token", "scope", "groups")
	claims, err = p.VerifyJWT(res.members["access_token"].(string))
	if err != nil || claims["aud"] != "cluster" || claims["groups"] == nil || res.members["token_type"] != "N_A" {
		t.Errorf("%s: %v, %v", res.text, claims, err)
	}
	for _, pairs := range [][]string{
		{"subject_token", token.AccessToken},
		{"subject_token", "x", "subject_token_type", types + "access_token"},
		{"subject_token", token.AccessToken, "subject_token_type", types + "id_token", "requested_token_type",
			types + "id_token"},
		{"subject_token", token.AccessToken, "subject_token_type", types + "access_token", "requested_token_type",
			types + "saml2"},
	} {
		if res := exchange(pairs...); res.oauthError() != "invalid_request" {
			t.Errorf("%v: %s", pairs, res.text)
		}
	}
}

func TestAudiencesOfAccessTokens(t *testing.T) {
	p := providertest.New(t, providertest.Config{JWTAccessTokens: true})
	rp := newRelyingParty(t, p)
	answer := rp.authorize(oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("resource", "https://api.example"))
	token, err := rp.config.Exchange(rp.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := p.VerifyJWT(token.AccessToken); err != nil || claims["aud"] != "https://api.example" ||
		claims["client_id"] != "cli" {
		t.Errorf("%v, %v", claims, err)
	}
}

func TestLogout(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	w := noRedirects(p)
	if res := w.get(t, endpointURL(p, "logout")); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if res := w.get(t, endpointURL(p,
		"logout?client_id=cli&state=s&post_logout_redirect_uri=http://127.0.0.1:1/bye")); res.Header.Get("Location") != "http://127.0.0.1:1/bye?state=s" {
		t.Errorf("%v", res.Header)
	}
	if res := w.get(t, endpointURL(p,
		"logout?client_id=cli&post_logout_redirect_uri=https://evil.example/")); res.StatusCode != 400 ||
		p.Requests().Logout != 3 {
		t.Error(res.Status)
	}
}
