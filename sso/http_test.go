package sso_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

func TestSendsTheTokenAndSignsInOnce(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	api := w.client().HTTPClient(w.api.URL)
	for range 3 {
		resp, err := api.Get(w.api.URL + "/v1/me")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got, want := <-w.tokens, w.LastTokens().AccessToken; got != want {
			t.Errorf("the API was sent %q, want the access token", got)
		}
	}
	if n := w.pages.Load(); n != 1 {
		t.Errorf("%d pages were opened, want 1", n)
	}
}

// Each request goes to a server of somebody else's, by way of the API or not.
func TestNeverSendsTheTokenElsewhere(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	stolen := make(chan string, 10)
	thief := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen <- fmt.Sprintf("%s %s", r.Header.Get("Authorization"), r.URL)
	})
	tls, plain := httptest.NewTLSServer(thief), httptest.NewServer(thief)
	defer tls.Close()
	defer plain.Close()
	hop := func(to string, status int) string {
		return "/to?" + url.Values{"to": {to}, "status": {fmt.Sprint(status)}}.Encode()
	}
	front := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/to" {
			w.serve(rw, r)
			return
		}
		var status int
		fmt.Sscan(r.FormValue("status"), &status)
		rw.Header().Set("Location", r.FormValue("to"))
		rw.WriteHeader(status)
	}))
	defer front.Close()
	c := w.client(func(c *sso.Client) { c.CAData = certificate(front) })
	api := c.HTTPClient(front.URL)
	_, port, _ := net.SplitHostPort(tls.Listener.Addr().String())
	_, plainPort, _ := net.SplitHostPort(plain.Listener.Addr().String())
	user := strings.ReplaceAll(strings.TrimPrefix(front.URL, "https://"), ":", "%3A")
	for _, test := range []struct{ name, address string }{
		{"another port", tls.URL},
		{"another name", "http://localhost:" + plainPort},
		{"plain http", plain.URL},
		{"user name that looks like the host", "https://" + user + "@127.0.0.1:" + port},
		{"redirect, 301", front.URL + hop(tls.URL, 301)},
		{"redirect, 302", front.URL + hop(tls.URL, 302)},
		{"redirect, 303", front.URL + hop(tls.URL, 303)},
		{"redirect, 307", front.URL + hop(tls.URL, 307)},
		{"redirect, 308", front.URL + hop(tls.URL, 308)},
		{"redirect to plain http", front.URL + hop(plain.URL, 302)},
		{"redirect to a name of this machine", front.URL + hop("http://localhost:"+plainPort, 302)},
		{"redirect with a user name", front.URL + hop("https://"+user+"@127.0.0.1:"+port, 302)},
		{"redirect without a scheme", front.URL + hop("//127.0.0.1:"+port, 302)},
		{"two redirects", front.URL + hop(front.URL+hop(tls.URL, 307), 302)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if resp, err := api.Get(test.address); err == nil {
				resp.Body.Close()
			} else {
				t.Fatal(err)
			}
			got := <-stolen
			if strings.Contains(got, "Bearer") || strings.Contains(got, w.LastTokens().AccessToken) {
				t.Errorf("the token went to another server: %s", got)
			}
		})
	}
	t.Run("another Host header", func(t *testing.T) {
		r, _ := http.NewRequest("GET", front.URL, nil)
		r.Host = "other.example"
		resp, err := api.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-w.tokens; got != "" {
			t.Errorf("the token was sent for another host: %q", got)
		}
	})
	t.Run("back again", func(t *testing.T) { // the token is the API's, wherever the way led
		back := httptest.NewTLSServer(http.RedirectHandler(front.URL, http.StatusFound))
		defer back.Close()
		resp, err := api.Get(back.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-w.tokens; got != w.LastTokens().AccessToken {
			t.Errorf("the API was sent %q", got)
		}
	})
}

func TestOriginsAreStrict(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	for _, origin := range []string{
		"", "api.corp.example", "http://api.corp.example", "https://", "https://a:b@api.corp.example",
		"https://api.corp.example/v1", "https://api.corp.example?x", "https://api.corp.example#x",
		"ftp://api.corp.example", "http://localhost:80",
	} {
		_, err := w.client().HTTPClient(origin).Get(w.api.URL)
		if !errors.Is(err, sso.ErrUsage) {
			t.Errorf("origin %q: %v, want ErrUsage", origin, err)
		}
	}
	if _, err := w.client().HTTPClient().Get(w.api.URL); !errors.Is(err, sso.ErrUsage) {
		t.Errorf("no origin: %v, want ErrUsage", err)
	}
	if n := w.pages.Load(); n != 0 {
		t.Errorf("%d pages were opened", n)
	}
}

