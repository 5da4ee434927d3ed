package session

import (
	"context"
	"errors"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is for a provider where each program registers itself as a client before a
// sign-in. A refresh token belongs to the client that got it: the session keeps that.

// registrationLeast is how long a registration must last to be used for a sign-in.
const registrationLeast = 5 * time.Minute

// registered returns the client of this machine's processes: the one that is kept, or a
// new one, which one process makes.
func (s *Session) registered(ctx context.Context) (*cache.Registration, error) {
	if r := s.keptRegistration(); r != nil {
		s.registeredBefore = true
		return r, nil
	}
	lock, err := s.lock(ctx, cache.LockRegister, s.RegistrationKey)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if r := s.keptRegistration(); r != nil {
		return r, nil
	}
	var r *cache.Registration
	if err = retry(ctx, 2, func() (err error) { r, err = s.Register(ctx); return err }); err != nil {
		return nil, err
	}
	if s.Store != nil {
		s.keep("the client registration", s.Store.WriteRegistration(s.RegistrationKey, r))
	}
	return r, nil
}

func (s *Session) keptRegistration() *cache.Registration {
	if s.Store == nil {
		return nil
	}
	r, err := s.Store.Registration(s.RegistrationKey)
	if err != nil || time.Until(r.ExpiresAt) < registrationLeast {
		return nil
	}
	return r
}

// forgetRegistration drops a client that the provider does not know, or no longer, and
// reports whether that was it: the next one may be.
func (s *Session) forgetRegistration(err error) bool {
	var refusal *flows.OAuthError
	if s.registration == nil || !errors.As(err, &refusal) || refusal.Code != "invalid_client" {
		return false
	}
	s.dropRegistration()
	return true
}

func (s *Session) dropRegistration() {
	if s.Store != nil {
		s.keep("the end of the client registration",
			s.Store.RemoveRegistration(s.RegistrationKey, s.registration.ClientID))
	}
	s.registration, s.hasClient = nil, false
}

// unanswered drops a client of an earlier run with which no browser came back: that the
// provider does not know it any more, its page tells the person alone.
func (s *Session) unanswered(flow string, err error) error {
	if s.registration == nil || !s.registeredBefore || flow != flows.FlowPKCE || !errors.Is(err, flows.ErrTimedOut) {
		return err
	}
	s.dropRegistration()
	return fault.Hint(err, "did the browser show an error? The next sign-in registers another client, in case this one "+
		"is no longer known there")
}

// device runs the flow of that name, again if the client that was kept is no more.
func (s *Session) device(ctx context.Context, p *flows.Provider, req flows.SignIn, asking Ask) (*flows.Result, error) {
	shown := false
	for {
		res, err := p.Device(ctx, req, func(d flows.DevicePrompt) error {
			shown = true
			return s.Person.ShowDevice(asking, d)
		})
		if shown || !s.forgetRegistration(err) {
			return res, err
		}
		if req.Client, err = s.Client(ctx); err != nil {
			return nil, err
		}
		shown = true // once
	}
}

// errRegistrationEnded says that the client of a session is no more, and its refresh
// token with it.
var errRegistrationEnded = &sessionEnded{"the client that it was signed in to with has ended"}

// atProviderOf is AtProvider for a session's own client.
func (s *Session) atProviderOf(ctx context.Context, rec *cache.Session) (*flows.Provider, flows.Client, error) {
	r := rec.Registration
	if r == nil {
		return s.AtProvider(ctx)
	}
	if !r.ExpiresAt.After(time.Now()) {
		return nil, flows.Client{}, errRegistrationEnded
	}
	s.registration = r
	p, err := s.providerFor(ctx)
	return p, flows.Client{ID: r.ClientID, Secret: r.Secret}, err
}
