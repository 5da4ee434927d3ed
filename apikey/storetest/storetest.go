// Package storetest checks that an [apikey.Store] does what that interface
// promises: for the authors of stores, in their tests.
//
//	func TestStore(t *testing.T) {
//		if err := storetest.Test(t.Context(), func() apikey.Store { return emptyStore(t) }); err != nil {
//			t.Error(err)
//		}
//	}
//
// It finds what databases are known to do differently: texts that compare
// without regard to case or trailing spaces, times that lose their microseconds
// or their zone, updates that are read and written in two steps. It cannot find
// a replica that lags behind, nor how a store fails when its database does.
//
// The package is v0, as apikey is.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/apikey"
)

// Test returns all that is wrong with a store, nil if nothing is found. newStore
// is called several times, and returns an empty one each time. The methods get
// ctx, or one made of it, and are called by many goroutines at once.
func Test(ctx context.Context, newStore func() apikey.Store) error {
	var errs []error
	for _, c := range []struct {
		name string
		run  func(*tester)
	}{
		{"records", testRecords}, {"what is there already", testExists}, {"names that look alike", testAlike}, {"List", testList},
		{"Revoke", testRevoke}, {"Replace", testReplace}, {"Touch", testTouch}, {"many at once", testStorm},
	} {
		t := &tester{ctx: ctx, store: newStore(), name: c.name}
		c.run(t)
		errs = append(errs, t.errs...)
	}
	return errors.Join(errs...)
}

// tester collects what is wrong with one store.
type tester struct {
	ctx   context.Context //nolint:containedctx // of one call of Test
	store apikey.Store
	name  string
	errs  []error
}

func (t *tester) errorf(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf("storetest: "+t.name+": "+format, args...))
}

// want checks the error of a call; nil stands for none.
func (t *tester) want(call string, err, want error) {
	if !errors.Is(err, want) {
		t.errorf("%s returns the error %v, want %v", call, err, want)
	}
}

// add adds a record that must be new.
func (t *tester) add(r apikey.Record) { t.want("Add", t.store.Add(t.ctx, r), nil) }

// wantRecord checks what is kept under an ID.
func (t *tester) wantRecord(when string, want apikey.Record) {
	got, err := t.store.ByID(t.ctx, want.ID)
	if err != nil {
		t.errorf("%s: ByID returns the error %v", when, err)
		return
	}
	t.compare(when+": ByID", got, want)
}

func (t *tester) compare(call string, got, want apikey.Record) {
	for _, f := range []struct {
		name      string
		got, want string
	}{
		{"ID", got.ID, want.ID}, {"Owner", got.Owner, want.Owner}, {"Name", got.Name, want.Name}, {"ReplacedBy", got.ReplacedBy, want.ReplacedBy},
		{"Hash", got.Hash.String(), want.Hash.String()}, {"Masked", got.Masked, want.Masked},
		{"Scopes", strings.Join(got.Scopes, " "), strings.Join(want.Scopes, " ")},
		{"CreatedAt", stamp(got.CreatedAt), stamp(want.CreatedAt)}, {"ExpiresAt", stamp(got.ExpiresAt), stamp(want.ExpiresAt)},
		{"RevokedAt", stamp(got.RevokedAt), stamp(want.RevokedAt)}, {"LastUsedAt", stamp(got.LastUsedAt), stamp(want.LastUsedAt)},
	} {
		if f.got != f.want {
			t.errorf("%s has the %s %q, want %q", call, f.name, f.got, f.want)
		}
	}
}

// stamp is a time with its zone; one that is zero is nothing, in whatever zone.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// epoch is no whole second, and its last digits are those that a float of 64 bits
// with seconds since 1970 loses.
var epoch = time.Date(2031, 12, 31, 23, 59, 59, 123457000, time.UTC)

// record makes one that differs from all others.
func record(n byte) apikey.Record {
	return apikey.Record{
		ID: fmt.Sprintf("key_%03d", n), Owner: "owner", Name: "nightly", Scopes: []string{"deploy", "read"},
		CreatedAt: epoch.Add(time.Duration(n) * time.Microsecond), Hash: hash(n), Masked: fmt.Sprintf("acme_live_...%04d", n),
	}
}

// hash has bytes that are zero, and some that are no text.
func hash(n byte) apikey.Hash { return apikey.Hash{0, 0xff, 0x80, '\'', 31: n} }

