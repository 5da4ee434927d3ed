package flows

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// visit is a sign-in that waits for its browser.
type visit struct {
	t        *testing.T
	authURL  string
	redirect *url.URL // where the listener is
	state    string
	browser  *http.Client // follows no redirect
}

// send sends a request to the listener and returns status, header and page.
func (v visit) send(method, path, host string) (int, http.Header, string) {
	v.t.Helper()
	req, err := http.NewRequest(method, "http://"+v.redirect.Host+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := v.browser.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	isolated(v.t, resp.Header)
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

// callback lets the provider sign somebody in and returns the URL of the
// redirect that it answers.
func (v visit) callback() *url.URL {
	v.t.Helper()
	resp, err := v.browser.Get(v.authURL)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = resp.Body.Close()
	u, err := resp.Location()
	if err != nil {
		v.t.Fatal(err)
	}
	return u
}

// browse is the rest of a sign-in as a browser does it; it returns the last page.
func (v visit) browse() (http.Header, string) {
	v.t.Helper()
	done := v.answer(v.callback())
	status, h, page := v.send("GET", done, "")
	if status != http.StatusOK {
		v.t.Errorf("%s is answered %d", done, status)
	}
	return h, page
}

// answer brings the listener the provider's answer and returns where that leads.
func (v visit) answer(back *url.URL) string {
	v.t.Helper()
	status, h, _ := v.send("GET", back.RequestURI(), "")
	done := h.Get("Location")
	if status != http.StatusSeeOther || !strings.HasPrefix(done, "/done/") || strings.Contains(done, "?") {
		v.t.Errorf("the callback is answered %d to %q, want 303 to /done/…", status, done)
	}
	isolated(v.t, h)
	return done
}

// isolated checks the headers that keep a page to itself.
func isolated(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff",
	} {
		if !strings.Contains(h.Get(name), want) {
			t.Errorf("header %s is %q, want %q in it", name, h.Get(name), want)
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("another origin's page is told %s: %s", name, h.Get(name))
		}
	}
	if csp := h.Get("Content-Security-Policy"); strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") {
		t.Errorf("the page's policy allows scripts: %s", csp)
	}
}

// signIn runs a browser sign-in; do is the browser, and whoever else is about.
// The rest of the sign-in waits for nothing but do.
func signIn(t *testing.T, p *providertest.Provider, redirectURIs []string, do func(visit)) (*Result, error) {
	t.Helper()
	return signInBy(t, p, discover(t, p).PKCE, redirectURIs, func(v visit, _ *Authorization) { do(v) })
}

type browserFlow func(context.Context, SignIn, func(*Authorization) error, func(*Result) error) error

func signInBy(t *testing.T, p *providertest.Provider, flow browserFlow, redirectURIs []string,
	do func(visit, *Authorization)) (*Result, error) {
	t.Helper()
	var res *Result
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := SignIn{Client: Client{ID: "cli"}, Scopes: []string{"openid", "email", "offline_access"},
		RedirectURIs: redirectURIs}
	err := flow(ctx, req, func(a *Authorization) error {
		u, err := url.Parse(a.URL)
		if err != nil {
			return err
		}
		redirect, err := url.Parse(a.RedirectURI)
		if err != nil {
			return err
		}
		if u.Query().Get("redirect_uri") != a.RedirectURI {
			t.Errorf("redirect URI %s in %s", a.RedirectURI, a.URL)
		}
		browser := *p.Client()
		browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		wg.Go(func() {
			failed := true
			defer func() {
				if failed { // t.Fatal in do: nobody comes back
					cancel()
				}
			}()
			do(visit{t, a.URL, redirect, u.Query().Get("state"), &browser}, a)
			failed = false
		})
		return nil
	}, func(r *Result) error {
		if res != nil {
			t.Error("a result was accepted twice")
		}
		res = r
		return nil
	})
	return res, err
}

