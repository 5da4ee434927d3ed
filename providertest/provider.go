package providertest

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// Config describes a provider. Its zero value is a strict provider over TLS
// with a public client named "cli" and a user named alice.
type Config struct {
	// PlainHTTP serves http://127.0.0.1 instead of https://127.0.0.1.
	PlainHTTP bool
	// IssuerPath is appended to the issuer: "/realms/corp", or "/" for an
	// issuer that ends in a slash.
	IssuerPath string
	// Now is the provider's clock. Delays of faults go by the real one.
	Now func() time.Time

	// Clients default to a public one: {ID: "cli"}.
	Clients []Client
	// User is who signs in until [Provider.SetUser] says otherwise.
	User User
	// Scopes are announced as scopes_supported, and no other is granted. With
	// offline_access among them a refresh token is issued only to those who ask
	// for it; without, always. Default: openid, email, profile, groups,
	// offline_access.
	Scopes []string

	// Alg signs tokens: RS256 (default) or ES256.
	Alg string
	// Lifetimes: 5 minutes, 1 hour and 24 hours by default. That of the refresh
	// token counts from the sign-in, however often it rotates.
	AccessTokenLifetime, IDTokenLifetime, RefreshTokenLifetime time.Duration
	// JWTAccessTokens are as in RFC 9068. By default they are opaque.
	JWTAccessTokens bool

	// NoRotation keeps refresh tokens as they are, and leaves them out of the
	// answers to a refresh (RFC 6749 §6). By default each use replaces the
	// token, and a second use of an old one ends the session (RFC 9700 §4.14.2).
	NoRotation bool
	// RotationGrace is how long a replaced refresh token still works.
	RotationGrace time.Duration

	// AssertionAudience is what client assertions and JWT bearer assertions must be
	// addressed to: AudienceIssuer (default, as a single string and nothing else),
	// AudienceTokenEndpoint, or AudienceAny for either, in a list too.
	AssertionAudience string
	// AssertionAlgs are announced as token_endpoint_auth_signing_alg_values_supported,
	// and no other is taken, for any JWT that somebody else has signed. Default:
	// RS256, PS256, ES256, ES384, ES512 and EdDSA.
	AssertionAlgs []string
	// AssertionLifetime is how far ahead of the clock a client assertion may end:
	// 5 minutes by default. Other issuers' JWTs may last as long as they like.
	AssertionLifetime time.Duration

	// TrustedIssuers are other issuers, each with its JSON Web Key Set, whose JWTs
	// are taken: as assertions of the JWT bearer grant (RFC 7523 §2.1), as subject
	// and actor tokens of an exchange, and as client assertions of the clients that
	// name them ([Client.Federated]).
	TrustedIssuers map[string][]byte

	// MTLS opens a second port where clients may show a certificate, and announces
	// it as mtls_endpoint_aliases (RFC 8705 §5). Not with PlainHTTP.
	MTLS bool
	// ClientCAs, in PEM, issue the certificates of tls_client_auth. By default it is
	// the provider's own CA; see [Provider.IssueCertificate].
	ClientCAs []byte

	// RequirePAR takes pushed authorization requests alone (RFC 9126 §5); others may
	// always be pushed. PARLifetime is how long one waits for its browser: a minute
	// by default.
	RequirePAR  bool
	PARLifetime time.Duration

	// ACRs are the authentication contexts that people can sign in with, the weakest
	// first, announced as acr_values_supported. A sign-in has the first that was asked
	// for and is among them, else the weakest. Without any, ID tokens have no acr.
	ACRs []string
	// IgnoreStepUp takes no notice of acr_values, max_age and claims.
	IgnoreStepUp bool
	// ClaimsAtToken takes the parameter claims at the token endpoint too; otherwise
	// it is a violation there.
	ClaimsAtToken bool

	// PKCEOptional also serves clients without a code challenge.
	PKCEOptional bool
	// ResponseIss names the issuer in authorization responses (RFC 9207).
	ResponseIss bool
	// LoginForm shows a page with a button instead of signing in at once: a
	// POST to the same URL with decision=allow or decision=deny.
	LoginForm bool

	// DeviceInterval is announced as interval, in seconds. It is left out if 0,
	// which means 5 (RFC 8628 §3.2).
	DeviceInterval int
	// DeviceLifetime is how long a device code lives: 10 minutes by default.
	DeviceLifetime time.Duration
	// DeviceApproveAfter approves a device code by itself after that many polls
	// were told authorization_pending.
	DeviceApproveAfter int
	// DevicePKCE is what becomes of a code challenge with a device authorization: it
	// is checked where there is one (""), "required", or "ignored".
	DevicePKCE string
	// DeviceAutoApprove makes a GET of verification_uri_complete approve.
	DeviceAutoApprove bool

	// EditMetadata changes the discovery documents, as [Provider.Edit] of
	// [Discovery] does: [Without] leaves a member out, [With] sets one.
	EditMetadata func(metadata map[string]any)
}

