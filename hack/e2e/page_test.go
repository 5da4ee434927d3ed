package e2e

import (
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestPages is what a browser shows of each way that a sign-in can end, and how
// that looks.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		name string
		code int // that the command ends with
		// visit brings the browser to the page. It returns its address, without
		// what is different each time.
		visit    func(t *testing.T, b *chromium, target string) string
		title    string
		says     []string
		requests int // that the browser sent to the listener
	}{
		{"success", 0, func(t *testing.T, b *chromium, target string) string {
			b.signIn(target)
			return pageOf(t, target, "/done/")
		}, "You are signed in", []string{alice.Email, "127.0.0.1", "terminal", "close this window"}, 2},
		{"denied", 4, func(t *testing.T, b *chromium, target string) string {
			b.open(answerTo(t, target,
				url.Values{"error": {"access_denied"}, "error_description": {"Alice would <b>rather</b> not"}}))
			return pageOf(t, target, "/done/")
		}, "The sign-in was denied", []string{"<b>rather</b>", "Nobody was signed in", "terminal"}, 2},
		{"failed", 1, func(t *testing.T, b *chromium, target string) string {
			b.open(answerTo(t, target, url.Values{"code": {strings.Repeat("forged", 20)}}))
			return pageOf(t, target, "/done/")
		}, "The sign-in did not work", []string{"refused", "Nobody was signed in", "terminal"}, 2},
		{"stray", 130, func(t *testing.T, b *chromium, target string) string {
			b.open(pageOf(t, target, "/callback?code=forged&state=guessed"))
			return pageOf(t, target, "/callback?code=forged&state=guessed")
		}, "This is not the current sign-in", []string{"Nothing was changed", "newest", "terminal"}, 1},
		// as through a port that was forwarded to another
		{"elsewhere", 130, func(t *testing.T, b *chromium, target string) string {
			other := strings.Replace(answerTo(t, target, url.Values{"code": {"unused"}}), "127.0.0.1", "localhost", 1)
			b.open(other)
			return other
		}, "The sign-in is waiting at another address", []string{"ssh -L", "forward the same port", "paste it there"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			person := newClient(t, provider)
			kube := person.sso(person.args("kube", person.pkce()...)...)
			target := person.url(kube)
			browser := newChromium(t)
			want := c.visit(t, browser, target)
			if c.code == 130 {
				kube.signal(syscall.SIGINT)
			}
			if res := kube.wait(); res.code != c.code {
				t.Errorf("ended with %d, want %d: %s", res.code, c.code, res.stderr)
			}

			// From here on nothing answers any more: the page has all that it needs.
			text := browser.text()
			for _, words := range c.says {
				if !strings.Contains(text, words) {
					t.Errorf("the page does not say %q: %q", words, text)
				}
			}
			if title := get(browser, chromedp.Title()); title != c.title+" – sso-exec" {
				t.Errorf("its title is %q", title)
			}
			if at := get(browser, chromedp.Location()); !strings.HasPrefix(at, want) {
				t.Errorf("the address bar shows %s, want %s", at, want)
			}
			redirect, _ := callbackOf(t, target)
			browser.keepsToItself(redirect, c.requests)
			if c.requests == 2 {
				for _, entry := range browser.history() {
					if strings.HasPrefix(entry, redirect) || strings.HasPrefix(entry, "http://127.0.0.1") &&
						strings.Contains(entry, "code=") {
						t.Errorf("the history has the code: %s", entry)
					}
				}
			}
			browser.looksRight(c.name)
		})
	}
}

// TestAllPagesLongNames: an account and a provider whose names are longer than a page's
// line, and words of the provider's that have no end.
func TestAllPagesLongNames(t *testing.T) {
	long := dex.User{Email: strings.Repeat("alexandria.montgomery-featherstonehaugh", 2) + "@subsidiary.example",
		Password: alice.Password, Name: strings.Repeat("Alexandria ", 20)}
	at, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{clientID}, Users: []dex.User{long},
		Certificate: &ca.server})
	if err != nil {
		t.Fatal(err)
	}
	for name, visit := range map[string]func(b *chromium, target string){
		"long-name": func(b *chromium, target string) { b.signInAs(target, long) },
		"long-words": func(b *chromium, target string) {
			b.open(answerTo(t, target, url.Values{"error": {"access_denied"},
				"error_description": {strings.Repeat("the-policy-of-this-organization/", 30)}}))
		},
	} {
		person := newClient(t, at)
		kube := person.sso(person.args("kube", person.pkce()...)...)
		browser := newChromium(t)
		visit(browser, person.url(kube))
		kube.wait()
		if name == "long-name" && !strings.Contains(browser.text(), long.Email) {
			t.Errorf("the page does not name the account: %q", browser.text())
		}
		browser.looksRight(name)
	}
}

