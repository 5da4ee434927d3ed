package flows

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// Dialect is how a provider differs from the standards, mostly as data. The zero
// Dialect, which is that of the name oidc, differs in nothing. [Dialects] has
// them all.
type Dialect struct {
	Name  string   // as --provider takes it
	Title string   // for people
	Hosts []string // of issuers by which it is recognized; one that begins with a dot stands for all names below it

	// Metadata.
	Known         func(issuer, clientID string) Metadata // endpoints that the metadata lacks
	NoMetadata    bool                                   // Known has them all: there is nothing to ask for
	BothDocuments bool                                   // what OpenID Connect's document lacks, RFC 8414's has
	CheckIssuer   func(issuer string) error              // why an issuer cannot be used as it is, and what to do

	// A sign-in.
	RedirectURIs []string // candidates where none is named
	Register     []string // what to register at the provider's console, a line each, for people
	NoOpenID     bool     // it has no ID tokens: openid and a nonce are not asked
	Offline      string   // OfflineListed if empty
	AuthParams   []Param  // of the authorization request, unless the user gives others
	NeedsSecret  bool     // its clients for command lines have a secret, which is none

	// A session.
	Free    Free          // what the refresh token is not bound to
	Ended   []string      // codes by which a refresh says that the session is over, beside invalid_grant
	Replay  time.Duration // how long a refresh token that was replaced still brings the same successor
	Lasting bool          // its access tokens have no end

	Organization OrganizationRule

	// Out.
	NoRevocation string                               // where it revokes nothing: what a person can do instead
	SignOut      func(p *Provider, s SignedIn) string // the page that ends the provider's own session, where there is no end_session_endpoint

	Hints []RefusalHint

	// Where data does not do: see the file of the dialect.
	adapt    func(what string, form url.Values)                                     // the parameters of a request
	refusal  func(doing string, a *answer, fields map[string]json.RawMessage) error // an error in an envelope of its own; nil: the standard's
	tokens   func(set *credential.TokenSet, fields map[string]json.RawMessage)      // what the answer tells otherwise
	identify func(context.Context, *Provider, *credential.TokenSet, map[string]json.RawMessage, Expect) (credential.Identity, error)
	verify   func(context.Context, *Provider, *credential.TokenSet, Expect) error // of a refresh's answer
}

// Requests, as adapt is told of them.
const (
	whatAuthorize = "authorize"
	whatCode      = "code"
	whatDevice    = "device"
	whatRefresh   = "refresh"
)

// When offline_access is asked for, without which many give no refresh token
// (OpenID Connect Core §11).
const (
	OfflineListed = "" // where the metadata lists it
	OfflineNever  = "never"
	OfflineAlways = "always"
)

// Free is what a provider does not bind a refresh token to: one session serves
// all of them.
type Free struct{ Scopes, Audience, Resources, Organization bool }

// OrganizationRule is what an organization is to a provider.
type OrganizationRule struct {
	Word   string                                                                      // its own word: "tenant", "realm"; empty: organization
	Param  string                                                                      // the parameter of the authorization request; empty: organization
	Issuer func(issuer, organization string) string                                    // each is an issuer of its own
	Claim  string                                                                      // of the access token, else of the ID token, that names it
	Switch bool                                                                        // a refresh can ask for another one
	List   func(context.Context, *Provider, credential.Secret) ([]Organization, error) // those of a person; nil: they cannot be listed
}

// Organization is one that a person belongs to.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// SignedIn is what is known of a session that is to end at the provider.
type SignedIn struct {
	ClientID    string
	Account     string
	AccessToken credential.Secret
}

// RefusalHint is what to do about a refusal that the provider is known for.
type RefusalHint struct {
	Code string // of the error; empty: any
	Word string // in its description; empty: any
	Say  string
}

// Hint returns what is known of a refusal; nothing if nothing is.
func (d *Dialect) Hint(e *OAuthError) string {
	for _, h := range d.Hints {
		if (h.Code == "" || h.Code == e.Code) && strings.Contains(e.Description, h.Word) {
			return h.Say
		}
	}
	return ""
}

// DialectNamed returns a dialect by its name, nil if there is none.
func DialectNamed(name string) *Dialect {
	for _, d := range Dialects() {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// DialectOf recognizes a dialect by the issuer's host, where nobody else can have
// that; else it is the standard's.
func DialectOf(issuer string) *Dialect {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" {
		return DialectNamed("oidc")
	}
	host := strings.ToLower(u.Hostname())
	for _, d := range Dialects() {
		if slices.ContainsFunc(d.Hosts, func(h string) bool { return h == host || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h) }) {
			return d
		}
	}
	return DialectNamed("oidc")
}

// EndsSession reports whether a refusal of a refresh says that the session is
// over (RFC 6749 §5.2: invalid_grant).
func (p *Provider) EndsSession(e *OAuthError) bool {
	return e.Code == "invalid_grant" || slices.Contains(p.Dialect.Ended, e.Code)
}

// Scopes completes the scopes of a sign-in: openid, and offline_access where it
// brings a refresh token.
func (p *Provider) Scopes(asked []string) []string {
	scopes := slices.Clone(asked)
	offline := p.Dialect.Offline == OfflineAlways || p.Dialect.Offline == OfflineListed && p.SupportsScope("offline_access")
	for _, s := range []struct {
		name string
		ask  bool
	}{{"offline_access", offline && !p.Dialect.NoOpenID}, {"openid", !p.Dialect.NoOpenID}} {
		if s.ask && !slices.Contains(scopes, s.name) {
			scopes = slices.Insert(scopes, 0, s.name)
		}
	}
	return scopes
}

// adapt has the dialect change the parameters of a request.
func (p *Provider) adapt(what string, form url.Values) {
	if p.Dialect.adapt != nil {
		p.Dialect.adapt(what, form)
	}
}
