package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Request is what the user asked for, as far as it decides which cached
// answer may serve. A time-out, a redirect URI, a CA's path and the value of a
// secret are not part of it: they make no new session.
type Request struct {
	Issuer       string // byte for byte as configured
	ClientID     string
	Label        string   // of a session next to others of the same client
	Identity     string   // credential.Human or credential.Service
	Grant        []string // services: the grant, and where the subject token comes from; people: where else they sign in
	Scopes       []string
	Audience     string
	Resources    []string
	Organization string
	AuthParams   []string // K=V, only those that change a token, and not whose it is
	Roots        string   // the certificates that are trusted besides the system's, as a hash; empty: none
	Account      []string // K=V of the authorization request that choose the account

	// Free are those of scopes, audience, resources and organization that the
	// provider does not bind to the refresh token: one session serves all.
	Free Free

	// ClientScopes: a refresh has the scopes of the client that registered itself for the
	// sign-in, whatever is asked for; they tell no tokens apart.
	ClientScopes bool
}

// Free says what a refresh token is not bound to.
type Free struct{ Scopes, Audience, Resources, Organization bool }

// SessionKey names the durable half: one refresh token, one file, one lock.
func (r Request) SessionKey() string {
	if r.Free.Scopes {
		r.Scopes = nil
	}
	if r.Free.Audience {
		r.Audience = ""
	}
	if r.Free.Resources {
		r.Resources = nil
	}
	if r.Free.Organization {
		r.Organization = ""
	}
	var grant any = "" // as it always was for people
	if len(r.Grant) > 0 {
		grant = r.Grant
	}
	parts := []any{"session", r.Issuer, r.ClientID, r.Label, r.Identity, grant,
		set(r.Scopes), r.Audience, set(r.Resources), r.Organization}
	// Left out where there are none: the keys of version 0.0 stay.
	if r.Roots != "" || len(r.Account) > 0 {
		parts = append(parts, r.Roots, set(r.Account))
	}
	return digest(parts...)
}

// TokenKey names the short-lived half below its session.
func (r Request) TokenKey() string {
	skey := r.SessionKey()
	if r.ClientScopes {
		r.Scopes = nil
	}
	return digest("tokens", skey, set(r.Scopes), r.Audience, set(r.Resources), r.Organization, set(r.AuthParams))
}

// DerivedKey names what was exchanged for a parent credential. parent is the
// key of that credential (a token key or another derived key), kind the
// exchange, params every parameter of it.
func DerivedKey(parent, kind string, params any) string {
	return digest("derived", parent, kind, params)
}

// ProviderKey names a provider's cached metadata. roots are part of it as in
// [Request], so that a run under another CA cannot plant metadata for the next.
func ProviderKey(issuer, dialect, roots string) string {
	sum := sha256.Sum256([]byte(roots))
	return digest("provider", issuer, dialect, hex.EncodeToString(sum[:]))
}

// digest hashes a JSON array, the canonical encoding of the keys: no two lists
// of values share one.
func digest(parts ...any) string {
	b, err := json.Marshal(exactly(parts))
	if err != nil {
		panic("cache: a key of a value that JSON cannot hold: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// exactly prepares a value for JSON.
func exactly(part any) any {
	switch v := part.(type) {
	case string:
		return exact(v)
	case []string:
		if v == nil {
			return v
		}
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = exact(s)
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, p := range v {
			list[i] = exactly(p)
		}
		return list
	}
	return part
}

// exact keeps strings apart that are not UTF-8, which JSON would not.
func exact(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return map[string][]byte{"bytes": []byte(s)}
}

// set sorts a list and drops repeats; it never returns nil, which JSON would
// tell from the empty list.
func set(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return append([]string{}, slices.Compact(sorted)...)
}