func testRecords(t *tester) {
	full := record(1)
	full.Owner, full.Name = "user:o'Hara \\ \"%_", "Nächtlicher Bau 夜 🚀" //nolint:gosmopolitan // it must survive
	full.ExpiresAt, full.RevokedAt, full.LastUsedAt = epoch.Add(time.Hour), epoch.Add(time.Minute), epoch.Add(time.Second)
	full.ReplacedBy = "key_002"
	bare := record(2)
	bare.Name, bare.Scopes = "", nil
	for _, r := range []apikey.Record{full, bare} {
		given := r
		given.Scopes = slices.Clone(r.Scopes)
		t.add(given)
		for i := range given.Scopes {
			given.Scopes[i] = "changed by who added it"
		}
		t.wantRecord("after Add", r)
		got, err := t.store.ByHash(t.ctx, r.Hash)
		t.want("ByHash", err, nil)
		t.compare("ByHash", got, r)
		for i := range got.Scopes {
			got.Scopes[i] = "changed by who got it"
		}
		t.wantRecord("after a caller changed the Scopes of what it was given", r)
	}
	_, err := t.store.ByID(t.ctx, "key_009")
	t.want("ByID of nothing", err, apikey.ErrNotFound)
	_, err = t.store.ByHash(t.ctx, hash(9))
	t.want("ByHash of nothing", err, apikey.ErrNotFound)
	_, err = t.store.ByHash(t.ctx, apikey.Hash{})
	t.want("ByHash of zeroes", err, apikey.ErrNotFound)
}

func testExists(t *tester) {
	first, second := record(1), record(2)
	t.add(first)
	second.ID = first.ID
	t.want("Add of an ID that is there", t.store.Add(t.ctx, second), apikey.ErrExists)
	second = record(2)
	second.Hash = first.Hash
	t.want("Add of a Hash that is there", t.store.Add(t.ctx, second), apikey.ErrExists)
	t.wantRecord("after that", first)
	_, err := t.store.ByID(t.ctx, second.ID)
	t.want("ByID of what was refused", err, apikey.ErrNotFound)
}

// IDs and owners are compared byte for byte, whatever the database's collation.
// An Issuer's IDs are of letters of both cases; an owner is any text.
func testAlike(t *tester) {
	ids := []string{"key_a", "key_A", "key_aa"}
	owners := []string{"owner", "Owner", "owner ", "öwner", "own%"}
	for i, owner := range owners {
		r := record(byte(i)) //nolint:gosec // a few
		if i < len(ids) {
			r.ID = ids[i]
		}
		r.Owner = owner
		t.add(r)
	}
	for i, id := range ids {
		got, err := t.store.ByID(t.ctx, id)
		t.want("ByID", err, nil)
		if got.Hash != hash(byte(i)) { //nolint:gosec // a few
			t.errorf("ByID(%q) returns the record of %q", id, got.ID)
		}
	}
	for _, owner := range owners {
		if list, err := t.store.List(t.ctx, owner); err != nil || len(list) != 1 || list[0].Owner != owner {
			t.errorf("List(%q) returns %d records and the error %v, want that owner's", owner, len(list), err)
		}
	}
}

func testList(t *tester) {
	for _, n := range []byte{3, 1, 4, 2} {
		r := record(n)
		if n == 2 {
			r.RevokedAt = epoch
		}
		if n == 4 {
			r.Owner = "another"
		}
		t.add(r)
	}
	list, err := t.store.List(t.ctx, "owner")
	t.want("List", err, nil)
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	if want := []string{"key_001", "key_002", "key_003"}; !slices.Equal(ids, want) {
		t.errorf("List returns %q, want %q: all of the owner's, the oldest first", ids, want)
	}
	list, err = t.store.List(t.ctx, "nobody")
	t.want("List of nobody's", err, nil)
	if len(list) != 0 {
		t.errorf("List of nobody's returns %d records", len(list))
	}
}

func testRevoke(t *tester) {
	r := record(1)
	t.add(r)
	t.add(record(2))
	t.want("Revoke", t.store.Revoke(t.ctx, r.ID, epoch), nil)
	t.want("Revoke once more", t.store.Revoke(t.ctx, r.ID, epoch.Add(time.Hour)), nil)
	r.RevokedAt = epoch
	t.wantRecord("after two Revokes", r)
	t.wantRecord("after another's Revoke", record(2))
	t.want("Revoke of nothing", t.store.Revoke(t.ctx, "key_009", epoch), apikey.ErrNotFound)
}

