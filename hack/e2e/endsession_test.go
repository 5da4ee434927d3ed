package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLogoutEndSession is done with a browser that keeps its cookies: the
// provider knows who sits there until it is told to end that.
func TestLogoutEndSession(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	browser := newChromium(t)
	signIn := func() string {
		kube := c.run("kube", c.pkce("--force")...)
		browser.do(chromedp.Navigate(c.url(kube)))
		asked := browser.answerForms()
		execToken(t, kube.ok())
		return asked
	}
	if asked := signIn(); asked != "login consent" {
		t.Fatalf("asked at first: %q", asked)
	}
	c.run("logout").ok()
	if asked := signIn(); asked != "consent" {
		t.Fatalf("asked again in the same browser: %q", asked)
	}

	said := c.run("logout", "--end-session").ok()
	page := endSessionURL.FindString(said)
	if page == "" {
		t.Fatalf("no address to end the session at: %q", said)
	}
	browser.endSession(page)
	if asked := signIn(); asked != "login consent" {
		t.Errorf("asked after the session was ended: %q", asked)
	}

	// On a desktop the page is opened.
	place := desktop(c.client)
	words := c.args("logout", append(askConsent, "--end-session", "--browser", c.browser)...)
	logout := place.start(mustTool(t, "sso-exec"), words...)
	opened := c.url(logout)
	if !endSessionURL.MatchString(opened) {
		t.Errorf("opened %q", opened)
	}
	logout.ok()
	browser.endSession(opened)
	for _, issued := range p.answers() {
		p.revoked(issued)
		if q := opened + page; issued.IDToken != "" && strings.Contains(q, issued.IDToken) {
			t.Error("the ID token is on a command line")
		}
	}
	if asked := signIn(); asked != "login consent" {
		t.Errorf("asked after the session was ended from a desktop: %q", asked)
	}
}

var endSessionURL = regexp.MustCompile(`https://\S+/session/end\?\S+`)

// answerForms signs alice in as far as sso-exec's last page, and says what the
// provider asked.
func (c *chromium) answerForms() (asked string) {
	c.t.Helper()
	var forms []string
	for range 3 {
		c.do(chromedp.WaitVisible(chromedp.CSS("main, form")))
		if get(c, chromedp.Evaluate[bool](`document.querySelector("main") !== null`)) { // only sso-exec's pages have one
			return strings.Join(forms, " ")
		}
		form := get(c, chromedp.Evaluate[string](`document.querySelector("input[name=prompt]").value`))
		forms = append(forms, form)
		if form == "login" {
			c.do(chromedp.SendKeys(chromedp.CSS("input[name=login]"), alice.Email),
				chromedp.SendKeys(chromedp.CSS("input[name=password]"), alice.Password))
		}
		c.clickAway("button[type=submit]")
	}
	c.t.Fatalf("the provider asked for %q, and again", forms)
	return ""
}

// clickAway clicks what leads to another page, and waits until that is there.
func (c *chromium) clickAway(selector string) {
	c.t.Helper()
	get(c, chromedp.Evaluate[string](`document.documentElement.dataset.left = "soon"`))
	c.do(chromedp.Click(chromedp.CSS(selector)))
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		there, err := chromedp.Run(c.ctx,
			chromedp.Evaluate[bool](`!document.documentElement.dataset.left && document.readyState === "complete"`))
		if err == nil && there {
			return
		}
	}
	c.t.Fatalf("still there after a click on %s: %s", selector, c.text())
}

// endSession confirms that the person wants to be signed out.
func (c *chromium) endSession(page string) {
	c.t.Helper()
	c.do(chromedp.Navigate(page), chromedp.WaitVisible(chromedp.CSS("button[name=logout]")))
	c.shot("end-session")
	c.clickAway("button[name=logout]")
	if text := c.text(); !strings.Contains(text, "Sign-out Success") {
		c.t.Errorf("after the confirmation: %q", text)
	}
}
