package session_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/session"
)

// What is left open follows from the provider, and settling twice changes nothing.
func TestSettled(t *testing.T) {
	for _, test := range []struct {
		name     string
		config   session.Config
		issuer   string
		redirect string
		dialect  string
	}{
		{"a standard's provider", session.Config{Issuer: "https://login.example.com"},
			"https://login.example.com", session.AnyPort, "oidc"},
		{"recognized by its host", session.Config{Issuer: "https://corp.okta.com"},
			"https://corp.okta.com", "", "okta"},
		{"the only issuer", session.Config{Dialect: dialect.Named("google")},
			"https://accounts.google.com", session.AnyPort, "google"},
		{"an issuer for each organization", session.Config{Dialect: dialect.Named("entra"), Organization: "corp"},
			"https://login.microsoftonline.com/corp/v2.0", "", "entra"},
		{"a redirect of one's own", session.Config{Issuer: "https://corp.okta.com",
			RedirectURIs: []string{"http://127.0.0.1:9/x"}}, "https://corp.okta.com", "http://127.0.0.1:9/x", "okta"},
	} {
		t.Run(test.name, func(t *testing.T) {
			once := test.config.Settled()
			again := once.Settled()
			if once.Issuer != test.issuer || once.Dialect.Name != test.dialect || once.Identity != credential.Human {
				t.Errorf("issuer %q, dialect %q, identity %q", once.Issuer, once.Dialect.Name, once.Identity)
			}
			if test.redirect != "" && once.RedirectURIs[0] != test.redirect {
				t.Errorf("redirect %q", once.RedirectURIs)
			}
			if again.Issuer != once.Issuer || !slices.Equal(again.RedirectURIs, once.RedirectURIs) ||
				again.Request().SessionKey() != once.Request().SessionKey() {
				t.Errorf("settled again: %+v", again)
			}
		})
	}
}

// Keys are made of what was asked for, and of nothing else.
func TestConfigsKeys(t *testing.T) {
	base := session.Config{Issuer: "https://login.example.com", ClientID: "cli"}
	keys := func(change func(*session.Config)) (skey, tkey string) {
		c := base
		change(&c)
		r := c.Settled().Request()
		return r.SessionKey(), r.TokenKey()
	}
	skey, tkey := keys(func(*session.Config) {})
	hour := time.Hour
	for _, test := range []struct {
		name             string
		change           func(*session.Config)
		session, samekey bool // the session's key stays; the tokens' does
	}{
		{"openid and offline_access",
			func(c *session.Config) { c.Scopes = []string{"openid", "offline_access"} }, true, true},
		{"how it looks", func(c *session.Config) { c.AuthParams = []string{"prompt=login", "ui_locales=de"} }, true, true},
		{"a redirect, a time-out", func(c *session.Config) { c.RedirectURIs, c.Timeout = []string{"http://127.0.0.1:1/"}, 1 },
			true, true},
		{"step-up", func(c *session.Config) { c.StepUp = flows.StepUp{ACR: []string{"gold"}, MaxAge: &hour} }, true, false},
		{"scopes", func(c *session.Config) { c.Scopes = []string{"email"} }, false, false},
		{"whose account", func(c *session.Config) { c.AuthParams = []string{"hd=corp"} }, false, false},
		{"hint", func(c *session.Config) { c.LoginHint = "alice" }, false, false},
		{"label", func(c *session.Config) { c.Label = "second" }, false, false},
		{"service", func(c *session.Config) { c.Identity, c.Grant = credential.Service, []string{"x"} }, false, false},
		{"roots", func(c *session.Config) { c.Roots = []byte("none of them is one") }, false, false},
	} {
		s, k := keys(test.change)
		if (s == skey) != test.session || (k == tkey) != test.samekey {
			t.Errorf("%s: session's key same: %v, tokens' key same: %v", test.name, s == skey, k == tkey)
		}
	}
}

func TestNew(t *testing.T) {
	_, err := session.New(session.Config{Issuer: "https://login.example.com", Roots: []byte("no certificate")})
	if err == nil {
		t.Error("roots without a certificate were accepted")
	}
	s, err := session.New(session.Config{Issuer: "https://login.example.com", ClientID: "cli"})
	if err != nil || s.Store != nil {
		t.Fatalf("%+v %v", s, err)
	}
	client, err := s.Client(t.Context())
	if err != nil || client.ID != "cli" || !client.Secret.IsZero() || client.Method != "" {
		t.Errorf("client: %+v %v", client, err)
	}
	s, err = session.New(session.Config{Issuer: "https://login.example.com", CacheDir: t.TempDir(), Stay: true,
		Identity: credential.Service, Keyring: true, Waiting: func(cache.Holder) {}})
	if err != nil || s.Store == nil || s.Store.UseKeyring || !s.Store.Stay || s.Store.Waiting == nil {
		t.Errorf("a service's store: %+v %v", s.Store, err)
	}
}
