package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/audit"
)

// Config is what a session is made of: what is asked for, and how the provider
// is reached. It is a plain value. Two programs that ask for the same have the
// same keys, and so share sessions, locks and latches.
type Config struct {
	Issuer       string
	ClientID     string
	Dialect      *flows.Dialect // nil: by the issuer
	Scopes       []string       // openid and offline_access are left out of the keys
	Audience     string
	Resources    []string
	Organization string
	Label        string   // keeps two people's sessions at one issuer apart
	Identity     string   // credential.Human if empty
	Grant        []string // what tells a service from others; of a person: where the sign-in is, next to the issuer

	RedirectURIs []string // the dialect's if empty
	LoginHint    string
	AuthParams   []string // K=V
	StepUp       flows.StepUp
	PAR          string
	NoOffline    bool

	Roots     []byte        // PEM certificates to trust besides the system's
	RootsHash string        // of Roots, for who has worked it out; empty: not yet
	Timeout   time.Duration // of one request
	HTTP      *http.Client  // nil: by Roots and Timeout, see [NewHTTP]
	Reach     cache.Reach   // kept with a sign-in; the dialect and the roots are added
	// Client tells how this program authenticates to the provider, once a request
	// needs it. Nil: a public client. hc is what presents a certificate.
	Client func(ctx context.Context, hc *http.Client) (flows.Client, error)
	// Register makes a client where each program registers itself, in the place of
	// Client; nil: it does not. RegistrationKey is where it is kept.
	Register        func(ctx context.Context, hc *http.Client) (*cache.Registration, error)
	RegistrationKey string
	Other           *Other // another program's copy of the session; may be nil

	CacheDir string // empty: nothing is kept
	Keyring  bool   // the refresh token of a person is stored in the keyring
	// KeyringBy is how the program's user chose that; see [cache.Store].
	KeyringBy string
	Stay      bool               // see [cache.Store]
	Waiting   func(cache.Holder) // see [cache.Store]; may be nil

	Names   flows.Names // of settings, for errors; may be nil
	Person  Person
	Limits  Limits
	Log     *slog.Logger // nil: nothing is logged
	Trail   *audit.Trail // of this run; nil: nothing is recorded
	Started time.Time    // of this process; zero: now
}

// AnyPort is the redirect URI where the provider accepts any port (RFC 8252 §7.3).
const AnyPort = "http://127.0.0.1:0/callback"

// Settled fills in what follows from the provider: its issuer where it has one
// for everybody, or one for each organization, and where it may lead a browser
// back to. Settling twice changes nothing.
func (c Config) Settled() Config {
	if c.Dialect == nil {
		c.Dialect = dialect.Of(c.Issuer)
	}
	c.Issuer = cmp.Or(c.Issuer, c.Dialect.Issuer)
	if each := c.Dialect.Organization.Issuer; each != nil && c.Organization != "" && c.Issuer != "" {
		c.Issuer = each(c.Issuer, c.Organization)
	}
	if len(c.RedirectURIs) == 0 {
		c.RedirectURIs = c.Dialect.RedirectURIs
	}
	if len(c.RedirectURIs) == 0 {
		c.RedirectURIs = []string{AnyPort}
	}
	c.Identity = cmp.Or(c.Identity, credential.Human)
	return c
}

// displayParams are authorization parameters that change how a sign-in looks
// (OpenID Connect Core §3.1.2.1). Any other may choose whose sign-in it is.
var displayParams = []string{"prompt", "display", "ui_locales"}

// Request is the part of a settled config that the cache's keys are made of.
func (c Config) Request() cache.Request {
	r := cache.Request{
		Issuer: c.Issuer, ClientID: c.ClientID, Label: c.Label, Identity: c.Identity, Grant: c.Grant,
		Scopes: slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool {
			return s == "openid" || s == "offline_access"
		}),
		Audience: c.Audience, Resources: c.Resources, Organization: c.organization(),
		AuthParams: stepUpParams(c.StepUp), Roots: c.rootsHash(),
		Free: cache.Free(c.Dialect.Free), ClientScopes: c.Register != nil,
	}
	for _, kv := range c.AuthParams {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(displayParams, name) {
			r.Account = append(r.Account, kv)
		}
	}
	if c.LoginHint != "" {
		r.Account = append(r.Account, "login_hint="+c.LoginHint)
	}
	return r
}

// organization is the one that the provider is asked for by name; where each is
// an issuer of its own, none is.
func (c Config) organization() string {
	if c.Dialect.Organization.Issuer != nil {
		return ""
	}
	return c.Organization
}

// rootsHash names the set of extra roots; empty: none were given.
func (c Config) rootsHash() string {
	if c.RootsHash != "" || len(c.Roots) == 0 {
		return c.RootsHash
	}
	return cmp.Or(flows.RootsHash(c.Roots), "none")
}

// providerKey names the provider's metadata and keys in the cache. Where they
// belong to the client, as WorkOS's keys do, its ID is a part of the name.
func (c Config) providerKey() string {
	name := c.Dialect.Name
	if c.Dialect.NoMetadata {
		name += " " + c.ClientID
	}
	if c.Identity != credential.Service && len(c.Grant) > 0 {
		name += " " + strings.Join(c.Grant, " ")
	}
	return cache.ProviderKey(c.Issuer, name, c.rootsHash())
}

// stepUpParams are what the sign-in must be like, as parameters of the key of
// the tokens. They are not part of the session's: it is the same session that is
// stepped up.
func stepUpParams(u flows.StepUp) (params []string) {
	if len(u.ACR) > 0 {
		params = append(params, "acr_values="+strings.Join(u.ACR, " "))
	}
	if u.MaxAge != nil {
		params = append(params, fmt.Sprintf("max_age=%d", int64(*u.MaxAge/time.Second)))
	}
	if u.Claims != "" {
		params = append(params, "claims="+u.Claims)
	}
	return params
}

