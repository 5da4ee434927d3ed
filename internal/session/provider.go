package session

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// providerAge is how long metadata and keys serve before they are asked for
// again. Keys that a token names and that are not among them are fetched at
// once, by flows.
const providerAge = 24 * time.Hour

// incompleteAge is how long metadata serves a part of which could not be had: it is
// a server's trouble of today that would have an endpoint missing until tomorrow.
const incompleteAge = time.Hour

// providerFor returns the provider, from the cache if that is young enough.
func (s *Session) providerFor(ctx context.Context) (*flows.Provider, error) {
	if s.provider != nil {
		return s.provider, nil
	}
	if s.Store != nil {
		kept, err := s.Store.Provider(s.ProviderKey)
		if err := ignoreAbsent(err); err != nil {
			return nil, err
		}
		if err == nil && time.Since(kept.FetchedAt).Abs() < providerAge {
			if p, err := flows.ParseProvider(s.HTTP, s.Dialect, s.Request.Issuer, s.Request.ClientID, kept.Metadata,
				kept.Keys); err == nil {
				s.provider, s.Dialect, s.providerAt, p.Names = p, p.Dialect, kept.FetchedAt, s.Names
				return p, nil
			}
		}
	}
	var p *flows.Provider
	err := retry(ctx, 2, func() (err error) {
		p, err = flows.Discover(ctx, s.HTTP, s.Dialect, s.Request.Issuer, s.Request.ClientID)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.provider, s.Dialect, s.providerAt, p.Names = p, p.Dialect, time.Now().UTC(), s.Names
	if p.Incomplete {
		s.providerAt = s.providerAt.Add(incompleteAge - providerAge)
	}
	s.keepProvider(p)
	return p, nil
}

// keepKeys stores keys that had to be fetched again; the metadata beside them gets
// no younger by that.
func (s *Session) keepKeys(p *flows.Provider) {
	if p.KeysRefetched() {
		s.keepProvider(p)
	}
}

// keepProvider stores metadata and keys, unless only the variables of this run vouch
// for them: they would be planted for runs without these.
func (s *Session) keepProvider(p *flows.Provider) {
	if s.Store != nil && !flows.Foreign(s.HTTP) {
		s.keep("the provider's metadata", s.Store.WriteProvider(s.ProviderKey,
			&cache.Provider{FetchedAt: s.providerAt, Metadata: p.RawMetadata, Keys: p.RawKeys}))
	}
}

// Provider returns the provider, from the cache if what is there is of today.
func (s *Session) Provider(ctx context.Context) (*flows.Provider, error) { return s.providerFor(ctx) }

// At makes it the session that is stored, whatever was asked for, with the last
// of its tokens.
func (s *Session) At(e cache.Entry) {
	s.skey, s.tkey = e.Key, e.Key
	var last time.Time
	for _, t := range e.Tokens {
		if t.StoredAt.After(last) {
			s.tkey, last = t.Key, t.StoredAt
			// Or a token of the profile's organization would lie under another's key.
			s.Request.Organization, s.SignIn.Organization = t.Organization, t.Organization
		}
	}
	if s.Dialect.Free.Scopes { // the newest token may be for others than are asked for here
		s.tkey = s.Request.TokenKey()
		return
	}
	if e.Session != nil {
		s.SignIn.Resources = e.Session.Resources
	}
}

// Stored reads what rests of the session, without a lock and without its refresh
// token.
func (s *Session) Stored() (cache.Entry, error) {
	if s.Store == nil {
		return cache.Entry{}, cache.ErrNotExist
	}
	return s.Store.Entry(s.sessionKey())
}

// Renews reports whether new tokens of a stored session come by themselves. A
// service asks for one whenever it needs it.
func Renews(e cache.Entry) bool {
	return (e.Session.Renewable || e.Session.Identity == credential.Service) && e.Session.EndedAt.IsZero()
}

// Usable reports whether a stored session can still give a credential by itself,
// under limits.
func Usable(e cache.Entry, now time.Time, l Limits) bool {
	if e.Session.Identity != credential.Service && l.overEntry(e, now) != "" || !e.Session.EndedAt.IsZero() {
		return false
	}
	if Renews(e) && (e.Session.RefreshExpiresAt.IsZero() || e.Session.RefreshExpiresAt.After(now)) {
		return true
	}
	return slices.ContainsFunc(e.Tokens, func(t cache.TokenEntry) bool {
		return t.ExpiresAt.IsZero() || t.ExpiresAt.After(now)
	})
}

// Check asks the provider whether the session is still good: its token is
// renewed. Nobody is asked to sign in; the error is a [*LoginRequiredError] if
// the session has ended.
func (s *Session) Check(ctx context.Context) error {
	if err := s.Trail.Ready(); err != nil {
		return err
	}
	err := underOtherRoots(s.check(ctx))
	return cmp.Or(err, s.unrecorded)
}

func (s *Session) check(ctx context.Context) error {
	need := Need{TokenType: credential.AccessToken, MinTTL: TokenTTL, Force: true}
	if s.Grant != nil {
		_, err := s.refresh(ctx, need)
		return err
	}
	if c, err := s.stored(need, 0); err == nil && s.Dialect.Lasting && c.ExpiresAt.IsZero() && s.outlived(c) == "" {
		return s.checkLasting(ctx, c.Token)
	}
	_, err := s.refresh(ctx, need)
	if ended, ok := errors.AsType[*sessionEnded](err); ok {
		return &LoginRequiredError{Reason: ended.reason}
	}
	if reason, ok := signInTo(err); ok {
		return &LoginRequiredError{Reason: reason}
	}
	return err
}

// checkLasting asks the provider whether it takes a token still that has no end,
// and forgets one that it does not.
func (s *Session) checkLasting(ctx context.Context, token credential.Secret) error {
	if err := s.holdStored(); err != nil {
		return err
	}
	p, err := s.providerFor(ctx)
	if err != nil {
		return err
	}
	err = retry(ctx, 2, func() error { return p.StillTakes(ctx, token, flows.Expect{ClientID: s.Request.ClientID}) })
	var refusal *flows.OAuthError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
		return err
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Unlock()
	}
	if now, err := s.stored(Need{TokenType: credential.AccessToken}, 0); err == nil && now.Token.Equal(token) {
		s.keep("the session's end", s.Store.EndSession(s.sessionKey()))
	}
	return &LoginRequiredError{Reason: ended + " (" + refusal.Description + ")"}
}

func (s *Session) sessionKey() string {
	skey, _ := s.keys()
	return skey
}