// pageOf is an address of the listener that an authorization request names.
func pageOf(t *testing.T, target, path string) string {
	t.Helper()
	redirect, _ := callbackOf(t, target)
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + u.Host + path
}

// answerTo is what a provider could send the browser to.
func answerTo(t *testing.T, target string, q url.Values) string {
	t.Helper()
	redirect, state := callbackOf(t, target)
	q.Set("state", state)
	return redirect + "?" + q.Encode()
}

// open goes to an address that may be answered with an error.
func (c *chromium) open(target string) {
	c.t.Helper()
	c.do(chromedp.Navigate(target), chromedp.WaitVisible(chromedp.CSS("main")))
}

// keepsToItself fails unless the browser asked the listener that often and
// nobody for the page's sake, and the page's policy holds and lets its own style
// be.
func (c *chromium) keepsToItself(redirect string, requests int) {
	c.t.Helper()
	listener, err := url.Parse(redirect)
	if err != nil {
		c.t.Fatal(err)
	}
	blocked := get(c, chromedp.Evaluate[bool](`(() => {
		const s = document.createElement("script");
		s.textContent = "window.ran = true";
		document.body.append(s);
		s.remove();
		return window.ran === undefined;
	})()`))
	if !blocked {
		c.t.Error("a script runs")
	}
	sent, complaints := c.seen()
	var ours []string
	for _, r := range sent {
		u, err := url.Parse(r)
		switch {
		case err != nil:
			c.t.Errorf("asked for %q: %v", r, err)
		case u.Scheme == "data":
		case u.Port() == listener.Port():
			ours = append(ours, r)
		case "https://"+u.Host != strings.TrimSuffix(provider.Issuer, u.Path) && !strings.HasPrefix(r, provider.Issuer):
			c.t.Errorf("asked for %s", r)
		}
	}
	if len(ours) != requests {
		c.t.Errorf("the listener was asked %d times, want %d: %q", len(ours), requests, ours)
	}
	policy := slices.DeleteFunc(complaints, func(s string) bool { return !strings.Contains(s, "Content Security Policy") })
	if len(policy) != 1 || !strings.Contains(policy[0], "script") {
		c.t.Errorf("the policy stopped something else than our script: %q", policy)
	}
}

// looksRight looks at the page in light, dark and forced colours, on a desk, on
// a phone and with letters of twice the size. Pictures are for people.
func (c *chromium) looksRight(name string) {
	c.t.Helper()
	seen := map[string]string{}
	for _, look := range []struct {
		name          string
		width, height int64
		features      map[string]string
	}{
		{"light", 1024, 640, map[string]string{"prefers-color-scheme": "light"}},
		{"dark", 1024, 640, map[string]string{"prefers-color-scheme": "dark"}},
		{"narrow", 320, 568, map[string]string{"prefers-color-scheme": "light"}},
		{"narrow-dark", 320, 568, map[string]string{"prefers-color-scheme": "dark"}},
		{"flat", 640, 200, map[string]string{"prefers-color-scheme": "light"}},
		{"forced", 640, 480, map[string]string{"forced-colors": "active", "prefers-color-scheme": "dark"}},
	} {
		c.look(look.width, look.height, look.features)
		c.fits(name + " " + look.name)
		seen[look.name] = get(c, chromedp.Evaluate[string](`["body", "main", "h1", ".mark"].map(s => {
			const style = getComputedStyle(document.querySelector(s));
			return style.color + " on " + style.backgroundColor;
		}).join(", ")`))
		c.shot("page-" + name + "-" + look.name)
	}
	if seen["light"] == seen["dark"] || seen["light"] != seen["narrow"] || seen["dark"] != seen["narrow-dark"] {
		c.t.Errorf("%s: its colours are %q", name, seen)
	}
	border := get(c, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("main")).borderTopColor`))
	if border == "rgba(0, 0, 0, 0)" {
		c.t.Errorf("%s: the card has no border in forced colours", name)
	}
	c.look(320, 568, map[string]string{"prefers-color-scheme": "light"})
	get(c, chromedp.Evaluate[string](`document.documentElement.style.fontSize = "200%"`))
	c.fits(name + " narrow, with letters of twice the size")
	c.shot("page-" + name + "-large")
}

// fits fails if the page is to be scrolled sideways, or if its heading is cut.
func (c *chromium) fits(what string) {
	c.t.Helper()
	fits := get(c, chromedp.Evaluate[bool](`document.documentElement.scrollWidth <= innerWidth &&
		[...document.querySelectorAll("main, main *")].every(e => {
			const box = e.getBoundingClientRect();
			return box.left >= 0 && box.right <= innerWidth && box.top + scrollY >= 0 && box.height > 0;
		})`))
	if !fits {
		c.t.Errorf("%s does not fit", what)
	}
}
