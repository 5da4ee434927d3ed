package session

import (
	"errors"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file keeps what a session has from servers that its sign-in would not have
// trusted. The roots of --ca-file are part of the session's key. Those that
// variables name are not: of them the root counts that vouched at the sign-in.

// errOtherRoots says that a session was made under another --ca-file, or under one
// whose certificates have changed since.
var errOtherRoots = errors.New(
	"the session was made under other roots (--ca-file, --ca-data) than these, so nothing of it is sent")

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
