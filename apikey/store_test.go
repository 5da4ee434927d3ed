package apikey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a store must do is in storetest. This one also heeds the end of a context.
func TestMemoryStoreEnded(t *testing.T) {
	m := NewMemoryStore()
	r := Record{ID: "1", Owner: "o", Hash: Hash{1}}
	if err := m.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, byHash := m.ByHash(ended, r.Hash)
	_, byID := m.ByID(ended, "1")
	_, list := m.List(ended, "o")
	for _, err := range []error{byHash, byID, list, m.Add(ended, Record{ID: "2"}), m.Revoke(ended, "1", time.Now())} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, not %v", err, context.Canceled)
		}
	}
}

// A check that begins after Revoke has returned fails, whoever makes it.
func TestRevokedForAllAtOnce(t *testing.T) {
	i, _ := newIssuer(NewMemoryStore())
	key, record := issue(t, i, Request{})
	var revoked atomic.Bool
	var checkers, ready sync.WaitGroup
	for range 16 {
		ready.Add(1)
		checkers.Go(func() {
			for n := 0; ; n++ {
				over := revoked.Load()
				_, err := i.Check(context.Background(), key)
				if n == 0 {
					ready.Done()
				}
				switch {
				case errors.Is(err, ErrRevoked):
					return
				case err != nil || over:
					t.Errorf("revoked: %v, and the check says %v", over, err)
					return
				}
			}
		})
	}
	ready.Wait()
	if err := i.Revoke(t.Context(), record.Owner, record.ID); err != nil {
		t.Error(err)
	}
	revoked.Store(true)
	checkers.Wait()
}

// Of 200 rotations at once one succeeds, and nobody else's key is left behind.
func TestRotatedOnce(t *testing.T) {
	i, _ := newIssuer(NewMemoryStore())
	_, record := issue(t, i, Request{})
	var all sync.WaitGroup
	var done atomic.Int32
	for range 200 {
		all.Go(func() {
			switch _, _, err := i.Rotate(context.Background(), record.Owner, record.ID, time.Hour); {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, ErrReplaced):
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := i.List(t.Context(), record.Owner)
	if done.Load() != 1 || err != nil || len(list) != 2 {
		t.Errorf("%d rotations, %d keys, %v", done.Load(), len(list), err)
	}
}

// Everything at once, for the race detector; and no key is lost.
func TestStorm(t *testing.T) {
	i, c := newIssuer(NewMemoryStore())
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			ctx, owner := context.Background(), fmt.Sprintf("o%d", n%5)
			key, record, err := i.Issue(ctx, Request{Owner: owner, Scopes: []string{"a"}})
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				c.forward(time.Second)
				if _, err := i.Check(ctx, key, "a"); err != nil {
					t.Error(err)
				}
				if _, err := i.List(ctx, owner); err != nil {
					t.Error(err)
				}
			}
			if _, _, err := i.Rotate(ctx, owner, record.ID, time.Hour); err != nil {
				t.Error(err)
			}
			if _, err := i.RevokeKey(ctx, key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range 5 {
		if list, err := i.List(t.Context(), fmt.Sprintf("o%d", n)); err != nil || len(list) != 20 {
			t.Errorf("%d keys, %v", len(list), err)
		}
	}
}
