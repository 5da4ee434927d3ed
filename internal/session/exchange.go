package session

import (
	"context"
	"errors"
	"slices"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is what is derived from a session's token, link by link.

// exchange makes the chain's n-th link out of the one before it. Where it is refused
// since the session has ended, which a refresh has found as well, somebody is asked to
// sign in.
func (s *Session) exchange(ctx context.Context, need Need, n int) (credential.Credential, error) {
	c, err := s.exchangeOnce(ctx, need, n)
	if errors.Is(err, fault.SignIn) && fault.Holds[StepRefusal](err) && s.Store != nil {
		if rec, perr := s.Store.Peek(s.sessionKey()); perr == nil && !rec.EndedAt.IsZero() {
			return s.exchangeOnce(ctx, need, n)
		}
	}
	return c, err
}

// exchangeOnce has the parent first: no exchange lock is held while a person signs in.
func (s *Session) exchangeOnce(ctx context.Context, need Need, n int) (credential.Credential, error) {
	parent, fresh, err := s.link(ctx, need.forParent(false), n-1)
	if err != nil {
		return parent, err
	}
	var c credential.Credential
	err = s.singly(ctx, cache.LockExchange, s.linkKey(need, n), func() bool {
		c, err = s.stored(need, n)
		return err == nil && s.goodEnough(c, need)
	}, func() error {
		var renew func() (credential.Credential, error)
		if !fresh {
			renew = func() (credential.Credential, error) { return s.renewParent(ctx, need, n) }
		}
		c, parent, err = s.trade(ctx, need.Steps[n-1], parent, renew)
		if err != nil {
			return err
		}
		s.recordedStep(need.Steps[n-1], c, nil)
		if s.unrecorded != nil {
			return s.unrecorded
		}
		return s.keepDerived(ctx, need, n, parent, c)
	})
	return c, err
}

// forParent is what the link before the last must be like.
func (n Need) forParent(force bool) Need {
	return Need{TokenType: n.TokenType, MinTTL: TokenTTL, Force: force, Steps: n.Steps, StepUp: n.StepUp}
}

// trade runs a link of the chain. If the parent is refused, and renew is given,
// it is renewed once, and tried again; the parent that was used is returned.
func (s *Session) trade(ctx context.Context, step Step, parent credential.Credential,
	renew func() (credential.Credential, error)) (c, used credential.Credential, err error) {
	s.Log.Info("exchange", "kind", step.Kind)
	if err := s.holdStored(); err != nil {
		return c, parent, err
	}
	err = retry(ctx, 3, func() error {
		c, err = step.Run(ctx, parent)
		if err == nil || renew == nil || !refusesParent(err) {
			return err
		}
		newer, rerr := renew()
		renew = nil
		if rerr == nil && !newer.Same(parent) {
			parent = newer
			return &againError{err}
		}
		return err
	})
	c.For, c.Login, c.SignedInAt = step.For, parent.Login, parent.SignedInAt
	c.Origin = parent.Origin
	return c, parent, everybodys(ctx, err)
}

// refusesParent reports whether an exchange was refused for what was given to
// it: a token that was revoked, or signed by a key that is no more.
func refusesParent(err error) bool {
	if refusal, ok := errors.AsType[*flows.OAuthError](err); ok {
		// RFC 8693 §2.2.2: invalid_request for a subject token that is not valid.
		return slices.Contains([]string{"invalid_request", "invalid_grant", "invalid_token"}, refusal.Code)
	}
	var step StepRefusal
	return errors.As(err, &step) && step.RefusesToken()
}

// renewParent makes the link before the n-th again, without asking anybody.
func (s *Session) renewParent(ctx context.Context, need Need, n int) (credential.Credential, error) {
	if need = need.forParent(true); n > 1 {
		return s.exchange(ctx, need, n-1)
	}
	return s.refresh(ctx, need)
}

// keepDerived stores what came of a parent credential, if that is still the
// stored one: when somebody else has signed in meanwhile, the keys of the one
// person must not be left for the other.
func (s *Session) keepDerived(ctx context.Context, need Need, n int, parent, c credential.Credential) error {
	if s.Store == nil {
		return nil
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if now, err := s.stored(need, n-1); err == nil && now.Same(parent) {
		s.keep("the derived credential", s.Store.WriteDerived(s.sessionKey(), s.linkKey(need, n), c))
	}
	return nil
}
