package sso_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

var kinds = map[string]error{
	"ErrLoginRequired": sso.ErrLoginRequired, "ErrDenied": sso.ErrDenied, "ErrUnavailable": sso.ErrUnavailable,
	"ErrStorage": sso.ErrStorage, "ErrUsage": sso.ErrUsage, "ErrForbidden": sso.ErrForbidden, "ErrRefused": sso.ErrRefused,
}

// isOnly fails unless an error is of one kind and no other.
func isOnly(t *testing.T, err error, kind error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for name, k := range kinds {
		if errors.Is(err, k) != errors.Is(k, kind) {
			t.Errorf("errors.Is(%q, %s) is %v", err, name, errors.Is(err, k))
		}
	}
}

func TestErrorsTellTheirKind(t *testing.T) {
	get := func(t *testing.T, c *sso.Client) error {
		_, err := c.TokenSource(t.Context()).Token()
		return err
	}
	t.Run("nobody is there to sign in", func(t *testing.T) {
		isOnly(t, get(t, newWorld(t, providertest.Config{}).client(nobody)), sso.ErrLoginRequired)
	})
	t.Run("denied", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.DenyLogins("access_denied")
		isOnly(t, get(t, w.client()), sso.ErrDenied)
	})
	t.Run("not completed in time", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		isOnly(t, get(t, w.client(func(c *sso.Client) {
			c.LoginTimeout = 10 * time.Millisecond
			c.OpenBrowser = func(context.Context, string) error { return nil }
		})), sso.ErrDenied)
	})
	t.Run("unreachable", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		w := newWorld(t, providertest.Config{})
		isOnly(t, get(t, w.client(func(c *sso.Client) { c.Issuer = "http://" + l.Addr().String() })), sso.ErrUnavailable)
	})
	t.Run("failing", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.login(t)
		w.age(t, 2*time.Hour)
		w.Fault(providertest.Token, providertest.Fault{Status: 503})
		isOnly(t, get(t, w.client()), sso.ErrUnavailable)
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.login(t)
		w.age(t, 2*time.Hour)
		w.Fault(providertest.Token, providertest.Fault{Status: 400, Body: `{"error":"invalid_client"}`})
		isOnly(t, get(t, w.client()), sso.ErrRefused)
	})
	t.Run("token that does not verify", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.TamperIDToken(1, providertest.WrongNonce)
		isOnly(t, get(t, w.client()), sso.ErrRefused)
	})
	t.Run("unsafe storage", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Log("modes are not what Windows goes by")
			return
		}
		w := newWorld(t, providertest.Config{})
		w.login(t)
		if err := os.Chmod(filepath.Join(w.dir, "tokens"), 0o777); err != nil {
			t.Fatal(err)
		}
		isOnly(t, get(t, w.client()), sso.ErrStorage)
	})
	t.Run("no keyring is linked", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		err := get(t, w.client(func(c *sso.Client) { c.Store = "keyring" }))
		isOnly(t, err, sso.ErrStorage)
		if w.pages.Load() != 0 || !strings.Contains(err.Error(), "built without one") {
			t.Errorf("%d pages, %v", w.pages.Load(), err)
		}
	})
	t.Run("the context has ended", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.client().TokenSource(ctx).Token()
		isOnly(t, err, context.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestFieldsAreChecked(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	for name, wrong := range map[string]func(*sso.Client){
		"no issuer":           func(c *sso.Client) { c.Issuer = "" },
		"http":                func(c *sso.Client) { c.Issuer = "http://login.example.com" },
		"a query":             func(c *sso.Client) { c.Issuer += "?x" },
		"no client":           func(c *sso.Client) { c.ClientID = "" },
		"flow":                func(c *sso.Client) { c.Flow = "implicit" },
		"flow of services":    func(c *sso.Client) { c.Flow = "client-credentials" },
		"device":              func(c *sso.Client) { c.Device = "sometimes" },
		"store":               func(c *sso.Client) { c.Store = "cloud" },
		"interactive":         func(c *sso.Client) { c.Interactive = "no" },
		"offline":             func(c *sso.Client) { c.Offline = "yes" },
		"pushed requests":     func(c *sso.Client) { c.PAR = "yes" },
		"token type":          func(c *sso.Client) { c.TokenType = "refresh" },
		"provider":            func(c *sso.Client) { c.Provider = "none" },
		"redirect":            func(c *sso.Client) { c.RedirectURIs = []string{"https://example.com"} },
		"resource":            func(c *sso.Client) { c.Resource = []string{"api"} },
		"parameter":           func(c *sso.Client) { c.AuthParams = []string{"hd"} },
		"reserved parameter":  func(c *sso.Client) { c.AuthParams = []string{"state=1"} },
		"claims":              func(c *sso.Client) { c.Claims = "{" },
		"roots that are none": func(c *sso.Client) { c.CAData = "AAAA" },
		"roots, not base64":   func(c *sso.Client) { c.CAData = "?" },
		"roots, no file":      func(c *sso.Client) { c.CAFile = filepath.Join(t.TempDir(), "none") },
		"time":                func(c *sso.Client) { c.LoginTimeout = -1 },
		"browser":             func(c *sso.Client) { c.OpenBrowser, c.Browser = nil, "/does/not/exist" },
	} {
		t.Run(name, func(t *testing.T) {
			c := w.client(wrong)
			_, err := c.TokenSource(t.Context()).Token()
			isOnly(t, err, sso.ErrUsage)
			_, err = c.Login(t.Context())
			isOnly(t, err, sso.ErrUsage)
		})
	}
	if n := w.Requests().Authorize; n != 0 {
		t.Errorf("%d pages", n)
	}
}

func TestStatusAndLogout(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	email := func(c *sso.Client) { c.Scopes = []string{"email"} }
	c := w.client(email)
	_, err := c.Status(t.Context())
	isOnly(t, err, sso.ErrLoginRequired)
	if err := c.Logout(t.Context()); err != nil {
		t.Errorf("logout of nobody: %v", err)
	}
	w.login(t, email)
	token(t, c)
	st, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.ID != w.sessionKey(t)[:12] || st.Issuer != w.Issuer() || st.Subject != "alice" ||
		st.Account != "alice@corp.example" || st.Flow != "pkce" || !st.Renews ||
		time.Until(st.TokenUntil) < 59*time.Minute || time.Since(st.SignedInAt) > time.Minute {
		t.Errorf("status: %+v", st)
	}
	if err := c.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.ActiveFamilies(); n != 0 {
		t.Errorf("%d sessions at the provider", n)
	}
	_, err = c.Status(t.Context())
	isOnly(t, err, sso.ErrLoginRequired)
	_, err = w.client(email, nobody).TokenSource(t.Context()).Token()
	isOnly(t, err, sso.ErrLoginRequired)
}

// A service signs in by its secret, and nobody is prompted.
func TestService(t *testing.T) {
	w := newWorld(t, providertest.Config{Clients: []providertest.Client{{ID: "job", Secret: "s3cret"}}})
	c := w.client(func(c *sso.Client) {
		c.ClientID, c.Flow, c.ClientSecret = "job", "client-credentials", credential.NewSecret("s3cret")
	})
	if got := token(t, c); got != w.LastTokens().AccessToken || w.pages.Load() != 0 {
		t.Errorf("token %q, %d pages", got, w.pages.Load())
	}
	if st, err := c.Status(t.Context()); err != nil || !st.Renews || st.Subject != "job" {
		t.Errorf("%+v %v", st, err)
	}
}
