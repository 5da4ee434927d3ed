package dex_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
	"golang.org/x/oauth2"
)

var bob = dex.User{Email: "bob@example.test", Password: "password", Name: "Bob", Groups: []string{"dev"}}

func start(t *testing.T) (*dex.Server, *oauth2.Config) {
	t.Helper()
	s, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{"cli"}, Users: []dex.User{bob}})
	if err != nil {
		t.Fatal(err)
	}
	return s, &oauth2.Config{
		ClientID: "cli",
		Scopes:   []string{"openid", "email", "offline_access"},
		Endpoint: oauth2.Endpoint{
			AuthURL: s.Issuer + "/auth", TokenURL: s.Issuer + "/token", DeviceAuthURL: s.Issuer + "/device/code",
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// signIn opens a URL as bob would.
func signIn(t *testing.T, target string) approve.Page {
	t.Helper()
	page, err := approve.Browser{Email: bob.Email, Password: bob.Password}.Visit(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestCodeThenRotation(t *testing.T) {
	s, client := start(t)
	callback := make(chan url.Values, 1)
	loopback := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		callback <- r.URL.Query()
	}))
	defer loopback.Close()
	client.RedirectURL = loopback.URL + "/any/path"

	verifier := oauth2.GenerateVerifier()
	signIn(t, client.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier)))
	first, err := client.Exchange(t.Context(), (<-callback).Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}

	// Without unlockedRefresh this is where Dex hangs.
	s.ResetRequests()
	second, err := client.TokenSource(t.Context(), &oauth2.Token{RefreshToken: first.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken {
		t.Error("the refresh token was not rotated")
	}
	if got := s.Requests(); len(got) != 1 || got["POST /token"] != 1 {
		t.Errorf("requests of one refresh: %v", got)
	}
	if _, err := client.TokenSource(t.Context(), &oauth2.Token{RefreshToken: first.RefreshToken}).Token(); err == nil {
		t.Error("the rotated refresh token is still accepted")
	}
}

func TestDevice(t *testing.T) {
	_, client := start(t)
	resp, err := http.PostForm(client.Endpoint.DeviceAuthURL,
		url.Values{"client_id": {"cli"}, "scope": {"openid offline_access"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var device oauth2.DeviceAuthResponse
	if err := json.NewDecoder(resp.Body).Decode(&device); err != nil {
		t.Fatal(err)
	}
	signIn(t, device.VerificationURIComplete)
	token, err := client.DeviceAccessToken(t.Context(), &device)
	if err != nil {
		t.Fatal(err)
	}
	if token.RefreshToken == "" || token.Extra("id_token") == nil {
		t.Error("no refresh token or no ID token")
	}
}

func TestWrongPassword(t *testing.T) {
	_, client := start(t)
	client.RedirectURL = "http://127.0.0.1:1/callback"
	mallory := approve.Browser{Email: bob.Email, Password: "guess"}
	if page, err := mallory.Visit(context.Background(), client.AuthCodeURL("a state")); err == nil {
		t.Fatalf("signed in, at %s", page.URL)
	}
}
