package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
)

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
	if lock != nil {
		lock.Unlock()
	}
	if errors.Is(err, flows.ErrTimedOut) {
		err = fmt.Errorf("%w: %w %s", err, ErrPortHeld, port)
	}
	return err
}
