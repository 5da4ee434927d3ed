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

func testRecord(id string, hash byte) Record {
	at := time.Date(2030, 1, 1, 0, 0, int(hash), 0, time.UTC)
	return Record{ID: id, Owner: "o", Scopes: []string{"a"}, CreatedAt: at, Hash: Hash{hash}}
}

func TestMemoryStore(t *testing.T) {
	ctx := t.Context()
	m := NewMemoryStore()
	want := func(err, is error) {
		t.Helper()
		if !errors.Is(err, is) {
			t.Errorf("%v, not %v", err, is)
		}
	}
	first := testRecord("1", 1)
	want(m.Add(ctx, testRecord("2", 2)), nil)
	want(m.Add(ctx, first), nil)
	first.Scopes[0] = "changed"
	want(m.Add(ctx, testRecord("1", 3)), ErrExists)
	want(m.Add(ctx, testRecord("3", 1)), ErrExists)

	got, err := m.ByHash(ctx, Hash{1})
	if err != nil || got.ID != "1" || got.Scopes[0] != "a" {
		t.Errorf("%+v, %v", got, err)
	}
	got.Scopes[0] = "changed"
	if again, err := m.ByID(ctx, "1"); err != nil || again.Scopes[0] != "a" {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = m.ByHash(ctx, Hash{9})
	want(err, ErrNotFound)
	_, err = m.ByID(ctx, "9")
	want(err, ErrNotFound)
	if list, err := m.List(ctx, "o"); err != nil || len(list) != 2 || list[0].ID != "1" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := m.List(ctx, "nobody"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}

	late := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	want(m.Touch(ctx, "1", late), nil)
	want(m.Touch(ctx, "1", late.Add(-1)), nil) // never back
	want(m.Touch(ctx, "9", late), nil)
	if got, _ := m.ByID(ctx, "1"); got.LastUsedAt != late {
		t.Errorf("used at %v", got.LastUsedAt)
	}

	// Both or nothing.
	want(m.Replace(ctx, "9", late, testRecord("4", 4)), ErrNotFound)
	want(m.Replace(ctx, "1", late, testRecord("4", 2)), ErrExists)
	if got, _ := m.ByID(ctx, "1"); got.ReplacedBy != "" || !got.ExpiresAt.IsZero() {
		t.Errorf("half a replacement: %+v", got)
	}
	want(m.Replace(ctx, "1", late, testRecord("4", 4)), nil)
	want(m.Replace(ctx, "1", late, testRecord("5", 5)), ErrReplaced)
	want(m.Revoke(ctx, "2", late), nil)
	want(m.Replace(ctx, "2", late, testRecord("5", 5)), ErrRevoked)
	want(m.Revoke(ctx, "9", late), ErrNotFound)
	if _, err := m.ByID(ctx, "5"); !errors.Is(err, ErrNotFound) {
		t.Errorf("half a replacement: %v", err)
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = m.ByHash(ended, Hash{1})
	want(err, context.Canceled)
	_, err = m.ByID(ended, "1")
	want(err, context.Canceled)
	_, err = m.List(ended, "o")
	want(err, context.Canceled)
	want(m.Add(ended, testRecord("6", 6)), context.Canceled)
	want(m.Revoke(ended, "4", late), context.Canceled)
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
