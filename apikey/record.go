package apikey

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Record is what is kept of a key. There is no secret in it.
type Record struct {
	ID         string    // names the key in lists, URLs and logs; tells nothing about it
	Owner      string    // the account that answers for it
	Name       string    // the owner's word for it; somebody's text, so escape it where it is shown
	Scopes     []string  // sorted, each once
	CreatedAt  time.Time // all times in UTC
	ExpiresAt  time.Time // it is good before this; zero: it does not expire
	RevokedAt  time.Time // zero: it has not been. Any other value revokes, whatever the clocks say
	ReplacedBy string    // the ID of the key that it was rotated to
	LastUsedAt time.Time // zero: never. Exact to a minute
	Hash       Hash
	Masked     string // see [Key.Masked]
}

// Usable returns nil if the key is good at a time, else [ErrRevoked] or
// [ErrExpired].
func (r Record) Usable(now time.Time) error {
	switch {
	case !r.RevokedAt.IsZero():
		return ErrRevoked
	case !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt):
		return ErrExpired
	}
	return nil
}

// Allows reports whether the key has all of the scopes.
func (r Record) Allows(scopes ...string) bool {
	for _, s := range scopes {
		if !slices.Contains(r.Scopes, s) {
			return false
		}
	}
	return true
}

// clone returns a record that shares nothing with this one.
func (r Record) clone() Record {
	r.Scopes = slices.Clone(r.Scopes)
	return r
}

// scopeSet returns the scopes sorted, each once. RFC 6749 §3.3: a scope is of
// printable ASCII without space, quote and backslash.
func scopeSet(scopes []string) ([]string, error) {
	for _, s := range scopes {
		if !validScope(s) {
			return nil, fmt.Errorf("apikey: %q is not a scope: printable ASCII without space, quote and backslash", s)
		}
	}
	set := slices.Clone(scopes)
	slices.Sort(set)
	return slices.Compact(set), nil
}

func validScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// checkName refuses names that a list of keys would show badly, or that could
// forge a line of it.
func checkName(name string) error {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > 100 {
		return errors.New("apikey: a key's name has at most 100 characters")
	}
	for _, c := range name {
		if !unicode.IsPrint(c) {
			return errors.New("apikey: a key's name is of printable characters")
		}
	}
	return nil
}
