package providertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

// relyingParty is a client made of x/oauth2 and go-oidc, the independent judges.
type relyingParty struct {
	t        testing.TB
	p        *providertest.Provider
	ctx      context.Context
	provider *oidc.Provider
	config   oauth2.Config
	nonce    string
}

func newRelyingParty(t testing.TB, p *providertest.Provider) *relyingParty {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), p.Client())
	provider, err := oidc.NewProvider(ctx, p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &relyingParty{t: t, p: p, ctx: ctx, provider: provider, nonce: "n-0S6_WzA2Mj", config: oauth2.Config{
		ClientID: "cli", Endpoint: endpoint, RedirectURL: "http://127.0.0.1:1/callback",
		Scopes: []string{"openid", "email", "profile", "groups", "offline_access"},
	}}
}

// authorize signs in and returns the parameters of the redirect, which it does
// not follow.
func (rp *relyingParty) authorize(options ...oauth2.AuthCodeOption) url.Values {
	rp.t.Helper()
	answer, err := rp.tryAuthorize(options...)
	if err != nil {
		rp.t.Fatal(err)
	}
	return answer
}

func (rp *relyingParty) tryAuthorize(options ...oauth2.AuthCodeOption) (url.Values, error) {
	options = append([]oauth2.AuthCodeOption{oidc.Nonce(rp.nonce)}, options...)
	res, err := noRedirects(rp.p).Get(rp.config.AuthCodeURL("the-state", options...))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	location, err := res.Location()
	if err != nil {
		return nil, fmt.Errorf("authorize: %s: %w", res.Status, err)
	}
	return location.Query(), nil
}

func (rp *relyingParty) signIn() *oauth2.Token {
	rp.t.Helper()
	token, err := rp.trySignIn()
	if err != nil {
		rp.t.Fatal(err)
	}
	return token
}

func (rp *relyingParty) trySignIn() (*oauth2.Token, error) {
	verifier := oauth2.GenerateVerifier()
	answer, err := rp.tryAuthorize(oauth2.S256ChallengeOption(verifier))
	if err != nil {
		return nil, err
	}
	return rp.config.Exchange(rp.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
}

func (rp *relyingParty) refresh(refreshToken string) (*oauth2.Token, error) {
	return rp.config.TokenSource(rp.ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// verify is go-oidc's judgement of the ID token, nonce included.
func (rp *relyingParty) verify(token *oauth2.Token) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	return rp.provider.Verifier(&oidc.Config{ClientID: "cli"}).Verify(rp.ctx, raw)
}

// wire is plain net/http.
type wire struct{ *http.Client }

type response struct {
	*http.Response
	text    string
	members map[string]any
}

func (r response) oauthError() string {
	code, _ := r.members["error"].(string)
	return code
}

func noRedirects(p *providertest.Provider) wire {
	client := *p.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return wire{&client}
}

func (w wire) get(t testing.TB, url string) response {
	t.Helper()
	res, err := w.Get(url)
	return read(t, res, err)
}

func (w wire) post(t testing.TB, url string, form url.Values) response {
	t.Helper()
	res, err := w.PostForm(url, form)
	return read(t, res, err)
}

func read(t testing.TB, res *http.Response, err error) response {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := response{Response: res, text: string(body)}
	json.Unmarshal(body, &r.members)
	return r
}

// form is url.Values from pairs.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values
}

func endpointURL(p *providertest.Provider, name string) string {
	return strings.TrimSuffix(p.Issuer(), "/") + "/" + name
}

// clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// loopback listens as a client does, and gives the first request's query.
func loopback(t testing.TB) (redirectURI string, answers <-chan url.Values) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan url.Values, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got <- r.URL.Query() })}
	go srv.Serve(listener)
	t.Cleanup(func() { srv.Close() })
	return "http://" + listener.Addr().String() + "/callback", got
}
