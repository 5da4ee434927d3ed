// Package credential holds the nouns of sso-exec: a secret that cannot be
// printed by accident, what an authorization server hands out ([TokenSet]),
// who it was handed to ([Identity]), and what a tool is given in the end
// ([Credential]).
//
// It has no behaviour beyond questions about time and imports nothing of the
// module, so that the cache, the flows and the plugins can speak of the same
// things without knowing each other.
//
// The module is v0: names may still change between minor versions.
package credential

import (
	"cmp"
	"time"
)

// Identity kinds: a service never becomes a person, nor a person a service.
const (
	Human   = "human"
	Service = "service"
)

// Token types that a tool can ask for.
const (
	IDToken     = "id"
	AccessToken = "access"
)

// Identity is who signed in, as a verified ID token tells it (OpenID Connect
// Core §2, §5.1). Only Issuer and Subject identify; the rest is for display.
type Identity struct {
	Issuer  string
	Subject string
	Name    string
	Email   string
	Groups  []string
}

// Display returns the name by which a person knows the account: the e-mail
// address, else the name, else the subject. It is somebody else's text: clean
// it before it goes to a terminal.
func (i Identity) Display() string {
	return cmp.Or(i.Email, i.Name, i.Subject)
}

// Login is how and when a person signed in, as far as the provider tells (acr and
// auth_time, OpenID Connect Core §2). A refresh does not change it.
type Login struct {
	ACR      string    `json:"acr,omitempty"`
	AuthTime time.Time `json:"authTime,omitzero"` // by this machine's clock
}

// TokenSet is the answer of a token endpoint (RFC 6749 §5.1; OpenID Connect
// Core §3.1.3.3). Nothing in it has been verified unless the function that
// returns it says so.
type TokenSet struct {
	AccessToken  Secret
	TokenType    string // as the server spelt it; "Bearer" when it left it out
	RefreshToken Secret // zero when the answer has none: the current one stays
	IDToken      Secret
	Scopes       []string // nil when the answer has none: as requested

	IssuedAt         time.Time // when the answer was received, by this machine's clock
	ExpiresAt        time.Time // of the access token; zero when the server does not say
	IDTokenIssuedAt  time.Time // like IDTokenExpiresAt by this machine's clock
	IDTokenExpiresAt time.Time
	RefreshExpiresAt time.Time // of the refresh token, and so of the session; zero when the server does not say

	Login // as the ID token tells it, once that is verified

	// Skew is how far the server's clock is ahead of this machine's, by the
	// answer's Date header; 0 when they agree or it is not known.
	Skew time.Duration

	// Root is the hash of the public key of the root certificate that vouched for
	// the server; empty: none did.
	Root string
}

// Credential is what a tool is handed: a token, or a role's AWS keys. Exactly
// one of Token and AWS is set.
type Credential struct {
	Token     Secret
	TokenType string // "Bearer" for tokens
	AWS       *AWSKeys

	// All by this machine's clock, as far as the issuer's is known.
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: the issuer does not say
	StoredAt  time.Time // zero: never stored

	Login                // that it comes of
	SignedInAt time.Time // when that ended; zero: not known
	Origin

	For string // what it is good for, in a word for people: a role's ARN, an audience; empty for the sign-in's own tokens
}

// AWSKeys are temporary keys of an AWS role, as STS hands them out.
type AWSKeys struct {
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
	AccountID       string // empty when the role's ARN has none
	SessionName     string // of the role session; empty: not known
	// Skew is how far AWS's clock was ahead of this machine's when it handed them out; 0
	// when they agreed or it is not known.
	Skew time.Duration
}

// Life is how long the credential was good for when it was issued, or 0 when
// the issuer does not say.
func (c Credential) Life() time.Duration {
	if c.ExpiresAt.IsZero() {
		return 0
	}
	return c.ExpiresAt.Sub(c.IssuedAt)
}

// Origin is how the session was made that a credential comes of, and where the session
// is kept. Empty: not known.
type Origin struct {
	Flow  string `json:"flow,omitempty"`
	Store string `json:"store,omitempty"`
}

// SignIn is when the person signed in: as the provider tells, else as this program
// saw it; zero: not known.
func (c Credential) SignIn() time.Time {
	if c.AuthTime.IsZero() {
		return c.SignedInAt
	}
	return c.AuthTime
}

// Same reports whether both are the same token or keys.
func (c Credential) Same(o Credential) bool {
	if a, b := c.AWS, o.AWS; a != nil && b != nil {
		return a.AccessKeyID == b.AccessKeyID && a.SecretAccessKey.Equal(b.SecretAccessKey) &&
			a.SessionToken.Equal(b.SessionToken)
	}
	return c.AWS == o.AWS && c.Token.Equal(o.Token)
}

// LastsFor reports whether the credential is still good for d after now. One
// without a known end always is.
func (c Credential) LastsFor(d time.Duration, now time.Time) bool {
	return c.ExpiresAt.IsZero() || c.ExpiresAt.Sub(now) > d
}