func TestKeepsTheProgramsOwnAuthorization(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	r, _ := http.NewRequest("GET", w.api.URL, nil)
	r.Header.Set("Authorization", "Bearer mine")
	resp, err := w.client().HTTPClient(w.api.URL).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := <-w.tokens; got != "mine" || w.pages.Load() != 0 {
		t.Errorf("sent %q, %d pages opened", got, w.pages.Load())
	}
}

const invalidToken = `Bearer realm="api", error="invalid_token", error_description="expired"`

func TestTriesOnceMoreAfterInvalidToken(t *testing.T) {
	for _, test := range []struct {
		name      string
		challenge string
		body      func() io.Reader
		sent      int  // requests that the API sees
		renewed   bool // the second has another token
		status    int
	}{
		{"says so", invalidToken, nil, 2, true, 200},
		{"says so unquoted", "bearer error=invalid_token", nil, 2, true, 200},
		{"says nothing", "Bearer", nil, 1, false, 401},
		{"scope", `Bearer error="insufficient_scope"`, nil, 1, false, 401},
		{"another scheme", `Basic realm="invalid_token"`, nil, 1, false, 401},
		{"with a body", invalidToken, func() io.Reader { return strings.NewReader("hello") }, 2, true, 200},
		{"with a body that is read once", invalidToken,
			func() io.Reader { return io.NopCloser(strings.NewReader("hello")) }, 1, false, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, providertest.Config{})
			w.login(t)
			old := w.LastTokens().AccessToken
			w.refuses(func(r *http.Request) string {
				if strings.HasSuffix(r.Header.Get("Authorization"), old) {
					return test.challenge
				}
				return ""
			})
			var body io.Reader
			if test.body != nil {
				body = test.body()
			}
			api := w.client(nobody).HTTPClient(w.api.URL)
			resp, err := api.Post(w.api.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != test.status || len(w.tokens) != test.sent {
				t.Errorf("status %d after %d requests, want %d after %d", resp.StatusCode, len(w.tokens), test.status, test.sent)
			}
			if test.body != nil && test.status == 200 && string(answer) != "POST hello" {
				t.Errorf("the API got %q", answer)
			}
			<-w.tokens
			if test.renewed && <-w.tokens != w.LastTokens().AccessToken {
				t.Error("the second try had not the new token")
			}
			if test.name == "with a body that is read once" { // the next request does better
				if resp, err = api.Get(w.api.URL); err != nil || resp.StatusCode != 200 {
					t.Fatal(resp, err)
				}
				resp.Body.Close()
			}
		})
	}
}

// An API that refuses every token costs the provider one refresh, not one for each
// request.
func TestAPIThatRefusesEverything(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	w.refuses(func(*http.Request) string { return invalidToken })
	api := w.client().HTTPClient(w.api.URL)
	for range 5 {
		resp, err := api.Get(w.api.URL)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	if n := w.refreshes(); n != 1 || w.pages.Load() != 0 {
		t.Errorf("%d refreshes and %d pages, want 1 and 0", n, w.pages.Load())
	}
}

// A hundred goroutines whose token is refused send one refresh.
func TestManyRefusalsAreOneRefresh(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	old := w.LastTokens().AccessToken
	w.refuses(func(r *http.Request) string {
		if strings.HasSuffix(r.Header.Get("Authorization"), old) {
			return invalidToken
		}
		return ""
	})
	api := w.client(nobody).HTTPClient(w.api.URL)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			resp, err := api.Get(w.api.URL)
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %v", resp, err)
				return
			}
			resp.Body.Close()
		})
	}
	wg.Wait()
	if n := w.refreshes(); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

// The provider has ended the session, which an API says first: somebody is asked.
func TestRevokedSessionSignsInAgain(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	old := w.LastTokens().AccessToken
	w.RevokeSession("alice")
	w.refuses(func(r *http.Request) string {
		if strings.HasSuffix(r.Header.Get("Authorization"), old) {
			return invalidToken
		}
		return ""
	})
	resp, err := w.client().HTTPClient(w.api.URL).Get(w.api.URL)
	if err != nil || resp.StatusCode != 200 || w.pages.Load() != 1 {
		t.Fatalf("%v %v, %d pages", resp, err, w.pages.Load())
	}
	resp.Body.Close()
}
