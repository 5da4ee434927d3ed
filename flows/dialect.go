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
// Dialect differs in nothing. Those of known providers are in the package
// flows/dialect.
type Dialect struct {
	Name  string // by which it is found
	Title string // for people
	// of issuers by which it is recognized; one that begins with a dot stands for all
	// names below it, a label * for any one
	Hosts []string

	Issuer string // of all its customers, or where most of them are; the one if none is named

	// Metadata.
	Known       func(issuer, clientID string) Metadata // endpoints that the metadata lacks
	NoMetadata  bool                                   // Known has them all: there is nothing to ask for
	Documents   string                                 // which of its two documents are read; DocumentsFirst if empty
	Recognize   func(m Metadata) *Dialect              // whose dialect the metadata gives away; nil: nobody else's
	CheckIssuer func(issuer string) error              // why an issuer cannot be used as it is, and what to do
	JSON        bool                                   // requests and answers are JSON, with names in camelCase
	Loopback    bool                                   // Known's endpoints may be http on loopback addresses

	// A sign-in.
	RedirectURIs []string // candidates where none is named
	// what to register at the provider's console, a line each, for people; settings in braces, see [Names]
	Register      []string
	Groups        string   // how the claim groups gets into its ID tokens, for people
	NoOpenID      bool     // it has no ID tokens: openid and a nonce are not asked
	Offline       string   // OfflineListed if empty
	Lacks         []string // settings, and parameters of requests, that mean nothing to it
	AuthParams    []Param  // of the authorization request, unless the user gives others
	OfflineParams []Param  // the same: what brings a refresh token where no scope does
	ClaimsAtToken bool     // the parameter claims is for the token endpoint as well, also at a refresh
	// what this client declares that it understands: the claim xms_cc; its refusals may
	// have claims for the sign-in that follows
	Capabilities    []string
	NeedsSecret     bool // its clients for command lines have a secret, which is none
	CodeNeedsSecret bool // a sign-in in the browser takes a secret, others none
	NoDevicePKCE    bool // a device sign-in without PKCE: it is not described there, and a verifier may be refused

	// A session.
	Free Free // what the refresh token is not bound to
	// codes by which a refresh says that the session is over, next to invalid_grant; "code:
	// words" if its description must have those
	Ended  []string
	Replay time.Duration // how long a refresh token that was replaced still brings the same successor
	// codes by which a refresh asks for a sign-in, though the session goes on; written as those of Ended
	StepUp  []string
	Lasting bool // its access tokens have no end
	// it keeps one refresh token for each user and client, so that rotation cannot be tried without the end of other
	// sessions: what is known of it, a line each; nil: it can be tried
	Rotation []string

	Organization OrganizationRule

	// whom a token of another issuer must be for, by which an application authenticates in place of a secret; nil:
	// the issuer
	FederatedAudience func(issuer string) string

	// Out.
	NoRevocation        string // where it revokes nothing: why
	InsteadOfRevocation string // and what a person can do instead
	// the page that ends the provider's own session, in the place of its end_session_endpoint; empty: there is none
	SignOut func(p *Provider, s SignedIn) string

	Hints []RefusalHint

	// Where data does not do. Each may be nil: then it is as the standards have it.

	// Adapt changes the parameters of a request, which is one of those below.
	Adapt func(request string, form url.Values)
	// Refusal reads an error in an envelope of the provider's own; nil: there is none.
	Refusal func(doing string, a *Answer, fields Fields) error
	// Tokens reads what a token endpoint's answer says in another way.
	Tokens func(set *credential.TokenSet, fields Fields)
	// Identify tells who signed in, and verifies that.
	Identify func(context.Context, *Provider, *credential.TokenSet, Fields, Expect) (credential.Identity, error)
	// Verify verifies the answer to a refresh.
	Verify func(context.Context, *Provider, *credential.TokenSet, Expect) error
	// EndSession ends the provider's session, without a browser and in place of a
	// revocation.
	EndSession func(context.Context, *Provider, SignedIn) error
	// Revoke revokes a token in place of RFC 7009.
	Revoke func(ctx context.Context, p *Provider, c Client, token credential.Secret, hint string) error
}

// Which metadata is read: OpenID Connect's document, and that of RFC 8414.
const (
	DocumentsFirst   = ""        // the second one only where there is no first
	DocumentsLacking = "lacking" // the second one too where the first leaves out an endpoint
	DocumentsBoth    = "both"    // what the first one lacks, the second one has
)

