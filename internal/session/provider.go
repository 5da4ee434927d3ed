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
	"github.com/sso-exec/sso-exec/internal/fault"
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

// keepKeys stores keys that had to be fetched again; the metadata next to them gets
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

// AtProvider returns the provider, and how this program authenticates there.
func (s *Session) AtProvider(ctx context.Context) (p *flows.Provider, client flows.Client, err error) {
	if p, err = s.providerFor(ctx); err == nil {
		client, err = s.Client(ctx)
	}
	return p, client, err
}

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

// Stored reads what is stored of the session, without a lock and without its refresh
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
	defer lock.Unlock()
	if now, err := s.stored(Need{TokenType: credential.AccessToken}, 0); err == nil && now.Token.Equal(token) {
		s.keep("the session's end", s.Store.EndSession(s.sessionKey()))
	}
	return &LoginRequiredError{Reason: ended + " (" + refusal.Description + ")"}
}

func (s *Session) sessionKey() string {
	skey, _ := s.keys()
	return skey
}

// This file keeps what a session has from servers that its sign-in would not have
// trusted. The roots of --ca-file are part of the session's key. Those that
// variables name are not: of them the root counts that vouched at the sign-in.

// errOtherRoots says that a session was made under another --ca-file, or under one
// whose certificates have changed since.
var errOtherRoots = errors.New(
	"the session was made with other roots (--ca-file, --ca-data) than these, so it is not sent")

// hold keeps this run from now on to servers that the session's sign-in would have
// trusted; see [flows.HoldTo].
func (s *Session) hold(rec *cache.Session) error {
	// A session of version 0.0 only names the file.
	named := rec.Roots == "" && (rec.CAFile != "" || rec.CAData != "")
	if rec.Roots != s.Request.Roots && !named {
		return errOtherRoots
	}
	flows.HoldTo(s.HTTP, flows.Hold{Root: rec.Root})
	return nil
}

// holdStored is hold for what a session has stored. What was had just now and is not
// stored goes to whom this run trusts.
func (s *Session) holdStored() error {
	if s.Store == nil || len(flows.RootVariables()) == 0 {
		return nil
	}
	rec, err := s.Store.Peek(s.sessionKey())
	if err != nil {
		return ignoreAbsent(err)
	}
	return s.hold(rec)
}

// underOtherRoots makes a session that cannot be used under the roots of this run one
// that needs a sign-in. It is never replaced by itself: who sets a variable would
// have another session stored in its place.
func underOtherRoots(err error) error {
	var other *flows.RootError
	if errors.As(err, &other) && other.Whose == "" || errors.Is(err, errOtherRoots) {
		return &LoginRequiredError{Reason: err.Error()}
	}
	return err
}

// isOtherRoots reports whether a server was not talked to for the roots of this run.
// For those who wait it says nothing: they may run under others.
func isOtherRoots(err error) bool {
	return fault.Holds[*flows.RootError](err) || errors.Is(err, errOtherRoots)
}

// rejectPause is how long a session's tokens are not dropped again: a server that
// refuses the next one too does not accept them at all.
const rejectPause = time.Minute

// Reject drops a token that a server has refused, if it is still the stored one, so
// that the next call renews it; the refresh token stays. again reports that one was
// dropped a moment ago already: then this one stays.
func (s *Session) Reject(ctx context.Context, need Need, token credential.Secret) (again bool, err error) {
	n := len(need.Steps)
	if c, err := s.stored(need, n); err != nil || !c.Token.Equal(token) {
		return false, ignoreAbsent(err)
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if lock == nil || err != nil {
		return false, err
	}
	defer lock.Unlock()
	if c, err := s.stored(need, n); err != nil || !c.Token.Equal(token) { // renewed meanwhile
		return false, ignoreAbsent(err)
	}
	last, err := s.Store.TryLock(cache.LockRejected, s.sessionKey())
	if last == nil || err != nil {
		return false, err
	}
	defer last.Unlock()
	if last.Last != nil && time.Since(last.Last.At).Abs() < rejectPause {
		return true, nil
	}
	last.Fail("", "token", "a server refused it")
	if n > 0 {
		return false, s.Store.RemoveDerived(s.sessionKey(), s.linkKey(need, n))
	}
	_, tkey := s.keys()
	return false, s.Store.DropToken(s.sessionKey(), tkey, token)
}
