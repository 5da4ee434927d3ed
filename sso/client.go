// Package sso signs people in through their company's identity provider, and
// sends the token along with a program's requests. It keeps the session on disk,
// renews it, and shares it with other programs that use the same provider and
// client ID: thirty processes at an expired token send one refresh.
//
// Start with a [Client]:
//
//	c := &sso.Client{Issuer: "https://login.example.com", ClientID: "cli"}
//	api := c.HTTPClient("https://api.example.com")
//	resp, err := api.Get("https://api.example.com/v1/me")
//
// [Client.HTTPClient] signs in when it must. [Client.TokenSource] gives the token
// to anything else that uses golang.org/x/oauth2, gRPC for example.
// [Client.Login], [Client.Logout] and [Client.Status] are for commands of those
// names; the package ssocmd adds them to a cobra command.
//
// By default a person is asked on the terminal, and the page opens in their
// browser. Both can be replaced ([Client.Prompter], [Client.OpenBrowser]), or
// switched off ([Client.Interactive]). Nothing else is printed, ever: warnings go
// to [Client.Logger].
//
// Errors are told apart with [errors.Is]: see [ErrLoginRequired] and its like.
//
// Not checked: what an API does with the token. A token is for one audience; ask
// for the right one with [Client.Audience] or [Client.Resource].
//
// The package is v0: names may still change between minor versions.
package sso

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Client is one sign-in at one provider. Issuer and ClientID are enough for most.
// Set its fields before the first use, and do not change or copy it after that.
// Its methods may be called by many goroutines.
type Client struct {
	Issuer   string // the provider, as it spells itself; https, or http on a literal loopback address
	ClientID string // that the provider knows this program by
	Provider string // the provider's dialect: "okta", "entra", "workos" …; empty: by the issuer

	// ClientSecret is for clients that have one. Command lines should be public
	// clients; some providers give those a secret that is none (Google).
	ClientSecret credential.Secret

	// What the tokens are for.
	Scopes       []string // besides openid, and offline_access where the provider has it
	Audience     string   // the parameter audience of the authorization request
	Resource     []string // resource URIs (RFC 8707)
	Organization string   // the ID of the organization to sign in to
	TokenType    string   // the token that is sent: "access" (default) or "id"
	Session      string   // a label that keeps two people's sign-ins at one issuer apart

	// How a person signs in.
	Flow         string        // "auto" (default), "pkce", "device", "paste"; for a service "client-credentials"
	Device       string        // when a device sign-in may be used: "allow" (default), "headless" or "never"
	Browser      string        // the command that opens a page; "none" opens nothing; empty: $BROWSER, then the system's
	RedirectURIs []string      // loopback URIs to listen on, tried in order; a port of 0 is any free one
	LoginHint    string        // the account to suggest to the provider
	AuthParams   []string      // further K=V of the authorization request
	ACR          []string      // the sign-in must have one of these (acr_values)
	MaxAge       time.Duration // how old the sign-in may be; 0: any age; less than a second: it must be new
	Claims       string        // the parameter claims of the sign-in, as JSON
	PAR          string        // push the authorization request (RFC 9126): "auto" (default), "always" or "never"
	Offline      string        // "never": no refresh token is asked for or kept
	LoginTimeout time.Duration // how long a person may take; 0: 5 minutes
	Interactive  string        // "never": no prompt and no browser; a needed sign-in is ErrLoginRequired

	// How the provider is reached.
	HTTPTimeout time.Duration // one request to the provider; 0: 15 seconds
	CAFile      string        // PEM certificates to trust besides the system's, also for the API
	CAData      string        // the same, as base64

	// Where the session is stored.
	CacheDir string // empty: sso-exec in the user's cache directory, which all programs share
	// Store is where the refresh token is stored: "file" (default); "keyring", for
	// which the program imports the package cache/keyring, as it does a database's
	// driver; or "none", which keeps everything in memory.
	Store  string
	MinTTL time.Duration // how long a token must still last; 0: a minute or a fifth of its life, whichever is less

	// Audit is what the audit trail of the person's sessions, which all programs share,
	// records: "on" (default: sign-ins, refreshes, sign-outs, refusals), "all" (tokens
	// from the cache too) or "off".
	Audit string

	// Prompter shows a sign-in to the person. Nil: on the terminal, or on stderr.
	Prompter Prompter
	// OpenBrowser opens a page in the person's browser. It should not wait for the
	// browser to end. Nil: Browser.
	OpenBrowser func(ctx context.Context, url string) error
	// Logger gets warnings, and more at the levels Info and Debug; never a secret.
	// Nil: they are dropped.
	Logger *slog.Logger

	state
}

// Identity is who signed in. Only Issuer and Subject identify; the rest is for
// display, and the provider's text: clean it before it goes to a terminal.
type Identity = credential.Identity

// config checks the fields, once, and makes a session's config of them.
func (c *Client) config() (session.Config, error) {
	c.once.Do(func() {
		c.base, c.baseErr = c.read()
		if c.baseErr != nil {
			c.baseErr = fault.InUsage(c.baseErr)
		}
	})
	return c.base, c.baseErr
}

