package sso_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// place is a provider and an API on this machine, and a person before a browser.
type place struct {
	issuer, api string
	cache       string
	browser     func(ctx context.Context, url string) error
}

func newPlace() (p place, done func()) {
	provider, err := providertest.Start(providertest.Config{PlainHTTP: true})
	if err != nil {
		panic(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+provider.LastTokens().AccessToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "hello, ", provider.LastTokens().Subject)
	}))
	dir, err := os.MkdirTemp("", "sso-example")
	if err != nil {
		panic(err)
	}
	browser := func(_ context.Context, url string) error {
		go func() {
			if resp, err := provider.Client().Get(url); err == nil {
				resp.Body.Close()
			}
		}()
		return nil
	}
	return place{provider.Issuer(), api.URL, filepath.Join(dir, "cache"), browser}, func() {
		api.Close()
		provider.Close()
		_ = os.RemoveAll(dir)
	}
}

// A request signs somebody in when it must.
func ExampleClient_HTTPClient() {
	here, done := newPlace()
	defer done()

	c := &sso.Client{Issuer: here.issuer, ClientID: "cli",
		CacheDir: here.cache, OpenBrowser: here.browser} // leave these two out in a program
	api := c.HTTPClient(here.api)
	resp, err := api.Get(here.api + "/v1/me")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: hello, alice
}

// Commands of a program's own.
func ExampleClient_Login() {
	here, done := newPlace()
	defer done()
	ctx := context.Background()

	c := &sso.Client{Issuer: here.issuer, ClientID: "cli", Scopes: []string{"email"},
		CacheDir: here.cache, OpenBrowser: here.browser}
	who, err := c.Login(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed in as", who.Email)
	if err := c.Logout(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.Status(ctx); errors.Is(err, sso.ErrLoginRequired) {
		fmt.Println("signed out")
	}
	// Output:
	// signed in as alice@corp.example
	// signed out
}

// A program that nobody watches never opens a browser.
func ExampleClient_TokenSource() {
	here, done := newPlace()
	defer done()

	c := &sso.Client{Issuer: here.issuer, ClientID: "cli", CacheDir: here.cache, Interactive: "never"}
	_, err := c.TokenSource(context.Background()).Token()
	switch {
	case errors.Is(err, sso.ErrLoginRequired):
		fmt.Println("sign in first")
	case errors.Is(err, sso.ErrUnavailable):
		fmt.Println("try again later")
	case err != nil:
		fmt.Println(err)
	}
	// Output: sign in first
}
