package sso

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/session"
)

// Login signs a person in now, whatever is stored and whatever failed before, and
// returns who it was. Another person than before may sign in. It ends when ctx
// does, or after [Client.LoginTimeout] with [ErrDenied].
func (c *Client) Login(ctx context.Context) (*Identity, error) {
	s, end, err := c.bounded(ctx, true)
	if err != nil {
		return nil, sorted(ctx, err)
	}
	defer end()
	var who Identity
	shown := s.Person.SignedIn
	s.Person.SignedIn = func(asked session.Ask, is Identity) {
		who = is
		shown(asked, is)
	}
	if err := s.Login(ctx); err != nil {
		if ctx.Err() == nil {
			s.RecordRefused(err)
		}
		return nil, sorted(ctx, err)
	}
	c.forget()
	who.Issuer = cmp.Or(who.Issuer, s.Request.Issuer)
	return &who, nil
}

// Logout revokes the session at the provider and forgets it here, for all
// programs that share it. That nobody was signed in is no error. If the provider
// does not revoke it, the session is forgotten all the same, and the error is
// [ErrNotRevoked].
func (c *Client) Logout(ctx context.Context) error {
	s, end, err := c.session(ctx, false)
	if err != nil {
		return sorted(ctx, err)
	}
	defer end()
	c.forget()
	out, err := s.Logout(ctx)
	switch {
	case errors.Is(err, cache.ErrNotExist):
		return nil
	case err != nil:
		return sorted(ctx, err)
	case out.NotSo != nil:
		return fmt.Errorf("%w: %w", ErrNotRevoked, sorted(ctx, out.NotSo))
	}
	return nil
}

// forget forgets the token in memory.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held{}
}

// Status is what is stored of a session.
type Status struct {
	ID           string // names the session, as the command sso-exec shows it
	Issuer       string
	Subject      string // that the provider knows the person by
	Account      string // that the person knows: an e-mail address, a name. The provider's text
	Organization string // empty: not known
	Flow         string // that was used to sign in
	Scopes       []string
	SignedInAt   time.Time
	TokenUntil   time.Time // when the newest token ends; zero: not known, or there is none
	SessionUntil time.Time // when the session ends; zero: not known
	Renews       bool      // new tokens come without a person
}

// Status returns what is stored of the session: who is signed in, until when. The
// provider is not asked. The error is [ErrLoginRequired] if nobody is signed in,
// or if the session has ended.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s, end, err := c.session(ctx, false)
	if err != nil {
		return nil, sorted(ctx, err)
	}
	defer end()
	e, err := s.Stored()
	switch {
	case errors.Is(err, cache.ErrNotExist), errors.Is(err, cache.ErrCorrupt):
		err = &session.LoginRequiredError{Reason: "nobody has signed in here yet"}
	case err == nil && !session.Usable(e, time.Now(), s.Limits):
		err = &session.LoginRequiredError{Reason: "the session has ended"}
	}
	if err != nil {
		return nil, sorted(ctx, err)
	}
	st := &Status{
		ID: e.Key[:12], Issuer: e.Session.Issuer, Subject: e.Session.Subject, Account: e.Session.Account,
		Organization: e.Session.Organization, Flow: e.Session.Flow, Scopes: e.Session.Scopes,
		SignedInAt: e.Session.SignedInAt, SessionUntil: s.Limits.Until(e.Session),
		Renews: session.Renews(e),
	}
	for _, t := range e.Tokens {
		if t.ExpiresAt.After(st.TokenUntil) {
			st.TokenUntil = t.ExpiresAt
		}
	}
	return st, nil
}
