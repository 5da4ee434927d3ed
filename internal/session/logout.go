package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/audit"
)

// Logout tells what a sign-out did.
type Logout struct {
	Account   string
	Ended     bool      // the provider had ended it before
	NotSo     error     // why the provider did not revoke it; nil: it takes its tokens no more
	KeysUntil time.Time // AWS keys that were issued live on until then; zero if there are none

	AccessToken credential.Secret // the last one; it may name the session at the provider
}

// NotForgottenError says that a session ended at the provider, but that not all
// that is stored of it could be removed.
type NotForgottenError struct {
	Revoked bool // by this sign-out
	Err     error
}

func (e *NotForgottenError) Error() string {
	did := "had ended at the provider"
	if e.Revoked {
		did = "revoked at the provider"
	}
	return did + ", but not forgotten here: " + e.Err.Error()
}

// Unwrap tells that it is the storage that failed.
func (e *NotForgottenError) Unwrap() error { return &StorageError{e.Err} }

// Logout revokes the session at the provider (RFC 7009) and then forgets it,
// with its tokens, what was derived from them, its latch and what was set aside.
// It is forgotten whatever the provider says. Whoever waits for the session's
// refresh lock finds nothing to refresh with.
//
// The error is of what could not be forgotten, a [*NotForgottenError] where the
// provider takes its tokens no more; cache.ErrNotExist if nobody was signed in.
func (s *Session) Logout(ctx context.Context) (Logout, error) {
	out, err := s.logout(ctx)
	if !errors.Is(err, cache.ErrNotExist) && (err == nil || ctx.Err() == nil) {
		s.recorded(audit.Event{Event: audit.Logout}, cmp.Or(err, out.NotSo))
		if s.unrecorded != nil { // signing out works without
			s.Log.Warn(s.unrecorded.Error())
		}
	}
	return out, err
}

func (s *Session) logout(ctx context.Context) (Logout, error) {
	var out Logout
	if s.Store == nil {
		return out, cache.ErrNotExist
	}
	skey := s.sessionKey()
	lock, err := s.lock(ctx, cache.LockRefresh, skey)
	if err != nil {
		return out, err
	}
	if lock == nil {
		if _, err := s.Store.Peek(skey); errors.Is(err, cache.ErrNotExist) {
			return out, err // where nothing can be stored, nothing is
		}
		return out, &StorageError{s.lockErr}
	}
	defer lock.Unlock()
	e, err := s.Store.Entry(skey)
	if errors.Is(err, cache.ErrNotExist) && s.Other != nil { // it may be the other program's alone
		if theirs := s.Other.Read(); theirs != nil && s.takeOver(ctx, theirs) == nil {
			e, err = s.Store.Entry(skey)
		}
	}
	switch {
	case errors.Is(err, cache.ErrNotExist):
		return out, errors.Join(err, s.forget(skey)) // a latch, tokens without a session
	case errors.Is(err, cache.ErrCorrupt):
		out.NotSo = err
		return out, storageError(s.forget(skey))
	case err != nil:
		return out, err
	}
	out.Account, out.AccessToken = e.Session.Account, lastToken(e)
	s.who.Subject, s.by = e.Session.Subject, e.Session.Flow
	for _, d := range e.Derived {
		if d.AWS != nil && d.ExpiresAt.After(time.Now()) && d.ExpiresAt.After(out.KeysUntil) {
			out.KeysUntil = d.ExpiresAt
		}
	}
	if out.Ended = !e.Session.EndedAt.IsZero(); !out.Ended {
		out.NotSo = s.revoke(ctx, e)
	}
	if out.NotSo != nil && ctx.Err() != nil {
		return out, context.Cause(ctx) // nothing was forgotten: it can be tried again
	}
	if err := s.leaveOther(ctx, e.Session, out.AccessToken); out.NotSo == nil {
		out.NotSo = err
	}
	err = s.forget(skey)
	if err != nil && out.NotSo == nil {
		// What cannot be removed may still be marked, so that nobody takes it for a
		// session.
		_ = s.Store.EndSession(skey)
		return out, &NotForgottenError{!out.Ended, err}
	}
	return out, storageError(err)
}

