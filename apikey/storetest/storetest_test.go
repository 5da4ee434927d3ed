package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/apikey"
	"github.com/sso-exec/sso-exec/apikey/storetest"
)

func TestMemoryStore(t *testing.T) {
	if err := storetest.Test(t.Context(), func() apikey.Store { return apikey.NewMemoryStore() }); err != nil {
		t.Error(err)
	}
}

// broken is a store with a fault: what a method does instead, if it is set.
type broken struct {
	apikey.Store
	stored  func(apikey.Record) apikey.Record // what becomes of a record on its way in
	owner   func(string) string
	id      func(string) string
	add     func(apikey.Store, apikey.Record) error
	revoke  func(s apikey.Store, id string, at time.Time) error
	replace func(s apikey.Store, id string, end time.Time, next apikey.Record) error
	touch   func(s apikey.Store, id string, at time.Time) error
	list    func([]apikey.Record) []apikey.Record
}

func (b *broken) in(r apikey.Record) apikey.Record {
	if b.stored != nil {
		return b.stored(r)
	}
	return r
}

func (b *broken) Add(ctx context.Context, r apikey.Record) error {
	if b.add != nil {
		return b.add(b.Store, r)
	}
	return b.Store.Add(ctx, b.in(r))
}

func (b *broken) ByID(ctx context.Context, id string) (apikey.Record, error) {
	if b.id != nil {
		id = b.id(id)
	}
	return b.Store.ByID(ctx, id)
}

func (b *broken) List(ctx context.Context, owner string) ([]apikey.Record, error) {
	if b.owner != nil {
		owner = b.owner(owner)
	}
	list, err := b.Store.List(ctx, owner)
	if b.list != nil {
		list = b.list(list)
	}
	return list, err
}

func (b *broken) Revoke(ctx context.Context, id string, at time.Time) error {
	if b.revoke != nil {
		return b.revoke(b.Store, id, at)
	}
	return b.Store.Revoke(ctx, id, at)
}

func (b *broken) Replace(ctx context.Context, id string, end time.Time, next apikey.Record) error {
	if b.replace != nil {
		return b.replace(b.Store, id, end, next)
	}
	return b.Store.Replace(ctx, id, end, b.in(next))
}

func (b *broken) Touch(ctx context.Context, id string, at time.Time) error {
	if b.touch != nil {
		return b.touch(b.Store, id, at)
	}
	return b.Store.Touch(ctx, id, at)
}

// Each fault is found, and said in words that name the method.
func TestFaultsAreFound(t *testing.T) {
	ctx := t.Context()
	change := func(f func(*apikey.Record)) func(apikey.Record) apikey.Record {
		return func(r apikey.Record) apikey.Record { f(&r); return r }
	}
	for name, c := range map[string]struct {
		fault broken
		says  string
	}{
		"times of whole seconds": {broken{stored: change(func(r *apikey.Record) { r.CreatedAt = r.CreatedAt.Truncate(time.Second) })}, "CreatedAt"},
		"times of another zone":  {broken{stored: change(func(r *apikey.Record) { r.CreatedAt = r.CreatedAt.In(time.FixedZone("x", 3600)) })}, "CreatedAt"},
		"a zero time as 1970":    {broken{stored: change(func(r *apikey.Record) { r.RevokedAt = time.Unix(r.RevokedAt.Unix()&1, 0).UTC() })}, "RevokedAt"},
		"a name of ASCII":        {broken{stored: change(func(r *apikey.Record) { r.Name = strings.ToValidUTF8(r.Name[:len(r.Name)/2], "?") })}, "Name"},
		"no masked form":         {broken{stored: change(func(r *apikey.Record) { r.Masked = "" })}, "Masked"},
		"a scope that is lost":   {broken{stored: change(func(r *apikey.Record) { r.Scopes = r.Scopes[:len(r.Scopes)/2] })}, "Scopes"},
		"a hash that is cut off": {broken{stored: change(func(r *apikey.Record) { r.Hash[31] = 0 })}, "ByHash"},
		"owners without case":    {broken{owner: strings.ToLower}, "List"},
		"owners without spaces":  {broken{owner: strings.TrimSpace}, "List"},
		"IDs without case":       {broken{id: strings.ToLower}, "ByID"},
		"the newest first":       {broken{list: func(l []apikey.Record) []apikey.Record { slices.Reverse(l); return l }}, "List"},
		"only those that are good": {broken{list: func(l []apikey.Record) []apikey.Record {
			return slices.DeleteFunc(l, func(r apikey.Record) bool { return !r.RevokedAt.IsZero() })
		}}, "List"},
		"the last of two is kept": {broken{add: func(s apikey.Store, r apikey.Record) error {
			_ = s.Add(ctx, r)
			return nil
		}}, "Add"},
		"nobody's revoked": {broken{revoke: func(s apikey.Store, id string, at time.Time) error {
			_ = s.Revoke(ctx, id, at)
			return nil
		}}, "Revoke"},
		"an error of another kind": {broken{revoke: func(s apikey.Store, id string, at time.Time) error {
			if s.Revoke(ctx, id, at) != nil {
				return errors.New("no rows")
			}
			return nil
		}}, "Revoke"},
		"replaced in two steps": {broken{replace: func(s apikey.Store, id string, end time.Time, next apikey.Record) error {
			old, err := s.ByID(ctx, id)
			switch {
			case err != nil:
				return err
			case !old.RevokedAt.IsZero():
				return apikey.ErrRevoked
			case old.ReplacedBy != "":
				return apikey.ErrReplaced
			}
			time.Sleep(time.Millisecond)
			if err := s.Add(ctx, next); err != nil {
				return err
			}
			_ = s.Replace(ctx, id, end, apikey.Record{ID: next.ID + "x", Hash: apikey.Hash{1, next.Hash[31]}})
			return nil
		}}, "Replace"},
		"half a replacement": {broken{replace: func(s apikey.Store, id string, end time.Time, next apikey.Record) error {
			err := s.Replace(ctx, id, end, next)
			if err != nil {
				_ = s.Add(ctx, next)
			}
			return err
		}}, "Replace"},
		"a life that is made longer": {broken{replace: func(s apikey.Store, id string, end time.Time, next apikey.Record) error {
			return s.Replace(ctx, id, end.Add(time.Hour), next)
		}}, "ExpiresAt"},
		"never touched": {broken{touch: func(apikey.Store, string, time.Time) error { return nil }}, "LastUsedAt"},
		"an unknown one touched": {broken{touch: func(s apikey.Store, id string, at time.Time) error {
			if _, err := s.ByID(ctx, id); err != nil {
				return err
			}
			return s.Touch(ctx, id, at)
		}}, "Touch"},
	} {
		t.Run(name, func(t *testing.T) {
			err := storetest.Test(ctx, func() apikey.Store {
				b := c.fault
				b.Store = apikey.NewMemoryStore()
				return &b
			})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "storetest: ") {
				t.Errorf("%v, want a word of %s", err, c.says)
			}
		})
	}
}