// New makes a session. Nothing is read, asked or sent yet, except that Roots
// must hold a certificate if it is not empty.
func New(c Config) (*Session, error) {
	c = c.Settled()
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	hc := c.HTTP
	if hc == nil {
		var err error
		if hc, err = NewHTTP(c.Timeout, c.Roots, log); err != nil {
			return nil, err
		}
	}
	s := &Session{
		Request: c.Request(), Dialect: c.Dialect, ProviderKey: c.providerKey(),
		SignIn: flows.SignIn{
			Scopes: c.Request().Scopes, Audience: c.Audience, Resources: c.Resources,
			Organization: c.organization(), RedirectURIs: c.RedirectURIs, LoginHint: c.LoginHint,
			AuthParams: Params(c.AuthParams), StepUp: c.StepUp, PAR: c.PAR, NoOffline: c.NoOffline,
		},
		Names: c.Names, HTTP: hc, Person: c.Person, Started: c.Started, Log: log, Trail: c.Trail, Reach: c.Reach,
		Limits: c.Limits,
	}
	s.Reach.Provider, s.Reach.Roots = c.Dialect.Name, c.rootsHash()
	if s.Started.IsZero() {
		s.Started = time.Now()
	}
	s.NewClient = func(ctx context.Context) (flows.Client, error) {
		if c.Client == nil {
			return flows.Client{ID: c.ClientID}, nil
		}
		return c.Client(ctx, hc)
	}
	if c.Register != nil {
		s.RegistrationKey = c.RegistrationKey
		s.Register = func(ctx context.Context) (*cache.Registration, error) { return c.Register(ctx, hc) }
	}
	if c.CacheDir != "" {
		s.Store, s.Other = c.open(log), c.Other
	}
	return s, nil
}

// open opens the cache. Each damage is reported once.
func (c Config) open(log *slog.Logger) *cache.Store {
	said := map[string]bool{}
	store := cache.Open(c.CacheDir, func(what string) {
		if !said[what] {
			said[what] = true
			log.Warn(what)
		}
	})
	store.UseKeyring = c.Keyring && c.Identity != credential.Service // which has no refresh token
	store.Stay, store.Waiting, store.KeyringBy = c.Stay, c.Waiting, c.KeyringBy
	return store
}

// Params are the parameters of a list of K=V.
func Params(list []string) (params []flows.Param) {
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		params = append(params, flows.Param{Name: name, Value: value})
	}
	return params
}

// NewHTTP is the client of [flows.NewHTTPClient], whose requests are logged.
func NewHTTP(timeout time.Duration, roots []byte, log *slog.Logger) (*http.Client, error) {
	hc, err := flows.NewHTTPClient(timeout, roots)
	if err == nil {
		hc.Transport = requestLog{hc.Transport, log}
	}
	return hc, err
}

// requestLog logs each request at level debug: no query, no body, no header.
type requestLog struct {
	next http.RoundTripper
	log  *slog.Logger
}

func (t requestLog) Unwrap() http.RoundTripper { return t.next }

func (t requestLog) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(r)
	status := "failed"
	if err == nil {
		status = resp.Status
	}
	t.log.Debug("request", "method", r.Method, "url", r.URL.Scheme+"://"+r.URL.Host+flows.Clean(r.URL.Path, 200),
		"status", status, "took", time.Since(began).Round(time.Millisecond))
	return resp, err
}

// This file is what can be asked of a session.

// Need is what a tool asks for.
type Need struct {
	TokenType string // credential.IDToken or credential.AccessToken; of the first link
	MinTTL    TTL    // of the last link
	Force     bool   // the last link is made again
	Steps     []Step // what is derived from the token, link by link

	StepUp flows.StepUp // what the sign-in behind it must be like
}

// TTL is how long a cached answer must still last.
type TTL struct {
	Exact time.Duration // as the user gave it; negative: the rule below
	Most  time.Duration // the rule: this long,
	Part  int           // or the life divided by this, whichever is less
}

// TokenTTL is the rule for tokens.
var TokenTTL = TTL{Exact: -1, Most: time.Minute, Part: 5}

// For returns how long a credential must last to be good enough.
func (t TTL) For(c credential.Credential) time.Duration {
	if t.Exact >= 0 {
		return t.Exact
	}
	if life := c.Life(); life > 0 {
		return min(t.Most, life/time.Duration(t.Part))
	}
	return t.Most
}

func (t TTL) given() bool { return t.Exact >= 0 }

const (
	// maxAhead is how far in the future a credential may have been stored. Beyond
	// that this machine's clock was set back, and the end that is written down
	// tells nothing.
	maxAhead = time.Minute
	// unknownLife is how long a credential serves whose end the provider does not
	// tell. That it says nothing does not mean for ever (RFC 6749 §5.1).
	unknownLife = time.Hour
)

// serves reports whether a stored credential is good enough.
func (s *Session) serves(t TTL, c credential.Credential, now time.Time) bool {
	age := now.Sub(c.StoredAt)
	return c.LastsFor(t.For(c), now) && age > -maxAhead && (!c.ExpiresAt.IsZero() || s.endless(c) || age < unknownLife)
}

// endless reports whether a credential is one of the sign-in's own, at a provider whose
// tokens last.
func (s *Session) endless(c credential.Credential) bool {
	return s.Dialect.Lasting && c.AWS == nil && c.For == ""
}

// Step is a link of the chain of derivations: it trades the credential before
// it for another one.
type Step struct {
	Kind   string // the exchange; part of the key
	Params any    // every parameter of it; part of the key
	For    string // what comes of it, in a word for people
	Run    func(context.Context, credential.Credential) (credential.Credential, error)
}
