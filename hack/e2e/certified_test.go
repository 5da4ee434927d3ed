package e2e

import (
	"context"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCertified is a life at a provider that forces PKCE, says in the callback
// who it is, and takes a refresh token once.
func TestCertified(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	c.signIn()
	first := c.stored()
	if first.RefreshToken == "" {
		t.Fatal("the provider gave no refresh token")
	}

	p.forget()
	c.run("kube").ok()
	p.requests(map[string]int{})

	before := first
	for range 3 {
		c.run("kube", "--force").ok()
		now := c.stored()
		if now.RefreshToken == before.RefreshToken || now.AccessToken == before.AccessToken {
			t.Fatal("a refresh left the old tokens in the files")
		}
		before = now
	}
	p.requests(map[string]int{"POST /token": 3})

	// Somebody else has an old refresh token: the provider ends the family.
	if refusal := p.redeem(first.RefreshToken); !strings.HasPrefix(refusal, "invalid_grant") {
		t.Fatalf("the first refresh token is answered with %q", refusal)
	}
	res := c.run("kube", "--force", "--interactive", "never").wait()
	if res.code != 3 || res.stdout != "" || !strings.Contains(res.stderr, "sso-exec login --") {
		t.Errorf("after that: ended with %d, want 3 and the command to run: %q, stderr: %s", res.code, res.stdout, res.stderr)
	}
	c.signIn()
}

// TestCertifiedDevice: this provider's answer has no interval, which makes it
// five seconds (RFC 8628 §3.2).
func TestCertifiedDevice(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var polls []time.Time
	p := newCertified(t, certifiedOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				mu.Lock()
				polls = append(polls, time.Now())
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	}})
	c := p.member()
	kube := c.run("kube", "--flow", "device")
	target, code := prompt(t, kube)
	kube.eventually("nobody polls", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(polls) > 0
	})
	c.visit(withCode(t, target, code))
	execToken(t, kube.ok())
	mu.Lock()
	seen := slices.Clone(polls)
	mu.Unlock()
	if len(seen) < 2 {
		t.Fatalf("%d polls, one of which was too early", len(seen))
	}
	for i := range seen[1:] {
		if apart := seen[i+1].Sub(seen[i]); apart < 5*time.Second {
			t.Errorf("a poll came %s after the one before it", apart)
		}
	}
	c.run("kube", "--force").ok() // there is a refresh token too
}

// TestCertifiedIssuer: an answer that says it is of another provider, or does
// not say whose it is, is none (RFC 9207 §2.4).
func TestCertifiedIssuer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(url.Values){
		"another's": func(q url.Values) { q.Set("iss", "https://login.example") },
		"nobody's":  func(q url.Values) { q.Del("iss") },
	} {
		t.Run(name, func(t *testing.T) {
			p := newCertified(t, certifiedOptions{})
			c := p.member()
			kube := c.run("kube", c.pkce()...)
			last := p.lastAddress(c.url(kube))
			if last.Query().Get("iss") != p.issuer {
				t.Fatalf("the provider's own answer: iss=%q", last.Query().Get("iss"))
			}
			q := last.Query()
			change(q)
			last.RawQuery = q.Encode()
			p.forget()
			resp, err := http.Get(last.String())
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if res := kube.wait(); res.code == 0 || res.stdout != "" {
				t.Errorf("ended with %d: %q", res.code, res.stdout)
			} else {
				t.Logf("%d: %s", res.code, res.stderr)
			}
			p.requests(map[string]int{}) // the code went nowhere
		})
	}
}

// TestCertifiedPaste carries the last page's address over by hand.
func TestCertifiedPaste(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	kube := machine(c.client).onTerminal().kube(append(askConsent, "--flow", "paste")...)
	last := p.lastAddress(kube.addressToOpen())
	kube.press(last.String() + "\r")
	execToken(t, kube.ok())
	wantNoCode(t, kube, last)
}

// TestCertifiedManyAtOnce: twenty processes and one expired token are one
// refresh. A second would end the family here.
func TestCertifiedManyAtOnce(t *testing.T) {
	t.Parallel()
	const life = 5 * time.Second
	p := newCertified(t, certifiedOptions{FirstTTL: life})
	c := p.member()
	expired := c.signIn()
	time.Sleep(life)

	p.forget()
	answers := map[string]bool{}
	for _, one := range c.many(20, append(askConsent, "--interactive", "never")...) {
		answers[execToken(t, one.ok())] = true
	}
	p.requests(map[string]int{"POST /token": 1})
	if len(answers) != 1 || answers[expired] {
		t.Errorf("%d different tokens, the expired one among them: %v; want one new one", len(answers), answers[expired])
	}
	c.run("kube", "--force", "--interactive", "never").ok() // the family lives
}

var (
	errNotHere    = errors.New("not to be reached from there")
	sentForm      = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	promptOfAForm = regexp.MustCompile(`name="prompt" value="(\w+)"`)
)

// lastAddress signs alice in with a browser that reaches the provider alone, and
// returns where it was sent in the end.
func (p *certified) lastAddress(target string) *url.URL {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := p.client.Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if "https://"+address != p.issuer {
			return nil, errNotHere
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}

	page, err := browser.Get(target)
	for range 3 { // a page to sign in on, one to consent, and the last
		if failed, ok := errors.AsType[*url.Error](err); ok && errors.Is(err, errNotHere) {
			last, err := url.Parse(failed.URL)
			if err != nil {
				p.t.Fatal(err)
			}
			return last
		}
		if err != nil {
			p.t.Fatal(err)
		}
		body, _ := io.ReadAll(page.Body)
		page.Body.Close()
		action, asked := sentForm.FindSubmatch(body), promptOfAForm.FindSubmatch(body)
		if action == nil || asked == nil {
			p.t.Fatalf("the provider shows no form: %s", body)
		}
		to, perr := page.Request.URL.Parse(html.UnescapeString(string(action[1])))
		if perr != nil {
			p.t.Fatal(perr)
		}
		page, err = browser.PostForm(to.String(), url.Values{
			"prompt": {string(asked[1])}, "login": {alice.Email}, "password": {alice.Password},
		})
	}
	p.t.Fatal("the provider asks again and again")
	return nil
}