// storageError gives a failure to forget its kind.
func storageError(err error) error {
	if err == nil {
		return nil
	}
	return &StorageError{err}
}

func (s *Session) forget(skey string) error {
	return errors.Join(s.Store.RemoveSession(skey), s.Store.RemoveCorrupt(skey), s.Store.ClearLatch(skey))
}

// revoke revokes what the provider has handed out: the refresh token first,
// which should end the access tokens as well (RFC 7009 §2.1), then those.
func (s *Session) revoke(ctx context.Context, e cache.Entry) error {
	if e.Session.TokenEndpoint == "" { // a workload's own token
		return &flows.LackError{Doing: flows.DoingRevoke, What: "its token is from where it runs, and ends by itself"}
	}
	if err := s.hold(e.Session); err != nil {
		return err
	}
	p, err := s.providerFor(ctx)
	if err != nil {
		return err
	}
	if p.EndsSessions() {
		in := flows.SignedIn{ClientID: e.Session.ClientID, Account: e.Session.Account, AccessToken: lastToken(e)}
		if e.Session.Registration != nil && !anyLives(e) {
			token, err := s.tokenToEnd(ctx, e.Key)
			if err != nil || token.IsZero() {
				return err
			}
			in.AccessToken = token
		}
		return retry(ctx, 2, func() error { return p.End(ctx, in, e.Session.TokenEndpoint) })
	}
	if err := p.CanRevoke(e.Session.TokenEndpoint); err != nil {
		return err
	}
	rec, err := s.Store.SessionWithToken(ctx, e.Key)
	if err != nil {
		return err
	}
	var failed error
	if !rec.RefreshToken.IsZero() {
		failed = s.revokeToken(ctx, p, rec.RefreshToken, flows.HintRefreshToken)
		if failed != nil && !errors.Is(failed, flows.ErrNotSupported) {
			return failed
		}
	}
	for _, t := range e.Tokens {
		if t.ExpiresAt.IsZero() || t.ExpiresAt.After(time.Now()) {
			err := s.revokeToken(ctx, p, t.AccessToken, flows.HintAccessToken)
			// Not every provider can revoke an access token, such as a JWT.
			if err != nil && rec.RefreshToken.IsZero() {
				return err
			}
		}
	}
	return failed
}

// anyLives reports whether an access token has not ended.
func anyLives(e cache.Entry) bool {
	return slices.ContainsFunc(e.Tokens, func(t cache.TokenEntry) bool { return t.ExpiresAt.After(time.Now()) })
}

// tokenToEnd refreshes a session that is ended by a token, for want of one that lives;
// zero: it had ended.
func (s *Session) tokenToEnd(ctx context.Context, skey string) (none credential.Secret, _ error) {
	rec, err := s.Store.SessionWithToken(ctx, skey)
	if err != nil || rec.RefreshToken.IsZero() {
		return none, err
	}
	p, client, err := s.atProviderOf(ctx, rec)
	if errors.Is(err, errRegistrationEnded) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	if err := sameHost(rec.TokenEndpoint, p.TokenEndpointFor(client)); err != nil {
		return none, err
	}
	set, err := p.Refresh(ctx, client, rec.RefreshToken, s.target(""))
	var refusal *flows.OAuthError
	switch {
	case errors.As(err, &refusal) && p.EndsSession(refusal):
		return none, nil
	case err != nil:
		return none, err
	}
	return set.AccessToken, nil
}

// lastToken is the access token that was stored last; zero if there is none.
func lastToken(e cache.Entry) (token credential.Secret) {
	var last time.Time
	for _, t := range e.Tokens {
		if t.StoredAt.After(last) && !t.AccessToken.IsZero() {
			token, last = t.AccessToken, t.StoredAt
		}
	}
	return token
}

func (s *Session) revokeToken(ctx context.Context, p *flows.Provider, token credential.Secret, hint string) error {
	client, err := s.Client(ctx)
	if err != nil {
		return err
	}
	return retry(ctx, 2, func() error { return p.Revoke(ctx, client, token, hint) })
}