// Whatever others send to the listener while a sign-in waits is refused, and
// changes nothing.
func TestLoopbackAbuse(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	raw := func(v visit, request string) int {
		c, err := net.Dial("tcp", v.redirect.Host)
		if err != nil {
			v.t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0 // closed without an answer
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for _, c := range []struct {
		name string
		send func(visit) int
		want int
	}{
		{"another state", func(v visit) int { return first(v.send("GET", "/callback?state=x&code=c", "")) }, 400},
		{"no state", func(v visit) int { return first(v.send("GET", "/callback?code=c", "")) }, 400},
		{"an empty state", func(v visit) int { return first(v.send("GET", "/callback?state=&code=c", "")) }, 400},
		{"the start of the state",
			func(v visit) int { return first(v.send("GET", "/callback?code=c&state="+v.state[:10], "")) }, 400},
		{"an error with another state",
			func(v visit) int { return first(v.send("GET", "/callback?state=x&error=access_denied", "")) }, 400},
		{"the state and neither code nor error",
			func(v visit) int { return first(v.send("GET", "/callback?state="+v.state, "")) }, 400},
		{"the state twice", func(v visit) int {
			return first(v.send("GET", "/callback?code=c&state="+v.state+"&state=x",
				""))
		}, 400},
		{"two codes", func(v visit) int { return first(v.send("GET", "/callback?code=c&code=d&state="+v.state, "")) }, 400},
		{"two errors", func(v visit) int {
			return first(v.send("GET", "/callback?error=access_denied&error=x&state="+v.state, ""))
		}, 400},
		{"two issuers", func(v visit) int { return first(v.send("GET", "/callback?code=c&iss=a&iss=b&state="+v.state, "")) },
			400},
		{"a query that does not parse",
			func(v visit) int { return first(v.send("GET", "/callback?code=%zz&state="+v.state, "")) }, 400},
		{"POST with everything", func(v visit) int { return first(v.send("POST", "/callback?code=c&state="+v.state, "")) },
			405},
		{"HEAD, of a link preview", func(v visit) int { return first(v.send("HEAD", "/callback?code=c&state="+v.state, "")) },
			405},
		{"another path", func(v visit) int { return first(v.send("GET", "/?code=c&state="+v.state, "")) }, 404},
		{"a path below", func(v visit) int { return first(v.send("GET", "/callback/?code=c&state="+v.state, "")) }, 404},
		{"/favicon.ico", func(v visit) int { return first(v.send("GET", "/favicon.ico", "")) }, 404},
		{"/done before the callback", func(v visit) int { return first(v.send("GET", "/done/", "")) }, 404},
		{"the answer as a form (form_post)", func(v visit) int {
			body := "code=c&state=" + v.state
			return raw(v, fmt.Sprintf("POST /callback HTTP/1.1\r\nHost: %s\r\n"+
				"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", v.redirect.Host, len(body),
				body))
		}, 405},
		{"a preflight of a page on the network (CORS, Private Network Access)", func(v visit) int {
			req, err := http.NewRequestWithContext(v.t.Context(), "OPTIONS",
				"http://"+v.redirect.Host+"/callback?code=c&state="+v.state, nil)
			if err != nil {
				v.t.Fatal(err)
			}
			for name, value := range map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "GET",
				"Access-Control-Request-Private-Network": "true"} {
				req.Header.Set(name, value)
			}
			resp, err := v.browser.Do(req)
			if err != nil {
				v.t.Fatal(err)
			}
			defer resp.Body.Close()
			isolated(v.t, resp.Header)
			return resp.StatusCode
		}, 405},
		{"an absolute URL, as to a proxy", func(v visit) int {
			return raw(v, "GET http://"+v.redirect.Host+"/callback?code=c&state=x HTTP/1.1\r\nHost: evil.example\r\n\r\n")
		}, 400},
		{"HTTP/1.0", func(v visit) int {
			return raw(v, "GET /callback?code=c&state=x HTTP/1.0\r\nHost: "+v.redirect.Host+"\r\n\r\n")
		}, 400},
		{"HTTP/2 without TLS", func(v visit) int { return raw(v, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") }, 421},
		{"OPTIONS *", func(v visit) int { return raw(v, "OPTIONS * HTTP/1.1\r\nHost: "+v.redirect.Host+"\r\n\r\n") }, 200},
		{"CONNECT", func(v visit) int {
			return raw(v, "CONNECT "+v.redirect.Host+" HTTP/1.1\r\nHost: "+v.redirect.Host+"\r\n\r\n")
		}, 404},
		{"no HTTP/1.1 without a Host",
			func(v visit) int { return raw(v, "GET /callback?code=c&state="+v.state+" HTTP/1.1\r\n\r\n") }, 400},
		{"1,000 stray requests, one after the other", func(v visit) int {
			for i := range 1000 {
				if got := first(v.send("GET", fmt.Sprintf("/callback?state=%d&code=c", i), "")); got != 400 {
					v.t.Errorf("stray request answered %d", got)
				}
			}
			return 0
		}, 0},
		{"another Host: DNS rebinding", func(v visit) int {
			return first(v.send("GET", "/callback?code=c&state="+v.state, "evil.example:"+v.redirect.Port()))
		}, 421},
		{"the Host localhost where 127.0.0.1 was said", func(v visit) int {
			return first(v.send("GET", "/callback?code=c&state="+v.state, "localhost:"+v.redirect.Port()))
		}, 421},
		{"the Host without its port",
			func(v visit) int { return first(v.send("GET", "/callback?code=c&state="+v.state, "127.0.0.1")) }, 421},
		{"HTTP/1.0 without a Host",
			func(v visit) int { return raw(v, "GET /callback?code=c&state="+v.state+" HTTP/1.0\r\n\r\n") }, 421},
		{"an absolute URL of another host", func(v visit) int {
			return raw(v, "GET http://evil.example/callback?code=c&state="+v.state+" HTTP/1.1\r\nHost: "+v.redirect.Host+
				"\r\n\r\n")
		}, 421},
		{"a huge header", func(v visit) int {
			return raw(v, "GET /callback HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
		}, 431},
		{"no HTTP", func(v visit) int { return raw(v, "\x16\x03\x01 hello\r\n\r\n") }, 400},
		{"1,000 stray requests at once", func(v visit) int {
			var wg sync.WaitGroup
			for worker := range 20 {
				wg.Go(func() {
					for i := range 50 {
						if got := first(v.send("GET", fmt.Sprintf("/callback?state=%d-%d&code=c", worker, i), "")); got != 400 {
							v.t.Errorf("stray request answered %d", got)
						}
					}
				})
			}
			wg.Wait()
			return 0
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var page string
			res, err := signIn(t, p, nil, func(v visit) {
				if got := c.send(v); got != c.want && !(c.want == 431 && got == 0) { // closing is an answer to too much
					t.Errorf("answered %d, want %d", got, c.want)
				}
				_, page = v.browse()
			})
			if err != nil || res == nil || res.Tokens.RefreshToken.IsZero() {
				t.Fatalf("the sign-in ended with %v", err)
			}
			if !strings.Contains(page, `id="ok"`) {
				t.Errorf("the last page is %s", page)
			}
		})
	}
}

func first(status int, _ http.Header, _ string) int { return status }

// The link that is opened twice: the second one does no harm, and both see the
// outcome.
func TestLoopbackSecondCallback(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	gate := make(chan struct{})
	p.TamperIDToken(1, func(*providertest.IDToken) { <-gate }) // the token request waits
	res, err := signIn(t, p, nil, func(v visit) {
		back := v.callback()
		var done string
		for range 3 {
			done = v.answer(back)
		}
		for _, guess := range []string{"/done", "/done/", done[:len(done)-1], done + "/"} {
			if got := first(v.send("GET", guess, "")); got != 404 {
				t.Errorf("%s, which tells who signed in, is answered %d", guess, got)
			}
		}
		if got := first(v.send("GET", "/callback?state=x&code=c", "")); got != 400 {
			t.Errorf("a stray one after the callback is answered %d", got)
		}
		close(gate)
		if _, _, page := v.send("GET", done, ""); !strings.Contains(page, `id="ok"`) {
			t.Errorf("the page is %s", page)
		}
	})
	if err != nil || res == nil {
		t.Fatalf("the sign-in ended with %v", err)
	}
	if n := p.Requests().AuthorizationCode; n != 1 {
		t.Errorf("the code was traded %d times", n)
	}
}

// A server's words reach the page escaped, and the error cleaned; the page never
// says success when there is none.
func TestLoopbackHostileDescription(t *testing.T) {
	const words = "<script>alert(1)</script>{style}{title}\x1b[2J\u202e\r\nX-Injected: yes"
	for _, code := range []string{"access_denied", "server_error", "<img src=x>"} {
		t.Run(code, func(t *testing.T) {
			p := providertest.New(t, providertest.Config{})
			p.DenyLogins("access_denied")
			p.Edit(providertest.Authorize, func(m map[string]any) { m["error"], m["error_description"] = code, words })
			var page string
			var h http.Header
			res, err := signIn(t, p, nil, func(v visit) { h, page = v.browse() })
			if err == nil || res != nil {
				t.Fatal("signed in")
			}
			if errors.Is(err, ErrDenied) != (code == "access_denied") {
				t.Errorf("error %v", err)
			}
			if s := err.Error(); Clean(s, 1000) != s || !strings.Contains(s, "alert(1)") {
				t.Errorf("error %q", s)
			}
			isolated(t, h)
			if h.Get("X-Injected") != "" || strings.Contains(page, "<script") || strings.Contains(page, "<img") ||
				strings.Contains(page, "\x1b") ||
				strings.Count(page, ":root{color-scheme") != 1 || strings.Contains(page, `id="ok"`) ||
				!strings.Contains(page, "&lt;script&gt;") {
				t.Errorf("the page is %s", page)
			}
		})
	}
}

// A sign-in that nobody comes to ends with the cause, and frees its port.
func TestLoopbackInterrupt(t *testing.T) {
	p := discover(t, providertest.New(t, providertest.Config{}))
	cause := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	var addr string
	err := p.PKCE(ctx, SignIn{Client: Client{ID: "cli"}}, func(a *Authorization) error {
		authURL := a.URL
		u, _ := url.Parse(authURL)
		r, _ := url.Parse(u.Query().Get("redirect_uri"))
		addr = r.Host
		cancel(cause)
		return nil
	}, nil)
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = ln.Close()
}
