package apikey

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestIssue(t *testing.T) {
	i, c := newIssuer(NewMemoryStore())
	key, record := issue(t, i,
		Request{Owner: "build", Name: "nightly ü", Scopes: []string{"b", "a", "b"}, Life: time.Hour})
	now := c.Now().UTC().Truncate(time.Microsecond)
	switch {
	case record.Owner != "build" || record.Name != "nightly ü":
		t.Errorf("record %+v", record)
	case !slices.Equal(record.Scopes, []string{"a", "b"}):
		t.Errorf("scopes %q", record.Scopes)
	case record.CreatedAt != now || record.ExpiresAt != now.Add(time.Hour):
		t.Errorf("from %v to %v", record.CreatedAt, record.ExpiresAt)
	case record.Hash != key.Hash() || record.Masked != key.Masked():
		t.Errorf("hash %v, mask %s", record.Hash, record.Masked)
	case !strings.HasPrefix(record.ID, "key_") || len(record.ID) != 20 || strings.Contains(key.Reveal(), record.ID[4:]):
		t.Errorf("ID %s", record.ID)
	}
	record.Scopes[0] = "admin" // what is returned is not what is kept
	if got, err := i.Check(t.Context(), key, "a", "b"); err != nil || got.ID != record.ID {
		t.Errorf("Check: %+v, %v", got, err)
	}
	if _, err := i.Check(t.Context(), key, "admin"); !errors.Is(err, ErrScope) {
		t.Errorf("a scope was added from outside: %v", err)
	}

	if _, record := issue(t, i, Request{}); record.ExpiresAt != now.Add(DefaultLife) {
		t.Errorf("without a life it ends at %v", record.ExpiresAt)
	}
	if _, record := issue(t, i, Request{Life: Forever}); !record.ExpiresAt.IsZero() {
		t.Errorf("for ever ends at %v", record.ExpiresAt)
	}
}

func TestIssueRefuses(t *testing.T) {
	for name, req := range map[string]Request{
		"no owner":          {},
		"negative life":     {Owner: "o", Life: -1},
		"line in a name":    {Owner: "o", Name: "a\nb"},
		"bidi in a name":    {Owner: "o", Name: "a\u202eb"},
		"not UTF-8":         {Owner: "o", Name: "\xff"},
		"long name":         {Owner: "o", Name: strings.Repeat("ü", 101)},
		"empty scope":       {Owner: "o", Scopes: []string{""}},
		"two scopes in one": {Owner: "o", Scopes: []string{"a b"}},
		"quote in a scope":  {Owner: "o", Scopes: []string{`a"`}},
		"line in a scope":   {Owner: "o", Scopes: []string{"a\r\n"}},
		"scope not ASCII":   {Owner: "o", Scopes: []string{"ü"}},
	} {
		i, _ := newIssuer(NewMemoryStore())
		key, record, err := i.Issue(t.Context(), req)
		if err == nil || !key.IsZero() || record.ID != "" {
			t.Errorf("%s: %+v, %v", name, record, err)
		}
		if list, _ := i.List(t.Context(), "o"); len(list) != 0 {
			t.Errorf("%s: stored all the same", name)
		}
	}
}

func TestCheck(t *testing.T) {
	store := &faulty{Store: NewMemoryStore()}
	i, c := newIssuer(store)
	key, record := issue(t, i, Request{Scopes: []string{"read", "write"}, Life: time.Hour})
	revoked, gone := issue(t, i, Request{Life: time.Hour})
	if err := i.Revoke(t.Context(), "ops", gone.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		key    Key
		scopes []string
		want   error
	}{
		{"no scope", key, nil, nil},
		{"one", key, []string{"read"}, nil},
		{"all", key, []string{"write", "read"}, nil},
		{"one too many", key, []string{"read", "admin"}, ErrScope},
		{"a part of a scope", key, []string{"rea"}, ErrScope},
		{"another case", key, []string{"READ"}, ErrScope},
		{"an empty one", key, []string{""}, ErrScope},
		{"revoked, whatever its scopes", revoked, []string{"read"}, ErrRevoked},
		{"unknown", generate(t, live), nil, ErrInvalid},
		{"of another format", generate(t, MustFormat("acme_test")), nil, ErrInvalid},
		{"none", Key{}, nil, ErrInvalid},
	} {
		got, err := i.Check(t.Context(), c.key, c.scopes...)
		if !errors.Is(err, c.want) || (err == nil) != (got.ID == record.ID) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}

	// The end itself is no longer within the life.
	c.forward(time.Hour - time.Microsecond)
	if _, err := i.Check(t.Context(), key); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	c.forward(time.Microsecond)
	if _, err := i.Check(t.Context(), key); !errors.Is(err, ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := i.Check(t.Context(), revoked); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked and expired: %v", err)
	}
}

