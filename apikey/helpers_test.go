package apikey

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// A clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newIssuer(store Store) (*Issuer, *clock) {
	c := &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 678_901_234, time.FixedZone("x", 3600))}
	return &Issuer{Format: live, Store: store, Now: c.Now}, c
}

func issue(t testing.TB, i *Issuer, req Request) (Key, Record) {
	t.Helper()
	if req.Owner == "" {
		req.Owner = "ops"
	}
	key, record, err := i.Issue(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return key, record
}

var errDown = errors.New("the database is down")

// faulty is a store that can be made to fail, and counts what reaches it.
type faulty struct {
	Store
	down, noTouch  bool
	lookups, touch int
	loose          *Record // what ByHash returns whatever is asked
}

func (f *faulty) Add(ctx context.Context, r Record) error {
	if f.down {
		return errDown
	}
	return f.Store.Add(ctx, r)
}

func (f *faulty) ByHash(ctx context.Context, h Hash) (Record, error) {
	f.lookups++
	switch {
	case f.down:
		return Record{}, errDown
	case f.loose != nil:
		return *f.loose, nil
	}
	return f.Store.ByHash(ctx, h)
}

func (f *faulty) ByID(ctx context.Context, id string) (Record, error) {
	if f.down {
		return Record{}, errDown
	}
	return f.Store.ByID(ctx, id)
}

func (f *faulty) List(ctx context.Context, owner string) ([]Record, error) {
	if f.down {
		return nil, errDown
	}
	return f.Store.List(ctx, owner)
}

func (f *faulty) Touch(ctx context.Context, id string, at time.Time) error {
	f.touch++
	if f.noTouch {
		return errDown
	}
	return f.Store.Touch(ctx, id, at)
}