func testReplace(t *tester) {
	end := epoch.Add(24 * time.Hour)
	for i, expires := range []time.Time{{}, end.Add(time.Hour), end.Add(-time.Hour)} {
		old, next := record(byte(10*i)), record(byte(10*i+1)) //nolint:gosec // a few
		old.ExpiresAt, next.ExpiresAt = expires, end.Add(time.Hour)
		t.add(old)
		t.want("Replace", t.store.Replace(t.ctx, old.ID, end, next), nil)
		old.ReplacedBy = next.ID
		if expires.IsZero() || expires.After(end) {
			old.ExpiresAt = end
		}
		t.wantRecord("after Replace, the old one", old)
		t.wantRecord("after Replace, the new one", next)
		t.want("Replace once more", t.store.Replace(t.ctx, old.ID, end, record(99)), apikey.ErrReplaced)
	}
	// Both or nothing.
	revoked, good := record(50), record(51)
	revoked.RevokedAt = epoch
	t.add(revoked)
	t.add(good)
	t.want("Replace of nothing", t.store.Replace(t.ctx, "key_098", end, record(99)), apikey.ErrNotFound)
	t.want("Replace of a revoked one", t.store.Replace(t.ctx, revoked.ID, end, record(99)), apikey.ErrRevoked)
	taken := record(99)
	taken.Hash = revoked.Hash
	t.want("Replace by a Hash that is there", t.store.Replace(t.ctx, good.ID, end, taken), apikey.ErrExists)
	taken = record(99)
	taken.ID = revoked.ID
	t.want("Replace by an ID that is there", t.store.Replace(t.ctx, good.ID, end, taken), apikey.ErrExists)
	t.wantRecord("after a Replace that failed", revoked)
	t.wantRecord("after a Replace that failed", good)
	_, err := t.store.ByID(t.ctx, record(99).ID)
	t.want("ByID of what no Replace has added", err, apikey.ErrNotFound)
}

func testTouch(t *tester) {
	r := record(1)
	t.add(r)
	t.want("Touch", t.store.Touch(t.ctx, r.ID, epoch), nil)
	t.want("Touch with an earlier time", t.store.Touch(t.ctx, r.ID, epoch.Add(-time.Microsecond)), nil)
	r.LastUsedAt = epoch
	t.wantRecord("after Touch and an earlier one", r)
	t.want("Touch of nothing", t.store.Touch(t.ctx, "key_009", epoch), nil)
}

// testStorm: of many who add, replace and revoke the same at once, each sees one
// order of it.
func testStorm(t *tester) {
	const many = 20
	atOnce := func(call func(n byte) error) (done int, errs []error) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for n := range byte(many) {
			all.Go(func() {
				err := call(n)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done++
				}
				errs = append(errs, err)
			})
		}
		all.Wait()
		return done, errs
	}
	only := func(call string, done int, errs []error, want error) {
		if done != 1 {
			t.errorf("of %d %s at once %d succeed, want one", many, call, done)
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, want) {
				t.errorf("one of many %s at once returns the error %v, want %v", call, err, want)
			}
		}
	}
	same := record(100)
	done, errs := atOnce(func(n byte) error {
		r := record(n)
		r.Hash = same.Hash
		return t.store.Add(t.ctx, r)
	})
	only("Adds of one Hash", done, errs, apikey.ErrExists)

	old := record(101)
	old.Owner = "storm"
	t.add(old)
	done, errs = atOnce(func(n byte) error {
		next := record(150 + n)
		next.Owner = old.Owner
		return t.store.Replace(t.ctx, old.ID, epoch, next)
	})
	only("Replaces of one key", done, errs, apikey.ErrReplaced)
	if list, err := t.store.List(t.ctx, old.Owner); err != nil || len(list) != 2 {
		t.errorf("after many Replaces of one key there are %d keys, want two (error %v)", len(list), err)
	}

	done, errs = atOnce(func(n byte) error { return t.store.Revoke(t.ctx, old.ID, epoch.Add(time.Duration(n)*time.Second)) })
	if done != many {
		t.errorf("of %d Revokes of one key at once %d succeed, want all: %v", many, done, errors.Join(errs...))
	}
	done, errs = atOnce(func(n byte) error { return t.store.Touch(t.ctx, old.ID, epoch.Add(time.Duration(n)*time.Second)) })
	if got, err := t.store.ByID(t.ctx, old.ID); done != many || err != nil || !got.LastUsedAt.Equal(epoch.Add((many-1)*time.Second)) {
		t.errorf("after %d Touches at once LastUsedAt is %v, want the last of them: %v", many, got.LastUsedAt, errors.Join(errs...))
	}
}
