package e2e

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestCertifiedPushed: the provider takes pushed authorization requests alone
// (RFC 9126), and each of them once.
func TestCertifiedPushed(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{RequirePAR: true})
	c := p.member()
	browser := newChromium(t)
	kube := c.run("kube", c.pkce("--login-hint", alice.Email)...)
	opened := c.url(kube)
	u, err := url.Parse(opened)
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(u.Query())); !slices.Equal(names, []string{"client_id", "request_uri"}) {
		t.Errorf("the browser's address has %q", names)
	}
	browser.do(chromedp.Navigate(opened))
	if asked := browser.answerForms(); asked != "login consent" {
		t.Errorf("asked: %q", asked)
	}
	execToken(t, kube.ok())
	p.mu.Lock()
	pushed := p.seen["POST /request"]
	p.mu.Unlock()
	if pushed != 1 {
		t.Errorf("%d requests were pushed", pushed)
	}

	// The address is worth nothing any more.
	browser.do(chromedp.Navigate(opened))
	if text := browser.text(); !strings.Contains(text, "invalid_request_uri") {
		t.Errorf("the address again: %q", text)
	}

	// The session is one like any other.
	first := c.stored()
	c.run("kube", "--login-hint", alice.Email, "--force", "--interactive", "never").ok()
	if now := c.stored(); now.RefreshToken == first.RefreshToken {
		t.Error("the refresh token was not rotated")
	}
	if refusal := p.redeem(first.RefreshToken); !strings.HasPrefix(refusal, "invalid_grant") {
		t.Errorf("the first refresh token is answered with %q", refusal)
	}
	if res := c.run("kube", "--login-hint", alice.Email, "--force", "--interactive", "never").wait(); res.code != 3 {
		t.Errorf("after that: ended with %d: %s", res.code, res.stderr)
	}

	// Who does not push is told so.
	never := c.run("kube", c.pkce("--par", "never")...)
	browser.do(chromedp.Navigate(c.url(never)))
	if res := never.wait(); res.code != 1 || !strings.Contains(res.stderr, "invalid_request") {
		t.Errorf("--par never ended with %d: %s", res.code, res.stderr)
	}
}

// TestCertifiedResource: a person's access token is for the resource that is named
// (RFC 8707), before and after a refresh, and no other.
func TestCertifiedResource(t *testing.T) {
	t.Parallel()
	const api, other = "https://api.example.test/v1", "https://other.example.test"
	p := newCertified(t, certifiedOptions{Resources: []string{api, other}, RequirePAR: true})
	c := p.member()
	browser := newChromium(t)
	get := func(more ...string) string {
		t.Helper()
		token := c.run("token", c.pkce(append([]string{"--scope", "api:read"}, more...)...)...)
		browser.do(chromedp.Navigate(c.url(token)))
		browser.answerForms()
		return strings.TrimSpace(token.ok())
	}
	for _, resource := range []string{api, other} {
		claims := claimsOf(t, get("--resource", resource))
		if claims["aud"] != resource || claims["scope"] != "api:read" || claims["sub"] != alice.Email {
			t.Errorf("%s: %v", resource, claims)
		}
		again := claimsOf(t,
			strings.TrimSpace(c.run("token", "--scope", "api:read", "--resource", resource, "--force", "--interactive",
				"never").ok()))
		if again["aud"] != resource || again["jti"] == claims["jti"] {
			t.Errorf("%s, refreshed: %v", resource, again)
		}
	}
	unknown := c.run("token", c.pkce("--resource", "https://unknown.example.test")...)
	if res := unknown.wait(); res.code != 1 || !strings.Contains(res.stderr, "invalid_target") { // the push is refused
		t.Errorf("an unknown resource: ended with %d: %s", res.code, res.stderr)
	}
}

// TestCertifiedStepUp: who is signed in is asked again where a stronger or newer
// sign-in is wanted, and only there.
func TestCertifiedStepUp(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{ACRs: []string{"pwd", "mfa"}})
	c := p.member()
	browser := newChromium(t)
	signIn := func(more ...string) (asked string, claims map[string]any) {
		t.Helper()
		kube := c.run("kube", c.pkce(more...)...)
		browser.do(chromedp.Navigate(c.url(kube)))
		asked = browser.answerForms()
		return asked, claimsOf(t, execToken(t, kube.ok()))
	}
	signIn()

	res := c.run("kube", "--acr", "mfa", "--interactive", "never").wait()
	if res.code != 3 || res.stdout != "" || !strings.Contains(res.stderr, "--acr=mfa") {
		t.Errorf("nobody there: ended with %d: %s", res.code, res.stderr)
	}
	asked, claims := signIn("--acr", "mfa")
	if asked != "login consent" || claims["acr"] != "mfa" {
		t.Errorf("asked %q: %v", asked, claims)
	}
	refreshed := claimsOf(t, execToken(t, c.run("kube", "--acr", "mfa", "--force", "--interactive", "never").ok()))
	if refreshed["acr"] != "mfa" {
		t.Errorf("refreshed: %v", refreshed)
	}
	// That sign-in is good for what asks for less, in the browser too.
	if asked, claims := signIn("--force", "--acr", "pwd", "--acr", "mfa", "--session", "second"); asked != "consent" ||
		claims["acr"] != "mfa" {
		t.Errorf("asked %q: %v", asked, claims)
	}

	// Now, and not as of an hour ago.
	asked, claims = signIn("--max-age", "0s")
	if asked != "login consent" || claims["auth_time"] == nil {
		t.Errorf("asked %q: %v", asked, claims)
	}
	if res := c.run("kube", "--max-age", "1h", "--interactive", "never").wait(); res.code != 0 {
		t.Errorf("recent enough: ended with %d: %s", res.code, res.stderr)
	}

	// The parameter claims, as the base64 of a challenge.
	challenge := base64.StdEncoding.EncodeToString([]byte(`{"id_token":{"acr":{"essential":true,"values":["mfa"]}}}`))
	if _, claims := signIn("--claims", challenge); claims["acr"] != "mfa" {
		t.Errorf("%v", claims)
	}

	// What nobody can have there, and what nobody may be asked for.
	unmet := c.run("kube", c.pkce("--acr", "never", "--session", "third")...)
	browser.do(chromedp.Navigate(c.url(unmet)))
	browser.answerForms()
	if res := unmet.wait(); res.code != 1 || res.stdout != "" || !strings.Contains(res.stderr, `"never" is asked for`) {
		t.Errorf("an acr that is not known there: ended with %d: %s", res.code, res.stderr)
	}
	silent := c.sso(c.args("kube", c.pkce("--auth-param", "prompt=none", "--max-age", "0s", "--session", "fourth")...)...)
	browser.do(chromedp.Navigate(c.url(silent)))
	if res := silent.wait(); res.code != 1 || !strings.Contains(res.stderr, "login_required") ||
		!strings.Contains(res.stderr, "prompt=none") {
		t.Errorf("prompt=none: ended with %d: %s", res.code, res.stderr)
	}
}
