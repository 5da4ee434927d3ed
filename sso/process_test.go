package sso_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// Thirty processes at an expired token, half of them sso-exec and half of them
// programs with this package, send one refresh to a provider that ends the session
// when a refresh token is used twice.
func TestThirtyProcessesSendOneRefresh(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t, plain)
	w.age(t, 2*time.Hour)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			var out, errs string
			var code int
			if i%2 == 0 {
				out, errs, code = w.library(t, "SSO_EXEC_INTERACTIVE=never")
			} else {
				out, errs, code = w.command(t, "token", "--interactive=never")
			}
			if code != 0 || strings.TrimSpace(out) != w.LastTokens().AccessToken {
				t.Errorf("process %d: exit code %d, stdout %q, stderr %q", i, code, out, errs)
			}
		})
	}
	wg.Wait()
	if n := w.refreshes(); n != 1 || w.Reuses() != 0 || w.ActiveFamilies() != 1 {
		t.Errorf("%d refreshes, %d reuses, %d sessions, want 1, 0, 1", n, w.Reuses(), w.ActiveFamilies())
	}
}

// Thirty processes of both kinds where nobody is signed in open one page.
func TestThirtyProcessesOpenOnePage(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			var errs string
			var code int
			if i%2 == 0 {
				_, errs, code = w.library(t)
			} else {
				_, errs, code = w.command(t, "token")
			}
			if code != 0 {
				t.Errorf("process %d: exit code %d, stderr %q", i, code, errs)
			}
		})
	}
	wg.Wait()
	if n := w.Requests().Authorize; n != 1 {
		t.Errorf("%d pages, want 1", n)
	}
}

// Whatever is asked for, the command and the library mean the same session and
// the same token by it: neither refreshes after the other has signed in.
func TestSharesSessionsWithTheCommand(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
		same  func(*sso.Client)
	}{
		{"nothing", nil, func(*sso.Client) {}},
		{"scopes", []string{"--scope=groups,email", "--scope=openid"},
			func(c *sso.Client) { c.Scopes = []string{"email groups"} }},
		{"audience", []string{"--audience=https://api"}, func(c *sso.Client) { c.Audience = "https://api" }},
		{"resources", []string{"--resource=https://b.example", "--resource=https://a.example"},
			func(c *sso.Client) { c.Resource = []string{"https://a.example", "https://b.example"} }},
		{"label", []string{"--session=second"}, func(c *sso.Client) { c.Session = "second" }},
		{"hint", []string{"--login-hint=alice@corp.example"}, func(c *sso.Client) { c.LoginHint = "alice@corp.example" }},
		{"parameters", []string{"--auth-param=hd=corp.example", "--auth-param=prompt=consent"},
			func(c *sso.Client) { c.AuthParams = []string{"prompt=consent", "hd=corp.example"} }},
		{"organization", []string{"--organization=org_1"}, func(c *sso.Client) { c.Organization = "org_1" }},
		{"step-up", []string{"--acr=silver gold", "--max-age=1h"},
			func(c *sso.Client) { c.ACR, c.MaxAge = []string{"silver", "gold"}, time.Hour }},
		{"claims", []string{`--claims={"userinfo":{"email":null}}`},
			func(c *sso.Client) { c.Claims = `{ "userinfo": {"email": null} }` }},
		{"dialect", []string{"--provider=dex"}, func(c *sso.Client) { c.Provider = "dex" }},
		{"ID token", []string{"--token-type=id"}, func(c *sso.Client) { c.TokenType = "id" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, providertest.Config{ACRs: []string{"gold"}})
			args := append([]string{"token", "--interactive=never"}, test.flags...)
			w.login(t, plain, test.same)
			want := token(t, w.client(plain, nobody, test.same))
			if out, errs, code := w.command(t, args...); code != 0 || strings.TrimSpace(out) != want {
				t.Errorf("the command after the library: exit code %d, %q", code, errs)
			}
			if n := w.Requests().All; n != 0 {
				t.Errorf("%d requests after the library's sign-in", n)
			}
			if err := os.RemoveAll(w.dir); err != nil {
				t.Fatal(err)
			}
			if _, errs, code := w.command(t, append([]string{"token"}, test.flags...)...); code != 0 {
				t.Fatalf("sign-in by the command: exit code %d, %q", code, errs)
			}
			w.ResetRequests()
			token(t, w.client(plain, nobody, test.same))
			if n := w.Requests().All; n != 0 {
				t.Errorf("%d requests after the command's sign-in", n)
			}
		})
	}
}

// A CA that one names by its file and the other by its text is the same.
func TestSharesSessionsUnderAnExtraRoot(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	secure := providertest.New(t, providertest.Config{})
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, secure.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := w.client(func(c *sso.Client) {
		c.Issuer, c.CAData, c.CAFile = secure.Issuer(), "", file
		c.OpenBrowser = w.approve(secure)
	})
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, errs, code := w.command(t, "token", "--interactive=never", "--issuer="+secure.Issuer(),
		"--ca-data="+base64.StdEncoding.EncodeToString(secure.CAPEM()))
	if code != 0 || strings.TrimSpace(out) != secure.LastTokens().AccessToken {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// A sign-in that was denied to the one holds back the other, until Login.
func TestSharesTheLatch(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.DenyLogins("access_denied")
	if _, err := w.client(plain).TokenSource(t.Context()).Token(); !errors.Is(err, sso.ErrDenied) {
		t.Fatalf("%v, want ErrDenied", err)
	}
	w.ResetRequests()
	if _, errs, code := w.command(t, "token"); code != 3 || !strings.Contains(errs, "a sign-in failed at") {
		t.Errorf("the command after a denial: exit code %d, %q", code, errs)
	}
	if _, err := w.client(plain).TokenSource(t.Context()).Token(); !errors.Is(err, sso.ErrLoginRequired) {
		t.Errorf("the library after a denial: %v, want ErrLoginRequired", err)
	}
	if n := w.Requests().Authorize; n != 0 {
		t.Errorf("%d pages during the pause", n)
	}
	w.DenyLogins("")
	w.login(t, plain)
	if _, errs, code := w.command(t, "token"); code != 0 {
		t.Errorf("the command after a sign-in: exit code %d, %q", code, errs)
	}
	if _, _, code := w.command(t, "logout"); code != 0 {
		t.Errorf("logout: exit code %d", code)
	}
	if _, err := w.client(plain).Status(t.Context()); !errors.Is(err, sso.ErrLoginRequired) {
		t.Errorf("status after the command's logout: %v", err)
	}
}