// What is no key does not reach the database; nor does a store decide alone.
func TestCheckAndTheStore(t *testing.T) {
	store := &faulty{Store: NewMemoryStore()}
	i, _ := newIssuer(store)
	key, record := issue(t, i, Request{})
	for _, k := range []Key{{}, generate(t, MustFormat("acme_test"))} {
		if _, err := i.Check(t.Context(), k); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	if store.lookups != 0 {
		t.Errorf("%d lookups for what is not a key", store.lookups)
	}

	store.loose = &record // it answers as if hashes were alike
	if _, err := i.Check(t.Context(), generate(t, live)); !errors.Is(err, ErrInvalid) {
		t.Errorf("another key's record is taken: %v", err)
	}
	store.loose = nil

	store.down = true
	if _, err := i.Check(t.Context(), key); !errors.Is(err, errDown) || errors.Is(err, ErrInvalid) {
		t.Errorf("the store is down: %v", err)
	}
	if k, _, err := i.Issue(t.Context(), Request{Owner: "ops"}); !errors.Is(err, errDown) || !k.IsZero() {
		t.Errorf("issued without a store: %v, %v", k, err)
	}
	if err := i.Revoke(t.Context(), "ops", record.ID); !errors.Is(err, errDown) {
		t.Errorf("revoked without a store: %v", err)
	}
	if _, err := i.RevokeKey(t.Context(), key); !errors.Is(err, errDown) {
		t.Errorf("revoked without a store: %v", err)
	}
	if _, err := i.List(t.Context(), "ops"); !errors.Is(err, errDown) {
		t.Errorf("listed without a store: %v", err)
	}
	if k, _, err := i.Rotate(t.Context(), "ops", record.ID, 0); !errors.Is(err, errDown) || !k.IsZero() {
		t.Errorf("rotated without a store: %v", err)
	}
}

func TestLastUsed(t *testing.T) {
	store := &faulty{Store: NewMemoryStore()}
	i, c := newIssuer(store)
	key, record := issue(t, i, Request{Scopes: []string{"a"}})
	if !record.LastUsedAt.IsZero() {
		t.Errorf("used at %v", record.LastUsedAt)
	}
	check := func(touches int, used time.Time) {
		t.Helper()
		got, err := i.Check(t.Context(), key)
		if err != nil || got.LastUsedAt != used || store.touch != touches {
			t.Errorf("used at %v after %d touches, %v; not %v after %d", got.LastUsedAt, store.touch, err, used, touches)
		}
	}
	first := i.now()
	check(1, first)
	check(1, first)
	c.forward(time.Minute - time.Microsecond)
	check(1, first)
	c.forward(-time.Hour) // a clock that is behind those of others
	check(1, first)
	c.forward(time.Hour + time.Microsecond)
	check(2, i.now())

	if _, err := i.Check(t.Context(), key, "b"); err == nil || store.touch != 2 {
		t.Error("a refused use was noted")
	}
	store.noTouch = true
	c.forward(time.Hour)
	before := first.Add(time.Minute)
	check(3, before) // it cannot be noted, and is accepted
	if stored, err := store.ByID(t.Context(), record.ID); err != nil || stored.LastUsedAt != before {
		t.Errorf("stored %v, %v", stored.LastUsedAt, err)
	}
}

func TestRevoke(t *testing.T) {
	i, c := newIssuer(NewMemoryStore())
	key, record := issue(t, i, Request{Owner: "alice"})
	for _, c := range []struct{ owner, id string }{{"bob", record.ID}, {"", record.ID}, {"alice", "key_none"}} {
		if err := i.Revoke(t.Context(), c.owner, c.id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q revokes %s: %v", c.owner, c.id, err)
		}
		if _, _, err := i.Rotate(t.Context(), c.owner, c.id, 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q rotates %s: %v", c.owner, c.id, err)
		}
	}
	if _, err := i.Check(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	at := i.now()
	for range 2 { // the second time changes nothing
		if err := i.Revoke(t.Context(), "alice", record.ID); err != nil {
			t.Fatal(err)
		}
		c.forward(time.Minute)
	}
	list, err := i.List(t.Context(), "alice")
	if err != nil || len(list) != 1 || list[0].RevokedAt != at {
		t.Errorf("list %+v, %v", list, err)
	}
	c.forward(-24 * time.Hour) // a server whose clock is behind
	if _, err := i.Check(t.Context(), key); !errors.Is(err, ErrRevoked) {
		t.Errorf("before it was revoked, by this clock: %v", err)
	}
}

func TestRevokeKey(t *testing.T) {
	i, _ := newIssuer(NewMemoryStore())
	key, record := issue(t, i, Request{Owner: "alice"})
	for range 2 {
		if got, err := i.RevokeKey(t.Context(), key); err != nil || got.Owner != "alice" || got.ID != record.ID {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := i.Check(t.Context(), key); !errors.Is(err, ErrRevoked) {
			t.Errorf("revoked: %v", err)
		}
	}
	if _, err := i.RevokeKey(t.Context(), generate(t, live)); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown: %v", err)
	}
}

func TestRotate(t *testing.T) {
	i, c := newIssuer(NewMemoryStore())
	start := i.now()
	oldKey, old := issue(t, i, Request{Owner: "alice", Name: "n", Scopes: []string{"a"}, Life: 30 * 24 * time.Hour})
	c.forward(20 * 24 * time.Hour)
	if _, _, err := i.Rotate(t.Context(), "alice", old.ID, -1); err == nil {
		t.Error("a negative overlap is accepted")
	}
	newKey, next, err := i.Rotate(t.Context(), "alice", old.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if next.ID == old.ID || next.Owner != "alice" || next.Name != "n" || !slices.Equal(next.Scopes, []string{"a"}) ||
		next.ExpiresAt != start.Add(50*24*time.Hour) || newKey.Equal(oldKey) {
		t.Errorf("rotated to %+v", next)
	}
	if _, _, err := i.Rotate(t.Context(), "alice", old.ID, time.Hour); !errors.Is(err, ErrReplaced) {
		t.Errorf("rotated twice: %v", err)
	}
	for _, k := range []Key{oldKey, newKey} {
		if _, err := i.Check(t.Context(), k, "a"); err != nil {
			t.Errorf("within the overlap: %v", err)
		}
	}
	c.forward(time.Hour)
	if got, err := i.Check(t.Context(), oldKey, "a"); !errors.Is(err, ErrExpired) {
		t.Errorf("after the overlap: %+v, %v", got, err)
	}
	if _, err := i.Check(t.Context(), newKey, "a"); err != nil {
		t.Error(err)
	}
	if _, _, err := i.Rotate(t.Context(), "alice", old.ID, 0); !errors.Is(err, ErrReplaced) {
		t.Errorf("rotated again after the overlap: %v", err)
	}
	if list, err := i.List(t.Context(), "alice"); err != nil || len(list) != 2 || list[0].ReplacedBy != next.ID {
		t.Errorf("list %+v, %v", list, err)
	}

	// An overlap does not prolong, and what has ended is not brought back.
	_, short := issue(t, i, Request{Owner: "alice", Life: time.Minute})
	if _, _, err := i.Rotate(t.Context(), "alice", short.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := i.Store.ByID(t.Context(), short.ID); err != nil || got.ExpiresAt != short.ExpiresAt {
		t.Errorf("it ends at %v, not %v: %v", got.ExpiresAt, short.ExpiresAt, err)
	}
	_, ended := issue(t, i, Request{Owner: "alice", Life: time.Minute})
	c.forward(time.Minute)
	if _, _, err := i.Rotate(t.Context(), "alice", ended.ID, 0); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired key: %v", err)
	}
	_, revoked := issue(t, i, Request{Owner: "alice"})
	if err := i.Revoke(t.Context(), "alice", revoked.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Rotate(t.Context(), "alice", revoked.ID, 0); !errors.Is(err, ErrRevoked) {
		t.Errorf("a revoked key: %v", err)
	}

	foreverKey, forever := issue(t, i, Request{Owner: "alice", Life: Forever})
	if _, next, err := i.Rotate(t.Context(), "alice", forever.ID, 0); err != nil || !next.ExpiresAt.IsZero() {
		t.Errorf("one without an end: %+v, %v", next, err)
	}
	if _, err := i.Check(t.Context(), foreverKey); !errors.Is(err, ErrExpired) {
		t.Errorf("no overlap: %v", err)
	}
}

// Without a clock of the caller's, time.Now.
func TestRealClock(t *testing.T) {
	i := &Issuer{Format: live, Store: NewMemoryStore()}
	before := time.Now().Add(-time.Second)
	_, record := issue(t, i, Request{})
	if record.CreatedAt.Before(before) || record.CreatedAt.After(time.Now()) {
		t.Errorf("created at %v", record.CreatedAt)
	}
}
