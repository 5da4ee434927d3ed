package apikey

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// MemoryStore is a [Store] in memory, for tests and for servers whose keys may
// end with them.
type MemoryStore struct {
	mu      sync.RWMutex
	records map[string]*Record // by ID
	ids     map[Hash]string
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{records: map[string]*Record{}, ids: map[Hash]string{}}
}

// Add implements [Store].
func (m *MemoryStore) Add(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(r)
}

// add is Add for who holds the lock.
func (m *MemoryStore) add(r Record) error {
	if _, there := m.records[r.ID]; there {
		return ErrExists
	}
	if _, there := m.ids[r.Hash]; there {
		return ErrExists
	}
	r = r.clone()
	m.records[r.ID], m.ids[r.Hash] = &r, r.ID
	return nil
}

// ByHash implements [Store].
func (m *MemoryStore) ByHash(ctx context.Context, h Hash) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if id, there := m.ids[h]; there {
		return m.records[id].clone(), nil
	}
	return Record{}, ErrNotFound
}

// ByID implements [Store].
func (m *MemoryStore) ByID(ctx context.Context, id string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if r, there := m.records[id]; there {
		return r.clone(), nil
	}
	return Record{}, ErrNotFound
}

// List implements [Store].
func (m *MemoryStore) List(ctx context.Context, owner string) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var list []Record
	for _, r := range m.records {
		if r.Owner == owner {
			list = append(list, r.clone())
		}
	}
	slices.SortFunc(list, func(a, b Record) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Revoke implements [Store].
func (m *MemoryStore) Revoke(ctx context.Context, id string, at time.Time) error {
	return m.change(ctx, id, func(r *Record) error {
		if r.RevokedAt.IsZero() {
			r.RevokedAt = at
		}
		return nil
	})
}

// Replace implements [Store].
func (m *MemoryStore) Replace(ctx context.Context, id string, end time.Time, next Record) error {
	return m.change(ctx, id, func(r *Record) error {
		switch {
		case !r.RevokedAt.IsZero():
			return ErrRevoked
		case r.ReplacedBy != "":
			return ErrReplaced
		}
		if err := m.add(next); err != nil {
			return err
		}
		r.ReplacedBy = next.ID
		if r.ExpiresAt.IsZero() || end.Before(r.ExpiresAt) {
			r.ExpiresAt = end
		}
		return nil
	})
}

// Touch implements [Store].
func (m *MemoryStore) Touch(ctx context.Context, id string, at time.Time) error {
	err := m.change(ctx, id, func(r *Record) error {
		if at.After(r.LastUsedAt) {
			r.LastUsedAt = at
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// change calls f with the record of an ID under the lock.
func (m *MemoryStore) change(ctx context.Context, id string, f func(*Record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.records[id]
	if !there {
		return ErrNotFound
	}
	return f(r)
}