// Requests, as Adapt is told of them.
const (
	RequestAuthorization = "authorize"
	RequestCode          = "code"
	RequestDevice        = "device"
	RequestRefresh       = "refresh"
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
	Word   string                                   // its own word: "tenant", "realm"; empty: organization
	Param  string                                   // the parameter of the authorization request; empty: organization
	Issuer func(issuer, organization string) string // each is an issuer of its own
	Claim  string                                   // of the access token, else of the ID token, that names it
	Switch bool                                     // a refresh can ask for another one
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
	RedirectURI string // the first that was named for its sign-in; empty: the dialect's
}

// Names is how a program calls what a person can set there, for texts about it: a
// flag, a key of a file. The settings are audience, auth_param, browser,
// client_secret, device, flow, interactive, issuer, organization and redirect_uri.
// nil names them as they are called here.
type Names func(setting string) string

// Of names a setting.
func (n Names) Of(setting string) string {
	if n == nil {
		return strings.ReplaceAll(setting, "_", " ")
	}
	return n(setting)
}

// Fill names the settings that stand in braces in a text, as {client_secret} does.
func (n Names) Fill(text string) string {
	filled := ""
	for {
		before, rest, found := strings.Cut(text, "{")
		if filled += before; !found {
			return filled
		}
		setting, after, _ := strings.Cut(rest, "}")
		filled += n.Of(setting)
		text = after
	}
}

// RefusalHint is what to do about a refusal that the provider is known for.
type RefusalHint struct {
	Code string // of the error; empty: any
	Word string // in its description; empty: any
	Say  string // settings stand in braces, see [Names]
}

// Hint returns what is known of a refusal; nothing if nothing is.
func (d *Dialect) Hint(e *OAuthError, names Names) string {
	for _, h := range d.Hints {
		if (h.Code == "" || h.Code == e.Code) && strings.Contains(e.Description, h.Word) {
			return names.Fill(h.Say)
		}
	}
	return ""
}

// EndsSession reports whether a refusal of a refresh says that the session is
// over (RFC 6749 §5.2: invalid_grant).
func (p *Provider) EndsSession(e *OAuthError) bool {
	return e.Code == "invalid_grant" || e.among(p.Dialect.Ended)
}

// among reports whether a refusal is one of a list of [Dialect.Ended]'s kind.
func (e *OAuthError) among(list []string) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		code, words, _ := strings.Cut(one, ": ")
		return e.Code == code && strings.Contains(e.Description, words)
	})
}

// Scopes completes the scopes of a sign-in: openid, and offline_access where it
// brings a refresh token and one is wanted.
func (p *Provider) Scopes(asked []string, noOffline bool) []string {
	scopes := slices.Clone(asked)
	offline := !noOffline && (p.Dialect.Offline == OfflineAlways ||
		p.Dialect.Offline == OfflineListed && slices.Contains(p.ScopesSupported, "offline_access"))
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

// OrganizationOf is the organization that the tokens are of, as the dialect's
// claim names it; nothing if it is not known. It is read, not verified.
func (p *Provider) OrganizationOf(set *credential.TokenSet) string {
	claim := p.Dialect.Organization.Claim
	if claim == "" {
		return ""
	}
	for _, token := range []credential.Secret{set.AccessToken, set.IDToken} {
		var claims map[string]json.RawMessage
		if credential.PeekClaims(token, &claims) && text(claims[claim]) != "" {
			return text(claims[claim])
		}
	}
	return ""
}

// SameOrganization holds tokens to the organization that was asked for, by the
// claim of the access token.
func (p *Provider) SameOrganization(set *credential.TokenSet, want Expect) error {
	if want.Organization == "" {
		return nil
	}
	switch is := p.OrganizationOf(set); is {
	case want.Organization:
		return nil
	case "":
		return unmetErrorf("the provider gave a token of no organization, not of %q", want.Organization)
	default:
		return unmetErrorf("the provider gave a token of organization %q, not of %q", Clean(is, 100), want.Organization)
	}
}

// adapt has the dialect change the parameters of a request.
func (p *Provider) adapt(what string, form url.Values) {
	if p.Dialect.Adapt != nil {
		p.Dialect.Adapt(what, form)
	}
}
