package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// singly does work in one process at a time. ready is asked once the lock is
// held: the process before may have done the work. If that one failed while
// this one waited, its failure is adopted: a hundred processes do not try one
// after the other what has just failed.
func (s *Session) singly(ctx context.Context, purpose, key string, ready func() bool, work func() error) error {
	began := time.Now()
	lock, err := s.lock(ctx, purpose, key)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if ready() {
		return nil
	}
	if err := s.adopt(lock, began); err != nil {
		return err
	}
	err = work()
	s.leave(lock, err)
	return err
}

// adopt returns the failure of the process that was waited for, except for one of
// other tokens of the same session: what is refused to one organization says
// nothing of another.
func (s *Session) adopt(lock *cache.Lock, began time.Time) error {
	if lock == nil || !lock.Waited || lock.Last == nil || lock.Last.At.Before(began) {
		return nil
	}
	if _, tkey := s.keys(); lock.Last.For != "" && lock.Last.For != tkey {
		return nil
	}
	return &SharedError{lock.Last.Kind, lock.Last.Message}
}

// leave tells those who wait how the work ended.
func (s *Session) leave(lock *cache.Lock, err error) {
	switch kind := kindOf(err); {
	case lock == nil:
	case err == nil:
		lock.Succeed()
	case kind == FailedOther && (s.Dialect.Free != (flows.Free{}) || !s.SignIn.StepUp.IsZero()):
		_, tkey := s.keys()
		lock.Fail(tkey, kind, err.Error())
	case kind != "":
		lock.Fail("", kind, err.Error())
	}
}

// lockTimeout bounds the wait for another process's requests; they are bounded
// themselves, so it is reached only if that process hangs or was stopped.
const lockTimeout = time.Minute

var errLockHeld = &flows.UnavailableError{Doing: "wait for another sso-exec",
	Err: fmt.Errorf("it has held the session's lock for %v", lockTimeout)}

// lock takes a lock, or returns nil where there is no place for one: a full or
// read-only disk must not keep a credential from the person. lockErr tells why.
// Unsafe storage and the end of ctx are errors.
func (s *Session) lock(ctx context.Context, purpose, key string) (*cache.Lock, error) {
	if s.Store == nil {
		return nil, nil
	}
	if purpose != cache.LockSignIn && purpose != cache.LockPrompt { // whose wait is as long as a person may take
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, lockTimeout, errLockHeld)
		defer cancel()
	}
	lock, err := s.Store.Lock(ctx, purpose, key)
	if err == nil {
		return lock, nil
	}
	if ctx.Err() != nil || fault.Holds[*cache.UnsafeError](err) {
		return nil, err
	}
	if s.lockErr == nil {
		s.Log.Warn(fmt.Sprintf("nothing can be stored, so every run starts from the beginning: %v; name another "+
			"place with --cache-dir", err))
	}
	s.lockErr = err
	return nil, nil
}

// Refresh ahead: a token in the last tenth of its life, two minutes at most, is
// renewed by one process while the others go on with what they have.
const (
	aheadPart = 10
	aheadMost = 2 * time.Minute
	// aheadPause is how long a renewal that failed is not tried again while the
	// token is good.
	aheadPause = 30 * time.Second
)

// nearEnd reports whether a token should be renewed ahead. Each process draws
// its own start within the window, so that a fleet whose tokens end together
// does not knock in the same second.
//
// The window of a token with a short life would lie below what it must last by
// the rule for all, where everybody has to wait: it is moved above that.
func (s *Session) nearEnd(c credential.Credential, ttl TTL) bool {
	at := s.RenewAt(c, ttl)
	return !at.IsZero() && time.Now().After(at)
}

// RenewAt is when this process begins to renew a token ahead; zero: never, since
// its end or its life is not known.
func (s *Session) RenewAt(c credential.Credential, ttl TTL) time.Time {
	window := min(c.Life()/aheadPart, aheadMost)
	if window <= 0 || c.ExpiresAt.IsZero() {
		return time.Time{}
	}
	var base time.Duration
	if least := ttl.For(c); !ttl.given() && least >= window {
		base = least
	}
	if s.draw == 0 {
		s.draw = 0.5 + rand.Float64()/2 //nolint:gosec // jitter is no secret
	}
	return c.ExpiresAt.Add(-base - time.Duration(s.draw*float64(window)))
}

// renewAhead renews a token that is still good, if nobody else is at it, and
// returns the good one if that does not work.
func (s *Session) renewAhead(ctx context.Context, need Need, good credential.Credential) (c credential.Credential,
	fresh bool, err error) {
	lock, err := s.Store.TryLock(cache.LockRefresh, s.sessionKey())
	if lock == nil || err != nil {
		return good, false, nil
	}
	defer lock.Unlock()
	if stored, err := s.stored(need, 0); err == nil && s.serves(need.MinTTL, stored, time.Now()) &&
		s.meets(need, stored) && !s.nearEnd(stored, need.MinTTL) {
		return stored, false, nil
	}
	if lock.Last != nil && time.Since(lock.Last.At) < aheadPause {
		s.Log.Info("not renewed ahead: that failed a moment ago", "why", lock.Last.Message)
		return good, false, nil
	}
	s.attempts = 1 // the tool waits, for a token that it could have at once
	c, err = s.renew(ctx, need)
	s.leave(lock, err)
	switch {
	case err == nil:
		return c, true, nil
	case ctx.Err() != nil:
		return c, false, context.Cause(ctx)
	}
	s.Log.Warn(fmt.Sprintf("the token lasts only %v, and could not be renewed: %v",
		time.Until(good.ExpiresAt).Round(time.Second), err))
	s.recorded(audit.Event{Event: audit.Refresh}, err)
	return good, false, nil
}

// This file is about what only one of a person's sign-ins can have at a time,
// whatever their sessions: a terminal, a fixed port.

// turn waits until nobody else asks on the same terminal: two prompts there
// would tear each other, and a code could be erased that a person still needs.
func (s *Session) turn(ctx context.Context) (*cache.Lock, error) {
	if s.Store == nil {
		return nil, nil
	}
	screen := s.Person.Screen()
	if screen == "" {
		return nil, nil
	}
	return s.lock(ctx, cache.LockPrompt, screen)
}

// portKey names the lock of a fixed port.
func portKey(port string) string { return "port-" + port }

// holdPort is flows.SignIn.HoldPort. Where no lock can be taken, whoever has the port
// is a stranger.
func (s *Session) holdPort(port string) (free func(), ok bool) {
	free = func() {}
	if s.Store == nil {
		return free, true
	}
	lock, err := s.Store.TryLock(cache.LockSignIn, portKey(port))
	if lock != nil {
		free = lock.Unlock
	}
	return free, lock != nil || err != nil
}

// ErrPortHeld is in the chain of a sign-in's error that ran out of time before it
// could ask, since another sign-in had the fixed port.
var ErrPortHeld = errors.New("another sign-in held port")

// awaitPort waits until another sign-in has let a fixed port go. That it does not do
// so in time says nothing of the person, who was not asked.
func (s *Session) awaitPort(ctx context.Context, port string) error {
	lock, err := s.lock(ctx, cache.LockSignIn, portKey(port))
	lock.Unlock()
	if errors.Is(err, flows.ErrTimedOut) {
		err = fmt.Errorf("%w: %w %s", err, ErrPortHeld, port)
	}
	return err
}
