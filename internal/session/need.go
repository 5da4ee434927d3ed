package session

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

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
	endless := s.Dialect.Lasting && c.AWS == nil && c.For == "" // one of the sign-in's own
	return c.LastsFor(t.For(c), now) && age > -maxAhead && (!c.ExpiresAt.IsZero() || endless || age < unknownLife)
}

// Step is a link of the chain of derivations: it trades the credential before
// it for another one.
type Step struct {
	Kind   string // the exchange; part of the key
	Params any    // every parameter of it; part of the key
	For    string // what comes of it, in a word for people
	Run    func(context.Context, credential.Credential) (credential.Credential, error)
}
