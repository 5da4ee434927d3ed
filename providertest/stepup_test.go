package providertest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

// How and when somebody signed in follows from what is asked for, and from the
// session that the browser has.
func TestStepUp(t *testing.T) {
	clock := newClock()
	for _, c := range []struct {
		name   string
		ignore bool
		ask    []string
		acr    any
		fresh  bool
	}{
		{"nothing", false, nil, "pwd", false},
		{"what the session has", false, []string{"acr_values", "pwd"}, "pwd", false},
		{"more", false, []string{"acr_values", "mfa"}, "mfa", true},
		{"the first that is known", false, []string{"acr_values", "what hwk mfa"}, "hwk", true},
		{"none that is known", false, []string{"acr_values", "what"}, "pwd", false},
		{"recent enough", false, []string{"max_age", "3600"}, "pwd", false},
		{"too long ago", false, []string{"max_age", "60"}, "pwd", true},
		{"now", false, []string{"max_age", "0"}, "pwd", true},
		{"prompt", false, []string{"prompt", "login"}, "pwd", true},
		{"claims", false, []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"mfa"}}}`}, "mfa", true},
		{"claims, several", false, []string{"claims", `{"id_token":{"acr":{"essential":true,"values":["what","hwk"]}}}`},
			"hwk", true},
		{"ignored", true, []string{"acr_values", "mfa", "max_age", "0"}, "pwd", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := providertest.New(t,
				providertest.Config{Now: clock.Now, ACRs: []string{"pwd", "mfa", "hwk"}, IgnoreStepUp: c.ignore,
					JWTAccessTokens: true})
			since := clock.Now().Add(-30 * time.Minute)
			p.SetSession(since)
			rp := newRelyingParty(t, p)
			var options []oauth2.AuthCodeOption
			for i := 0; i < len(c.ask); i += 2 {
				options = append(options, oauth2.SetAuthURLParam(c.ask[i], c.ask[i+1]))
			}
			options = append(options, oauth2.S256ChallengeOption(verifier))
			answer := rp.authorize(options...)
			token, err := rp.config.Exchange(rp.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			want := since.Unix()
			if c.fresh {
				want = clock.Now().Unix()
			}
			for _, jwt := range []string{token.Extra("id_token").(string), token.AccessToken} {
				claims, err := p.VerifyJWT(jwt)
				if err != nil {
					t.Fatal(err)
				}
				if claims["acr"] != c.acr || int64(claims["auth_time"].(float64)) != want {
					t.Errorf("acr %v, auth_time %v; want %v, %v", claims["acr"], claims["auth_time"], c.acr, want)
				}
			}
		})
	}
}

func TestStepUpRefused(t *testing.T) {
	p := providertest.New(t, providertest.Config{ACRs: []string{"pwd"}})
	for want, ask := range map[string][]string{
		"unmet_authentication_requirements": {"claims", `{"id_token":{"acr":{"essential":true,"value":"mfa"}}}`},
		"invalid_request":                   {"max_age", "1.5"},
	} {
		params := authorizeParams()
		params.Set(ask[0], ask[1])
		res := noRedirects(p).get(t, endpointURL(p, "authorize?")+params.Encode())
		if location, err := url.Parse(res.Header.Get("Location")); err != nil || location.Query().Get("error") != want {
			t.Errorf("%s: %v", want, res.Header)
		}
	}
}

// The challenge of RFC 9470 says what is missing.
func TestInsufficientAuthentication(t *testing.T) {
	clock := newClock()
	p := providertest.New(t,
		providertest.Config{Now: clock.Now, ACRs: []string{"pwd", "mfa"}, AccessTokenLifetime: time.Hour})
	token := newRelyingParty(t, p).signIn().AccessToken
	ask := func() (int, string) {
		req, _ := http.NewRequest(http.MethodGet, endpointURL(p, "userinfo"), nil)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := p.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode, res.Header.Get("WWW-Authenticate")
	}
	if status, _ := ask(); status != 200 {
		t.Fatal(status)
	}
	p.RequireStepUp("mfa", -1)
	if status, said := ask(); status != 401 || !strings.Contains(said, `error="insufficient_user_authentication"`) ||
		!strings.Contains(said, `acr_values="mfa"`) || strings.Contains(said, "max_age") {
		t.Errorf("%d: %s", status, said)
	}
	p.RequireStepUp("", time.Minute)
	if status, said := ask(); status != 200 {
		t.Errorf("%d: %s", status, said)
	}
	clock.advance(2 * time.Minute)
	if status, said := ask(); status != 401 || !strings.Contains(said, `max_age="60"`) ||
		strings.Contains(said, "acr_values") {
		t.Errorf("%d: %s", status, said)
	}
}