// User is somebody who signs in.
type User struct {
	Subject string
	Email   string
	Name    string
	Groups  []string
	Claims  map[string]any // more claims of ID tokens and userinfo
}

var alice = User{Subject: "alice", Email: "alice@corp.example", Name: "Alice Example", Groups: []string{"dev", "ops"}}

// Provider is a running OpenID provider. Its methods may be called at any time,
// by many goroutines.
type Provider struct {
	*server
	config Config
	issuer string
	base   string                        // issuer without a slash at the end
	trust  map[string]jose.JSONWebKeySet // of other issuers, and of clients by "client:" and their ID
	roots  *x509.CertPool                // of client certificates

	mu       sync.Mutex // guards what is below
	keys     []*keys.Key
	rotated  int
	user     string // subject of who signs in next
	users    map[string]User
	denial   string
	codes    map[string]*code
	pushed   map[string]*pushedRequest
	access   map[string]*accessToken
	refresh  map[string]*refreshToken
	order    []string // of refresh tokens, oldest first
	families []*family
	devices  []*device
	polls    []string // script of answers to device polls
	tamper   Tamper
	tampers  int
	last     Tokens
	reuses   int

	signedIn   time.Time // since when the browser has a session; zero: it has none
	signedInBy string    // its acr
	needACR    string    // of tokens at the userinfo endpoint
	needAge    *time.Duration

	seen map[string]time.Time // client assertions by client and jti, with their end
}

// New starts a provider that ends with the test.
func New(t testing.TB, config Config) *Provider {
	t.Helper()
	p, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Start starts a provider. Close ends it.
func Start(config Config) (*Provider, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Clients == nil {
		config.Clients = []Client{{ID: "cli"}}
	}
	if config.Scopes == nil {
		config.Scopes = []string{"openid", "email", "profile", "groups", "offline_access"}
	}
	if config.User.Subject == "" {
		config.User = alice
	}
	config.Alg = cmp.Or(config.Alg, "RS256")
	config.AccessTokenLifetime = cmp.Or(config.AccessTokenLifetime, 5*time.Minute)
	config.IDTokenLifetime = cmp.Or(config.IDTokenLifetime, time.Hour)
	config.RefreshTokenLifetime = cmp.Or(config.RefreshTokenLifetime, 24*time.Hour)
	config.PARLifetime = cmp.Or(config.PARLifetime, time.Minute)
	config.DeviceLifetime = cmp.Or(config.DeviceLifetime, 10*time.Minute)
	config.AssertionAudience = cmp.Or(config.AssertionAudience, AudienceIssuer)
	config.AssertionLifetime = cmp.Or(config.AssertionLifetime, 5*time.Minute)
	if config.AssertionAlgs == nil {
		config.AssertionAlgs = []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"}
	}

	if config.IssuerPath != "" && config.IssuerPath[0] != '/' {
		return nil, fmt.Errorf("providertest: issuer path %q does not begin with a slash", config.IssuerPath)
	}
	if config.MTLS && config.PlainHTTP {
		return nil, errors.New("providertest: there is no mutual TLS over plain HTTP")
	}
	key, err := keys.New(config.Alg, 0)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		config:  config,
		keys:    []*keys.Key{key},
		user:    config.User.Subject,
		users:   map[string]User{config.User.Subject: config.User},
		codes:   map[string]*code{},
		pushed:  map[string]*pushedRequest{},
		access:  map[string]*accessToken{},
		refresh: map[string]*refreshToken{},
		seen:    map[string]time.Time{},
	}
	if err := p.readKeys(); err != nil {
		return nil, err
	}
	p.server = &server{now: config.Now, route: p.endpoint}
	var ca *keys.CA
	if !config.PlainHTTP {
		if ca, err = keys.NewCA(); err != nil {
			return nil, err
		}
	}
	ready := func(url string) {
		p.issuer = url + config.IssuerPath
		p.base = strings.TrimSuffix(p.issuer, "/")
	}
	if err := p.listen(ca, ready); err != nil {
		return nil, err
	}
	if config.MTLS {
		if err := p.listenMTLS(); err != nil {
			p.Close()
			return nil, err
		}
	}
	if config.EditMetadata != nil {
		p.Edit(Discovery, config.EditMetadata)
	}
	return p, nil
}