func (c *Client) read() (session.Config, error) {
	cfg := session.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, Scopes: strings.Fields(strings.Join(c.Scopes, " ")), Audience: c.Audience,
		Resources: c.Resource, Organization: c.Organization, Label: c.Session, RedirectURIs: c.RedirectURIs,
		LoginHint: c.LoginHint, AuthParams: c.AuthParams, PAR: cmp.Or(c.PAR, flows.PARAuto),
		NoOffline: c.Offline == never, Timeout: cmp.Or(c.HTTPTimeout, 15*time.Second), Log: c.Logger,
		Keyring: c.Store == "keyring", KeyringBy: "Store", Names: fieldOf,
		Client: func(context.Context, *http.Client) (flows.Client, error) {
			return flows.Client{ID: c.ClientID, Secret: c.ClientSecret}, nil
		},
	}
	if c.Flow == flows.FlowClientCredentials {
		cfg.Identity, cfg.Grant = credential.Service, []string{c.Flow}
	}
	if cfg.Dialect = dialect.Named(c.Provider); cfg.Dialect == nil && c.Provider != "" {
		return cfg, fmt.Errorf("unknown provider %q", c.Provider)
	}
	if err := c.checkWords(); err != nil {
		return cfg, err
	}
	cfg = cfg.Settled()
	if err := c.check(cfg); err != nil {
		return cfg, err
	}
	cfg.StepUp.ACR = strings.Fields(strings.Join(c.ACR, " "))
	if c.MaxAge > 0 {
		cfg.StepUp.MaxAge = &c.MaxAge
	}
	if c.Claims != "" {
		claims, err := flows.ParseClaims(c.Claims)
		if err != nil {
			return cfg, fmt.Errorf("invalid Claims: %w", err)
		}
		cfg.StepUp.Claims = claims
	}
	return cfg, errors.Join(c.readRoots(&cfg), c.findCache(&cfg))
}

// trail is where what is done with the session is recorded; the tool is this program.
func (c *Client) trail(p *policy.Policy) *audit.Trail {
	required := p != nil && p.AuditRequired
	if c.Audit == "off" && !required {
		return nil
	}
	self, _ := os.Executable()
	dir := userfile.TrailDir(required || p != nil && p.OverridesDenied)
	return &audit.Trail{Dir: dir, All: c.Audit == "all", Required: required,
		Base: audit.Event{Tool: filepath.Base(self), Caller: place.Caller(), Agent: agents.Seen().Name},
		Warn: func(what string) {
			if c.Logger != nil {
				c.Logger.Warn(what)
			}
		}}
}

const never = "never"

// fieldOf names a setting by its field, for errors.
func fieldOf(setting string) string {
	field := map[string]string{
		"auth_param": "AuthParams", "redirect_uri": "RedirectURIs", "client_secret": "ClientSecret",
	}[setting]
	if field == "" && setting != "" {
		field = strings.ToUpper(setting[:1]) + setting[1:]
	}
	return field
}

// checkWords checks the fields that have one of a few values.
func (c *Client) checkWords() error {
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"Flow", c.Flow, []string{flows.FlowAuto, flows.FlowPKCE, flows.FlowDevice, flows.FlowPaste,
			flows.FlowClientCredentials}},
		{"Device", c.Device, []string{flows.DeviceAllow, flows.DeviceHeadless, flows.DeviceNever}},
		{"TokenType", c.TokenType, []string{credential.AccessToken, credential.IDToken}},
		{"PAR", c.PAR, []string{flows.PARAuto, flows.PARAlways, flows.PARNever}},
		{"Offline", c.Offline, []string{"auto", never}},
		{"Interactive", c.Interactive, []string{"auto", never}},
		{"Store", c.Store, []string{"file", "keyring", "none"}},
		{"Audit", c.Audit, []string{"on", "off", "all"}},
	} {
		if f.value != "" && !slices.Contains(f.known, f.value) {
			return fmt.Errorf("invalid %s %q: use %s", f.name, f.value, strings.Join(f.known, ", "))
		}
	}
	return nil
}

// check checks what is sent to the provider.
func (c *Client) check(cfg session.Config) error {
	switch {
	case cfg.Issuer == "":
		return errors.New("no issuer")
	case c.ClientID == "":
		return errors.New("no client ID")
	case cfg.Identity == credential.Service && c.ClientSecret.IsZero():
		return fmt.Errorf("the flow %s needs a client secret", c.Flow)
	case c.TokenType == credential.IDToken && (cfg.Dialect.NoOpenID || cfg.Identity == credential.Service):
		return errors.New("there are no ID tokens here")
	case c.MaxAge < 0 || c.MinTTL < 0 || c.LoginTimeout < 0 || c.HTTPTimeout < 0:
		return errors.New("a duration is negative")
	}
	u, err := flows.CheckURL("the issuer", cfg.Issuer)
	if err == nil && u.RawQuery != "" {
		err = fmt.Errorf("the issuer %q must not have a query", cfg.Issuer)
	}
	if err == nil && cfg.Dialect.CheckIssuer != nil {
		err = cfg.Dialect.CheckIssuer(cfg.Issuer)
	}
	if err != nil {
		return err
	}
	for _, uri := range cfg.RedirectURIs {
		if _, err := flows.CheckRedirectURI(uri); err != nil {
			return err
		}
	}
	for _, r := range c.Resource { // RFC 8707 §2
		if u, err := url.Parse(r); err != nil || !u.IsAbs() || u.Fragment != "" {
			return fmt.Errorf("the resource %q must be an absolute URI without a fragment", r)
		}
	}
	for _, kv := range c.AuthParams {
		if name, _, ok := strings.Cut(kv, "="); !ok || name == "" || flows.IsOwnParam(name) {
			return fmt.Errorf("the parameter %q is not K=V, or has a field of its own", kv)
		}
	}
	return nil
}

