package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestCallbackAbuse sends to the loopback listener what other programs on the
// machine could send. None of it may end or spoil the sign-in.
func TestCallbackAbuse(t *testing.T) {
	c := newClient(t, provider)
	kube := c.sso(c.args("kube", c.pkce()...)...)
	target := c.url(kube)
	redirect, state := callbackOf(t, target)

	query := func(state string) string { return "?" + url.Values{"code": {"forged"}, "state": {state}}.Encode() }
	for name, send := range map[string]func() *http.Request{
		"a wrong state": func() *http.Request { return request(t, "GET", redirect+query("guessed")) },
		"no state":      func() *http.Request { return request(t, "GET", redirect+"?code=forged") },
		"a wrong path":  func() *http.Request { return request(t, "GET", redirect+"/elsewhere"+query(state)) },
		"a POST":        func() *http.Request { return request(t, "POST", redirect+query(state)) },
		"another host": func() *http.Request { // DNS rebinding
			r := request(t, "GET", redirect+query(state))
			r.Host = "attacker.example"
			return r
		},
		"a denial with a wrong state": func() *http.Request {
			return request(t, "GET", redirect+"?error=access_denied&state=guessed")
		},
	} {
		resp, err := http.DefaultTransport.RoundTrip(send())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s is answered with %s", name, resp.Status)
		}
	}

	c.visit(target)
	execToken(t, kube.ok())
}

// TestCallbackCrowd keeps more connections open to the listener than it takes,
// with requests that never end, and sends 1,000 that lead nowhere. The browser
// still gets through, and its page.
func TestCallbackCrowd(t *testing.T) {
	c := newClient(t, provider)
	kube := c.sso(c.args("kube", c.pkce()...)...)
	target := c.url(kube)
	redirect, _ := callbackOf(t, target)
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		// Nothing; half a header; no body.
		unfinished := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 9\r\n\r\n", u.Path, u.Host)
		io.WriteString(conn, unfinished[:i%3*len(unfinished)/2])
	}
	var workers sync.WaitGroup
	for range 10 {
		workers.Go(func() {
			for range 100 {
				resp, err := http.DefaultTransport.RoundTrip(request(t, "GET", redirect+"?code=forged&state=guessed"))
				if err != nil {
					continue // it may be the oldest of the crowd
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusBadRequest {
					t.Errorf("a stray request is answered with %s", resp.Status)
				}
			}
		})
	}
	workers.Wait()

	browser := newChromium(t)
	browser.signIn(target)
	if text := browser.text(); !strings.Contains(text, "You are signed in") {
		t.Errorf("the page says %q", text)
	}
	execToken(t, kube.ok())
}

// TestCallbackFromAnotherOrigin is a web page that tries the listener.
func TestCallbackFromAnotherOrigin(t *testing.T) {
	c := newClient(t, provider)
	kube := c.sso(c.args("kube", c.pkce()...)...)
	target := c.url(kube)
	redirect, _ := callbackOf(t, target)

	browser := newChromium(t)
	browser.do(chromedp.Navigate(provider.Issuer + "/.well-known/openid-configuration"))
	for name, try := range map[string]string{
		"reads":            `fetch(TARGET).then(r => r.text())`,
		"asks beforehand":  `fetch(TARGET, {headers: {"X-Guess": "1"}}).then(r => r.text())`,
		"posts a form":     `fetch(TARGET, {method: "POST", body: "code=forged&state=guessed", mode: "no-cors"}).then(r => r.text())`,
		"shows it":         `new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no; i.src = TARGET; })`,
		"runs it":          `new Promise((ok, no) => { const s = document.createElement("script"); s.onload = ok; s.onerror = no; s.src = TARGET; document.body.append(s); })`,
		"asks for the end": `fetch(TARGET.replace(/callback.*/, "done/"), {mode: "no-cors"}).then(r => r.text())`,
	} {
		question := fmt.Sprintf(`(() => { const TARGET = %q; return %s.then(x => "got " + x, () => "nothing"); })()`,
			redirect+"?code=forged&state=guessed", try)
		// What it is not to see is empty at most.
		if got := get(browser, chromedp.Evaluate[string](question, chromedp.EvalAwaitPromise)); got != "nothing" &&
			got != "got " {
			t.Errorf("a page that %s: %s", name, got)
		}
	}
	browser.signIn(target)
	execToken(t, kube.ok())
}

// TestDenied is a person who says no at the provider.
func TestDenied(t *testing.T) {
	c := newClient(t, provider)
	kube := c.sso(c.args("kube", c.pkce()...)...)
	redirect, state := callbackOf(t, c.url(kube))

	browser := newChromium(t)
	browser.do(chromedp.Navigate(redirect + "?" + url.Values{
		"error": {"access_denied"}, "error_description": {"Alice would <b>rather</b> not"}, "state": {state},
	}.Encode()))
	text := browser.text()
	browser.shot("denied")
	t.Logf("the page after a denial: %q", text)

	res := kube.wait()
	if res.code != 4 || res.stdout != "" {
		t.Errorf("ended with %d and the stdout %q, want 4 and none", res.code, res.stdout)
	}
	if !strings.Contains(res.stderr, "access_denied") && !strings.Contains(res.stderr, "denied") {
		t.Errorf("stderr does not say why: %q", res.stderr)
	}
	if !strings.Contains(text, "denied") || !strings.Contains(text, "<b>rather</b>") { // as text, not as a tag
		t.Errorf("the page does not say why, in the provider's words: %q", text)
	}

	// Everybody else is spared the same question.
	again := c.sso(c.args("kube", c.pkce()...)...).wait()
	if again.code != 3 || again.stdout != "" || len(c.urls) != 0 {
		t.Errorf("the next call ended with %d, stdout %q, and %d browsers opened", again.code, again.stdout, len(c.urls))
	}
	if !strings.Contains(again.stderr, "sso-exec login") {
		t.Errorf("the next call does not name the login command: %q", again.stderr)
	}
}

// callbackOf reads the redirect URI and the state out of an authorization URL.
func callbackOf(t *testing.T, target string) (redirect, state string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" {
		t.Fatalf("the authorization request lacks PKCE with S256, a state or a nonce")
	}
	return q.Get("redirect_uri"), q.Get("state")
}

func request(t *testing.T, method, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
