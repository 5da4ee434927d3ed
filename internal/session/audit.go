package session

import (
	"cmp"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/audit"
)

// This file is what a session tells the audit trail.

// recorded writes an event that went well, or one that failed and was done without: a
// call that fails is the caller's to record. Where the trail is required and cannot
// be written, unrecorded keeps why, and no credential is given, nor stored for a later
// call to give: so it is called before one is stored.
func (s *Session) recorded(e audit.Event, err error) {
	s.wrote = true
	e.Result = audit.Result(err)
	if rerr := s.Trail.Record(s.identify(e)); rerr != nil {
		s.unrecorded = cmp.Or(s.unrecorded, rerr)
	}
}

// RecordCached writes, where that is wanted, that a credential is given for which
// nothing else was recorded since the last call. It is an error where the trail is
// required and cannot be written, whether this is recorded or not.
func (s *Session) RecordCached() error {
	if s.wrote || s.Trail == nil || !s.Trail.All {
		s.wrote = false
		return s.Trail.Ready()
	}
	return s.Trail.Record(s.identify(audit.Event{Event: audit.Cached, Result: audit.OK}))
}

// Record writes that something went well which comes of a credential. It is an error where
// the trail is required and cannot be written.
func (s *Session) Record(e audit.Event) error {
	s.recorded(e, nil)
	return s.unrecorded
}

// RecordRefused writes that a call ended without a credential.
func (s *Session) RecordRefused(err error) {
	if s.Trail == nil {
		return
	}
	_ = s.Trail.Record(s.identify(audit.Event{Event: audit.Refused,
		Result: audit.Result(err)})) // there is none to keep back
}

// identify fills in what an event leaves open of whose session it is.
func (s *Session) identify(e audit.Event) audit.Event {
	if s.Request.Issuer == "" {
		return e
	}
	e.Issuer, e.Session = s.Request.Issuer, s.sessionKey()
	if e.Subject == "" {
		e.Subject, e.Flow = s.who.Subject, cmp.Or(e.Flow, s.by)
	}
	if e.Subject == "" && s.Store != nil {
		if rec, err := s.Store.Peek(s.sessionKey()); err == nil {
			e.Subject, e.Flow = rec.Subject, cmp.Or(e.Flow, rec.Flow)
		}
	}
	return e
}

// recordedSignIn writes whose session it is, and returns why it must not be used.
func (s *Session) recordedSignIn(who credential.Identity, flow string) error {
	s.who, s.by = who, flow
	s.recorded(audit.Event{Event: audit.SignIn}, nil)
	return s.unrecorded
}

// recordedStep writes what came of a step of the chain.
func (s *Session) recordedStep(step Step, c credential.Credential, err error) {
	e := audit.Event{Event: audit.Exchange, Target: step.For}
	if c.AWS != nil {
		e.Event = audit.Role
	}
	s.recorded(e, err)
}
