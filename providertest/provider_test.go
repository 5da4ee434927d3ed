package providertest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

func TestSignInJudgedByGoOIDC(t *testing.T) {
	for _, config := range []providertest.Config{
		{},
		{PlainHTTP: true},
		{Alg: "ES256"},
		{IssuerPath: "/realms/corp"},
		{IssuerPath: "/"},
		{JWTAccessTokens: true},
	} {
		p := providertest.New(t, config)
		rp := newRelyingParty(t, p)
		token := rp.signIn()
		var claims struct {
			Email  string
			Name   string
			Groups []string
		}
		// go-oidc's own default is RS256 unless the metadata says more.
		id, err := rp.verify(token)
		if err != nil {
			t.Fatalf("%+v: %v", config, err)
		}
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			t.Errorf("at_hash: %v", err)
		}
		if id.Subject != "alice" || id.Nonce != rp.nonce || !slices.Equal(id.Audience, []string{"cli"}) {
			t.Errorf("ID token: %+v", id)
		}
		if err := id.Claims(&claims); err != nil || claims.Email != "alice@corp.example" || len(claims.Groups) != 2 {
			t.Errorf("claims: %+v, %v", claims, err)
		}
		info, err := rp.provider.UserInfo(rp.ctx, rp.config.TokenSource(rp.ctx, token))
		if err != nil || info.Subject != "alice" || info.Email != "alice@corp.example" {
			t.Errorf("userinfo: %+v, %v", info, err)
		}
		if got := p.LastTokens(); got.AccessToken != token.AccessToken || got.RefreshToken != token.RefreshToken ||
			got.IDToken != token.Extra("id_token") || got.Subject != "alice" {
			t.Errorf("LastTokens: %+v", got)
		}
		if live := p.RefreshTokens(); !slices.Equal(live, []string{token.RefreshToken}) {
			t.Errorf("RefreshTokens: %v", live)
		}
		c := p.Requests()
		if c.Discovery != 1 || c.Authorize != 1 || c.Token != 1 || c.AuthorizationCode != 1 || c.JWKS != 1 ||
			c.UserInfo != 1 || c.All != 5 {
			t.Errorf("counts: %+v", c)
		}
		if v := p.Violations(); len(v) != 0 {
			t.Errorf("violations: %q", v)
		}
		p.ResetRequests()
		if c := p.Requests(); c != (providertest.Counts{}) {
			t.Errorf("counts after a reset: %+v", c)
		}
	}
}

func TestScriptedBrowser(t *testing.T) {
	p := providertest.New(t, providertest.Config{ResponseIss: true})
	rp := newRelyingParty(t, p)
	uri, answers := loopback(t)
	rp.config.RedirectURL = uri
	verifier := oauth2.GenerateVerifier()
	res := wire{p.Client()}.get(t, rp.config.AuthCodeURL("xyz", oauth2.S256ChallengeOption(verifier)))
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	got := <-answers
	if got.Get("state") != "xyz" || got.Get("iss") != p.Issuer() || got.Get("code") == "" {
		t.Fatalf("redirect: %v", got)
	}
	if _, err := rp.config.Exchange(rp.ctx, got.Get("code"), oauth2.VerifierOption(verifier)); err != nil {
		t.Fatal(err)
	}
}