// Issuer is the provider's issuer identifier.
func (p *Provider) Issuer() string { return p.issuer }

// SetUser says who signs in from now on. It also changes what is known of that
// subject: the next refresh shows other groups.
func (p *Provider) SetUser(u User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = u.Subject
	p.users[u.Subject] = u
}

// DenyLogins answers authorization requests with an error of RFC 6749 §4.1.2.1
// or OIDC Core §3.1.2.6, such as access_denied. An empty one ends that.
func (p *Provider) DenyLogins(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denial = code
}

// RotateKeys signs with a new key from now on; the old one leaves the key set.
func (p *Provider) RotateKeys() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := keys.New(p.config.Alg, p.rotated+1)
	if err != nil {
		return err
	}
	p.rotated++
	p.keys = []*keys.Key{key}
	return nil
}

// RevokeSession ends all sessions of a subject, as an administrator would: the
// next refresh is answered invalid_grant.
func (p *Provider) RevokeSession(subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.families {
		if f.subject == subject {
			f.revoked = true
		}
	}
}

// VerifyJWT checks the signature of a token against the keys in use, and returns
// its claims. It looks at no claim.
func (p *Provider) VerifyJWT(token string) (map[string]any, error) {
	p.mu.Lock()
	keys := slices.Clone(p.keys)
	p.mu.Unlock()
	claims, err := map[string]any(nil), errors.New("no keys")
	for _, key := range keys {
		if claims, err = key.Verify(token); err == nil {
			break
		}
	}
	return claims, err
}

// endpoint finds who answers a path. The handlers hold the lock; what needs none
// is left to the answer's finish.
func (p *Provider) endpoint(path string) (Endpoint, handler) {
	prefix := strings.TrimPrefix(p.base, p.url)
	if path == "/.well-known/oauth-authorization-server"+prefix {
		return OAuth, p.locked(p.serveMetadata)
	}
	if rest, ok := strings.CutPrefix(path, prefix); ok {
		switch rest {
		case "/.well-known/openid-configuration":
			return OpenID, p.locked(p.serveMetadata)
		case "/keys":
			return JWKS, p.locked(p.serveKeys)
		case "/authorize":
			return Authorize, p.locked(p.serveAuthorize)
		case "/par":
			return PAR, p.locked(p.servePAR)
		case "/token":
			return Token, p.locked(p.serveToken)
		case "/device_authorization":
			return Device, p.locked(p.serveDevice)
		case "/device":
			return Verify, p.locked(p.serveVerify)
		case "/revoke":
			return Revoke, p.locked(p.serveRevoke)
		case "/userinfo":
			return UserInfo, p.locked(p.serveUserInfo)
		case "/logout":
			return Logout, p.locked(p.serveLogout)
		}
	}
	return "", func(*Request) *answer { return textAnswer(404, "text/plain", "no such path\n") }
}

func (p *Provider) locked(handle handler) handler {
	return func(r *Request) *answer {
		p.mu.Lock()
		defer p.mu.Unlock()
		return handle(r)
	}
}

// claimsOf are the claims about a user that the scopes open (OIDC Core §5.4).
func (p *Provider) claimsOf(subject string, scopes []string) map[string]any {
	user := p.users[subject]
	claims := map[string]any{"sub": subject}
	if slices.Contains(scopes, "email") && user.Email != "" {
		claims["email"], claims["email_verified"] = user.Email, true
	}
	if slices.Contains(scopes, "profile") && user.Name != "" {
		claims["name"] = user.Name
	}
	if slices.Contains(scopes, "groups") && user.Groups != nil {
		claims["groups"] = user.Groups
	}
	maps.Copy(claims, user.Claims)
	return claims
}

func (p *Provider) clientByID(id string) *Client {
	i := slices.IndexFunc(p.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &p.config.Clients[i]
}