// readRoots reads the certificates to trust besides the system's.
func (c *Client) readRoots(cfg *session.Config) error {
	if c.CAFile != "" {
		pem, err := userfile.Read(c.CAFile)
		if err != nil {
			return fmt.Errorf("the CA file: %w", err)
		}
		cfg.Roots = append(userfile.Text(pem), '\n')
		cfg.Reach.CAFile, _ = filepath.Abs(c.CAFile)
	}
	if c.CAData != "" {
		cfg.Reach.CAData = strings.Join(strings.Fields(c.CAData), "")
		pem, err := base64.StdEncoding.DecodeString(cfg.Reach.CAData)
		if err != nil {
			return fmt.Errorf("the CA data are not base64: %w", err)
		}
		cfg.Roots = append(cfg.Roots, userfile.Text(pem)...)
	}
	return nil
}

// findCache finds the cache directory. Without one nothing is kept.
func (c *Client) findCache(cfg *session.Config) (err error) {
	switch {
	case c.Store == "none":
		return nil
	case c.CacheDir != "":
		cfg.CacheDir, err = filepath.Abs(c.CacheDir)
		return err
	}
	if dir := userfile.CacheDir(); dir != "" {
		cfg.CacheDir = filepath.Join(dir, "sso-exec")
	} else if c.Logger != nil {
		c.Logger.Warn("the session is not stored: no cache directory; set HOME or CacheDir")
	}
	return nil
}

// bounded is session for a call that gives a token: it obeys the system's policy.
func (c *Client) bounded(ctx context.Context, login bool) (s *session.Session, end func(), err error) {
	if _, err := c.config(); err != nil {
		return nil, nil, err
	}
	if _, err := c.obey(); err != nil {
		_ = c.trail(nil).Record(audit.Event{Event: audit.Refused, Issuer: c.base.Issuer, Result: audit.Result(err)})
		return nil, nil, err
	}
	return c.session(ctx, login)
}

// session makes a session for one call. end takes what it shows off the screen.
// login is whether another person may sign in than before.
func (c *Client) session(ctx context.Context, login bool) (s *session.Session, end func(), err error) {
	cfg, err := c.config()
	if err != nil {
		return nil, nil, err
	}
	cfg.Started = time.Now()
	cfg.Waiting = func(h cache.Holder) {
		if c.Logger != nil {
			c.Logger.Info("waiting for another process", "pid", h.PID, "purpose", h.Purpose)
		}
	}
	c.mu.Lock()
	p := c.policy
	c.mu.Unlock()
	if err := c.bind(&cfg, p); err != nil {
		return nil, nil, err
	}
	cfg.Trail = c.trail(p)
	cfg.Person, end = c.person(ctx, cfg, login, p)
	if s, err = session.New(cfg); err != nil {
		return nil, nil, fault.InUsage(err)
	}
	if cfg.Identity == credential.Service {
		s.Grant = c.grant(s)
	}
	return s, end, nil
}

// grant is how a service gets a token (RFC 6749 §4.4).
func (c *Client) grant(s *session.Session) *session.Grant {
	return &session.Grant{Flow: c.Flow, Tokens: func(ctx context.Context) (*flows.Result, error) {
		p, err := s.Provider(ctx)
		if err != nil {
			return nil, err
		}
		client, err := s.Client(ctx)
		if err != nil {
			return nil, err
		}
		set, err := p.ClientCredentials(ctx, client, flows.Target{
			Scopes: s.SignIn.Scopes, Audience: c.Audience, Resources: c.Resource,
			Organization: c.Organization, Params: session.Params(c.AuthParams)})
		if err != nil {
			return nil, err
		}
		return &flows.Result{Tokens: set, Identity: Identity{Issuer: s.Request.Issuer, Subject: c.ClientID}}, nil
	}}
}

// need is what is asked of the session.
func (c *Client) need(cfg session.Config) session.Need {
	ttl := session.TokenTTL
	if c.MinTTL > 0 {
		ttl.Exact = c.MinTTL
	}
	return session.Need{TokenType: cmp.Or(c.TokenType, credential.AccessToken), MinTTL: ttl, StepUp: cfg.StepUp}
}