func TestTLSNeedsTheCA(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	_, err := http.Get(p.Issuer())
	if e := new(tls.CertificateVerificationError); !errors.As(err, &e) {
		t.Errorf("without the CA: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.CAPEM()) {
		t.Fatal("CAPEM is no certificate")
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		res, err := client.Get(strings.Replace(p.Issuer(), "127.0.0.1", host, 1) + "/keys")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		client.CloseIdleConnections()
	}
	if p := providertest.New(t, providertest.Config{PlainHTTP: true}); p.CAPEM() != nil {
		t.Error("a CA over plain HTTP")
	}
}

func TestDiscovery(t *testing.T) {
	p := providertest.New(t, providertest.Config{IssuerPath: "/realms/corp",
		EditMetadata: providertest.Without("code_challenge_methods_supported")})
	root := strings.TrimSuffix(p.Issuer(), "/realms/corp")
	for _, url := range []string{
		p.Issuer() + "/.well-known/openid-configuration",
		root + "/.well-known/oauth-authorization-server/realms/corp",
	} {
		res := wire{p.Client()}.get(t, url)
		if res.members["issuer"] != p.Issuer() || res.members["code_challenge_methods_supported"] != nil {
			t.Errorf("%s: %d %s", url, res.StatusCode, res.text)
		}
		if got := res.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
	}
	p.Edit(providertest.OpenID, providertest.With("issuer", "https://evil.invalid"))
	res := wire{p.Client()}.get(t, p.Issuer()+"/.well-known/openid-configuration")
	if res.members["issuer"] != "https://evil.invalid" {
		t.Errorf("issuer: %v", res.members["issuer"])
	}
	if res := (wire{p.Client()}).get(t, root+"/.well-known/openid-configuration"); res.StatusCode != http.StatusNotFound {
		t.Errorf("outside of the issuer's path: %d", res.StatusCode)
	}
	if c := p.Requests(); c.Discovery != 3 || c.All != 4 {
		t.Errorf("counts: %+v", c)
	}
}

func TestKeyRotation(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256"} {
		p := providertest.New(t, providertest.Config{Alg: alg})
		rp := newRelyingParty(t, p)
		before := rp.signIn()
		if err := p.RotateKeys(); err != nil {
			t.Fatal(err)
		}
		after := rp.signIn()
		if _, err := rp.verify(after); err != nil {
			t.Errorf("%s: a token of the new key: %v", alg, err)
		}
		if _, err := rp.verify(before); err == nil {
			t.Errorf("%s: a token of the old key is still good", alg)
		}
		if _, err := p.VerifyJWT(p.LastTokens().IDToken); err != nil {
			t.Errorf("VerifyJWT: %v", err)
		}
	}
}

func TestUsersChange(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	first := rp.signIn()
	p.SetUser(providertest.User{Subject: "bob", Groups: []string{"audit"}, Claims: map[string]any{"org_id": "org_1"}})
	id, err := rp.verify(rp.signIn())
	var claims map[string]any
	if err != nil || id.Subject != "bob" || id.Claims(&claims) != nil || claims["org_id"] != "org_1" ||
		claims["email"] != nil {
		t.Errorf("bob's token: %+v, %v", claims, err)
	}
	again, err := rp.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := rp.verify(again); err != nil || id.Subject != "alice" || id.Nonce != "" {
		t.Errorf("alice's session became %+v, %v", id, err)
	}
}

func TestHundredsOfClients(t *testing.T) {
	p := providertest.New(t, providertest.Config{Alg: "ES256"})
	rp := newRelyingParty(t, p)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			token, err := rp.trySignIn()
			for range 2 {
				if err == nil {
					token, err = rp.refresh(token.RefreshToken)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := p.Requests(); c.AuthorizationCode != 200 || c.RefreshToken != 400 || p.Reuses() != 0 ||
		p.ActiveFamilies() != 200 {
		t.Errorf("%+v, %d reuses, %d families", c, p.Reuses(), p.ActiveFamilies())
	}
}

func TestResponseIss(t *testing.T) {
	for _, announced := range []bool{true, false} {
		p := providertest.New(t, providertest.Config{ResponseIss: announced})
		res := wire{p.Client()}.get(t, endpointURL(p, ".well-known/openid-configuration"))
		got := newRelyingParty(t, p).authorize(oauth2.S256ChallengeOption(verifier))
		if res.members["authorization_response_iss_parameter_supported"] != announced || got.Has("iss") != announced {
			t.Errorf("%v: %v, %v", announced, res.members, got)
		}
	}
}

func TestStartRefusesWhatItCannotBe(t *testing.T) {
	for _, config := range []providertest.Config{{Alg: "HS256"}, {IssuerPath: "realms/corp"}} {
		if _, err := providertest.Start(config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}
