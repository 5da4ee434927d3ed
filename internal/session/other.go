package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/audit"
)

// Other is the file in which another program keeps the same session. That program does not
// take our lock: what is newer counts, and is looked at again before a refresh.
type Other struct {
	Flow string // by which somebody who signed in there has, as it is stored
	// Read returns what is there to be used; nil: nothing, or nothing that is ours.
	Read func() *Shared
	// Takes reports whether Write would write.
	Takes func() bool
	// Write replaces what is there, and what that program has by other names for one of
	// these of our clients; it makes the file only where that is wanted.
	Write func(s *Shared, clients []string) error
	// Clear takes the tokens out, of the same files.
	Clear func(clients []string) error
}

// Shared is a session as both programs have it.
type Shared struct {
	AccessToken, RefreshToken credential.Secret
	ExpiresAt                 time.Time // in whole seconds
	Registration              cache.Registration
}

// reconcile has both programs go on with the newer of two sessions: it takes over the
// other's, or writes ours. Nearly always there is nothing to do, and no lock is taken.
func (s *Session) reconcile(ctx context.Context) error {
	if s.Other == nil || s.Store == nil {
		return nil
	}
	switch theirs, ours := s.Other.Read(), s.ourEnd(); {
	case theirs == nil && (ours.IsZero() || !s.Other.Takes()), theirs != nil && theirs.ExpiresAt.Equal(ours):
		return nil
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if lock == nil || err != nil {
		return err
	}
	defer lock.Unlock()
	return s.reconcileLocked(ctx)
}

func (s *Session) reconcileLocked(ctx context.Context) error {
	if s.Other == nil || s.Store == nil || s.lockErr != nil {
		return nil
	}
	theirs, ours := s.Other.Read(), s.ourEnd()
	switch {
	case theirs != nil && theirs.ExpiresAt.After(ours):
		return s.takeOver(ctx, theirs)
	case ours.IsZero() || theirs != nil && theirs.ExpiresAt.Equal(ours):
		return nil
	}
	s.giveOther(nil)
	return nil
}

// ourEnd is when our token ends, in whole seconds; zero: there is no session.
func (s *Session) ourEnd() time.Time {
	skey, tkey := s.keys()
	rec, err := s.Store.Peek(skey)
	if err != nil || !rec.EndedAt.IsZero() {
		return time.Time{}
	}
	t, err := s.Store.Tokens(skey, tkey)
	if err != nil {
		return time.Time{}
	}
	return t.ExpiresAt.Truncate(time.Second)
}

// giveOther writes our session into the other's file. was is the session that it stands
// in the place of; it may be nil.
func (s *Session) giveOther(was *cache.Session) {
	if s.Other == nil || s.Store == nil {
		return
	}
	skey, tkey := s.keys()
	rec, err := s.Store.Session(skey) // without a refresh token that the keyring has
	if err != nil || rec.Registration == nil || rec.Registration.ClientID == "" || !rec.EndedAt.IsZero() {
		return
	}
	t, err := s.Store.Tokens(skey, tkey)
	if err != nil || t.AccessToken.IsZero() {
		return
	}
	shared := &Shared{AccessToken: t.AccessToken, RefreshToken: rec.RefreshToken,
		ExpiresAt: t.ExpiresAt.Truncate(time.Second), Registration: *rec.Registration}
	s.keepOther(s.Other.Write(shared, append(clientOf(was), clientOf(rec)...)))
}

// clientOf is the ID of the client that registered itself for a session.
func clientOf(rec *cache.Session) []string {
	if rec == nil || rec.Registration == nil || rec.Registration.ClientID == "" {
		return nil
	}
	return []string{rec.Registration.ClientID}
}

func (s *Session) keepOther(err error) {
	if err != nil && !s.otherFailed {
		s.otherFailed = true
		s.Log.Warn("the other program's copy of the session could not be written: " + err.Error())
	}
}

// takeOver stores the other's session as ours, under the refresh lock. What was derived
// from another client's token is dropped: it may be another person's.
func (s *Session) takeOver(ctx context.Context, theirs *Shared) error {
	p, err := s.providerFor(ctx)
	if err != nil {
		return err
	}
	skey, tkey := s.keys()
	old, err := s.Store.SessionWithToken(ctx, skey)
	if err := ignoreAbsent(err); err != nil {
		return err
	}
	if err != nil && !errors.Is(err, cache.ErrNotExist) {
		return &StorageError{err}
	}
	now, r := time.Now().UTC(), theirs.Registration
	s.registration, s.client = &r, flows.Client{ID: r.ClientID, Secret: r.Secret}
	set := &credential.TokenSet{AccessToken: theirs.AccessToken, RefreshToken: theirs.RefreshToken, TokenType: "Bearer",
		ExpiresAt: theirs.ExpiresAt, Scopes: s.SignIn.Scopes}
	who := credential.Identity{Issuer: p.Issuer}
	rec := s.record(&flows.Result{Tokens: set, Identity: who}, s.Other.Flow)
	s.registration, s.client = nil, flows.Client{}
	rec.SignedInAt, rec.RefreshedAt = now, now
	s.inherit(rec, old)
	same := old != nil && old.Registration != nil && old.Registration.ClientID == r.ClientID && old.EndedAt.IsZero()
	if same {
		rec.Flow, rec.SignedInAt, rec.Root = old.Flow, old.SignedInAt, old.Root
	}
	if s.Limits.forbids(s.originOf(rec)) != "" {
		return nil
	}
	if !same {
		if err := s.Store.RemoveTokens(skey); err != nil {
			return s.cannotStore(err)
		}
	}
	room, err := s.Store.Reserve(ctx, skey)
	if err == nil {
		err = room.Commit(rec)
	}
	if err != nil {
		return s.cannotStore(err)
	}
	s.Log.Info("took over the session of another program", "flow", rec.Flow)
	event := audit.Event{Event: audit.SignIn, Flow: rec.Flow}
	if same {
		event.Event = audit.Refresh
	}
	if s.recorded(event, nil); s.unrecorded != nil {
		return s.unrecorded
	}
	tokens := newTokens(set)
	tokens.SignedInAt, tokens.Origin = rec.SignedInAt, s.originOf(rec)
	if err := s.Store.WriteTokens(skey, tkey, tokens); err != nil {
		return s.cannotStore(err)
	}
	return s.Store.ClearLatch(skey)
}

// otherPatience is how long a refresh token that was refused is waited for to be
// replaced: the other program may have spent it a moment ago.
const otherPatience = 1500 * time.Millisecond

// otherHasNewer takes over what the other program has got for the refresh token that was
// refused to us, under the lock. What it has kept of the old one is of no use to it.
func (s *Session) otherHasNewer(ctx context.Context, sent credential.Secret) bool {
	if s.Other == nil {
		return false
	}
	for until := time.Now().Add(otherPatience); ; {
		theirs := s.Other.Read()
		switch {
		case theirs == nil:
			return false
		case !theirs.RefreshToken.Equal(sent):
			return theirs.ExpiresAt.After(s.ourEnd()) && s.takeOver(ctx, theirs) == nil
		case time.Now().After(until) || !sleep(ctx, 100*time.Millisecond):
			s.keepOther(s.Other.Clear(nil))
			return false
		}
	}
}

// leaveOther ends at the provider what the other program has next to our session, and
// takes the tokens out of its file.
func (s *Session) leaveOther(ctx context.Context, of *cache.Session, ended credential.Secret) error {
	if s.Other == nil {
		return nil
	}
	var failed error
	if theirs := s.Other.Read(); theirs != nil && !theirs.AccessToken.Equal(ended) &&
		theirs.ExpiresAt.After(time.Now()) {
		p, err := s.providerFor(ctx)
		if err == nil {
			in := flows.SignedIn{AccessToken: theirs.AccessToken}
			err = retry(ctx, 2, func() error { return p.End(ctx, in, p.TokenEndpoint) })
		}
		failed = err
	}
	if err := s.Other.Clear(clientOf(of)); err != nil {
		failed = errors.Join(failed, fmt.Errorf("the other program's tokens could not be removed: %w", err))
	}
	return failed
}
