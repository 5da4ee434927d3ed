package session

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
)

// This file is what a person has chosen of what a session can give. It is a preference:
// whatever a setting names counts before it.

// Preferred is what was chosen last; empty: nothing was.
func (s *Session) Preferred() string {
	if s.Store == nil {
		return ""
	}
	rec, err := s.Store.Peek(s.sessionKey())
	if err != nil {
		return ""
	}
	return rec.PreferredRole
}

// ChooseOnce has one process at a time ask a person, and keeps the choice: it is that of
// all who knew only the last one when they began, if it fits them. prepare comes before
// the wait for the terminal.
func (s *Session) ChooseOnce(ctx context.Context, last string, fits func(string) bool,
	prepare func(context.Context) error, ask func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Person.Timeout, flows.ErrTimedOut)
	defer cancel()
	began := time.Now()
	lock, err := s.lock(ctx, cache.LockPrompt, s.sessionKey())
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	if now := s.Preferred(); now != last && fits(now) {
		return now, nil
	}
	if err := s.adopt(lock, began); err != nil {
		return "", err
	}
	choice, err := s.chosen(ctx, prepare, ask)
	s.leave(lock, err)
	return choice, err
}

func (s *Session) chosen(ctx context.Context, prepare func(context.Context) error,
	ask func(context.Context) (string, error)) (string, error) {
	if err := prepare(ctx); err != nil {
		return "", err
	}
	terminal, err := s.turn(ctx)
	if err != nil {
		return "", err
	}
	defer terminal.Unlock()
	choice, err := ask(ctx)
	if err != nil || s.Store == nil {
		return choice, err
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if err != nil {
		return choice, err
	}
	defer lock.Unlock()
	s.keep("the choice", s.Store.Amend(s.sessionKey(), func(now *cache.Session) { now.PreferredRole = choice }))
	return choice, nil
}
