package providertest_test

import (
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sso-exec/sso-exec/providertest"
)

// go-oidc refuses what is spoilt; what it does not look at is looked at here.
func TestTampers(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	fine := func(*oidc.IDToken) bool { return true }
	for name, test := range map[string]struct {
		tamper providertest.Tamper
		accept func(*oidc.IDToken) bool // nil: go-oidc refuses it
	}{
		"AlgNone":        {providertest.AlgNone, nil},
		"AlgHS256":       {providertest.AlgHS256, nil},
		"UnknownKey":     {providertest.UnknownKey, nil},
		"BadSignature":   {providertest.BadSignature, nil},
		"WrongIssuer":    {providertest.WrongIssuer, nil},
		"WrongAudience":  {providertest.WrongAudience, nil},
		"Expired":        {providertest.Expired, nil},
		"MissingIDToken": {providertest.MissingIDToken, nil},
		"Raw":            {func(t *providertest.IDToken) { t.Raw = "not a JWT" }, nil},
		"NotJSON":        {providertest.SetClaim("x", func() {}), nil},
		"WrongNonce":     {providertest.WrongNonce, func(id *oidc.IDToken) bool { return id.Nonce != rp.nonce }},
		"NoNonce":        {providertest.NoNonce, func(id *oidc.IDToken) bool { return id.Nonce == "" }},
		"OtherSubject":   {providertest.OtherSubject, func(id *oidc.IDToken) bool { return id.Subject == "mallory" }},
		"ExtraAudience":  {providertest.ExtraAudience, func(id *oidc.IDToken) bool { return len(id.Audience) == 2 }},
		"FromTheFuture": {providertest.FromTheFuture,
			func(id *oidc.IDToken) bool { return time.Until(id.IssuedAt) > 47*time.Hour }},
		"SetClaim":    {providertest.SetClaim("sub", "eve"), func(id *oidc.IDToken) bool { return id.Subject == "eve" }},
		"RemoveClaim": {providertest.SetClaim("sub", nil), func(id *oidc.IDToken) bool { return id.Subject == "" }},
		"OnRefresh":   {providertest.OnRefresh(providertest.AlgNone), fine},
		"WrongATHash": {providertest.WrongATHash, func(id *oidc.IDToken) bool {
			return id.VerifyAccessToken(p.LastTokens().AccessToken) != nil
		}},
		"WrongAZP": {providertest.WrongAZP, func(id *oidc.IDToken) bool {
			var claims struct{ AZP string }
			return id.Claims(&claims) == nil && claims.AZP == "somebody-else"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p.TamperIDToken(1, test.tamper)
			token := rp.signIn()
			id, err := rp.verify(token)
			if test.accept == nil && err == nil {
				t.Error("go-oidc took it")
			} else if test.accept != nil && (err != nil || !test.accept(id)) {
				t.Errorf("%+v, %v", id, err)
			}
			if id, err := rp.verify(rp.signIn()); err != nil || id.Subject != "alice" {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func TestTamperTimes(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	missing := func() bool {
		t.Helper()
		var err error
		if token, err = rp.refresh(token.RefreshToken); err != nil {
			t.Fatal(err)
		}
		return token.Extra("id_token") == nil
	}
	p.TamperIDToken(2, providertest.MissingIDToken)
	if !missing() || !missing() || missing() {
		t.Error("not the next two")
	}
	p.TamperIDToken(0, providertest.OnRefresh(providertest.MissingIDToken))
	if !missing() || !missing() || !missing() || rp.signIn().Extra("id_token") == nil {
		t.Error("not all refreshes")
	}
	p.TamperIDToken(0, nil)
	if missing() {
		t.Error("not ended")
	}
}

// OIDC Core §12.2: no nonce, the auth_time of the sign-in, a new iat.
func TestIDTokenOfARefresh(t *testing.T) {
	clock := newClock()
	p := providertest.New(t, providertest.Config{Now: clock.Now})
	rp := newRelyingParty(t, p)
	token := rp.signIn()
	first, _ := p.VerifyJWT(p.LastTokens().IDToken)
	clock.advance(time.Minute)
	if _, err := rp.refresh(token.RefreshToken); err != nil {
		t.Fatal(err)
	}
	second, _ := p.VerifyJWT(p.LastTokens().IDToken)
	for _, name := range []string{"iss", "sub", "aud", "auth_time"} {
		if first[name] == nil || first[name] != second[name] {
			t.Errorf("%s: %v, %v", name, first[name], second[name])
		}
	}
	if second["nonce"] != nil || second["iat"] != first["iat"].(float64)+60 {
		t.Errorf("%v", second)
	}
}
