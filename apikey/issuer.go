package apikey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"
)

// How long a key lives: see [Request].
const (
	DefaultLife = 90 * 24 * time.Hour
	Forever     = time.Duration(math.MaxInt64) // until it is revoked
)

// touchEvery is how exactly LastUsedAt is kept: writing at every request would
// make each of them wait for the store's disk.
const touchEvery = time.Minute

// Issuer issues keys, checks them and takes them back. It keeps nothing itself:
// all is in the Store, so many servers can have one each. Format and Store must
// be set, and nothing may change while it is used.
type Issuer struct {
	Format Format
	Store  Store
	Now    func() time.Time // nil: [time.Now]
}

// Request is what a key is to be. Whether the one who asks may have it is for
// the server to decide.
type Request struct {
	Owner  string        // must not be empty; from who has signed in, not from a form
	Name   string        // at most 100 printable characters
	Scopes []string      // RFC 6749 §3.3; none: the key does only what needs none
	Life   time.Duration // 0: [DefaultLife]; [Forever] only where it must be
}

// Issue makes a key and stores its record. The key is nowhere else: show it
// once. An error of the store means that no key was handed out.
func (i *Issuer) Issue(ctx context.Context, req Request) (Key, Record, error) {
	key, record, err := i.make(req)
	if err != nil {
		return Key{}, Record{}, err
	}
	if err := i.Store.Add(ctx, record); err != nil {
		return Key{}, Record{}, fmt.Errorf("store the API key: %w", err)
	}
	return key, record, nil
}

// make draws a key and fills in its record.
func (i *Issuer) make(req Request) (Key, Record, error) {
	if req.Owner == "" {
		return Key{}, Record{}, errors.New("apikey: a key needs an owner")
	}
	if req.Life < 0 {
		return Key{}, Record{}, errors.New("apikey: a key cannot end before it begins")
	}
	if err := checkName(req.Name); err != nil {
		return Key{}, Record{}, err
	}
	scopes, err := scopeSet(req.Scopes)
	if err != nil {
		return Key{}, Record{}, err
	}
	key, err := i.Format.Generate()
	if err != nil {
		return Key{}, Record{}, err
	}
	id, err := random(rand.Reader, 16) // 95 bits: no two alike
	if err != nil {
		return Key{}, Record{}, err
	}
	record := Record{
		ID: "key_" + id, Owner: req.Owner, Name: req.Name, Scopes: scopes,
		CreatedAt: i.now(), Hash: key.Hash(), Masked: key.Masked(),
	}
	switch req.Life {
	case Forever:
	case 0:
		record.ExpiresAt = record.CreatedAt.Add(DefaultLife)
	default:
		record.ExpiresAt = record.CreatedAt.Add(req.Life)
	}
	return key, record, nil
}

// Check returns the record of a key that is known, not revoked, not expired,
// and has all of the scopes; else one of the errors that say why not. Without
// scopes it says whose key it is, not what it may do.
//
// Malformed and unknown keys are both [ErrInvalid]. The former are refused
// without asking the store: faster, but that tells only what the public
// checksum does. That the key was used is noted once a minute; a store that
// cannot note it refuses nobody.
func (i *Issuer) Check(ctx context.Context, key Key, scopes ...string) (Record, error) {
	record, err := i.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	now := i.now()
	if err := record.Usable(now); err != nil {
		return Record{}, err
	}
	if !record.Allows(scopes...) {
		return Record{}, &ScopeError{Needed: scopes}
	}
	if now.Sub(record.LastUsedAt) >= touchEvery {
		if i.Store.Touch(ctx, record.ID, now) == nil {
			record.LastUsedAt = now
		}
	}
	return record, nil
}

// find returns the record of a key, good or not; [ErrInvalid] if there is none.
func (i *Issuer) find(ctx context.Context, key Key) (Record, error) {
	// It may be a key of another format: a test's, shown to the live service.
	if _, err := i.Format.Parse(key.text()); err != nil {
		return Record{}, err
	}
	hash := key.Hash()
	record, err := i.Store.ByHash(ctx, hash)
	switch {
	case errors.Is(err, ErrNotFound):
		return Record{}, ErrInvalid
	case err != nil:
		return Record{}, fmt.Errorf("look the API key up: %w", err)
	case !record.Hash.Equal(hash): // a store that matches loosely
		return Record{}, ErrInvalid
	}
	return record, nil
}

// List returns all keys of an owner, the oldest first, also those that have
// ended: [Record.Usable] tells.
func (i *Issuer) List(ctx context.Context, owner string) ([]Record, error) {
	list, err := i.Store.List(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list the API keys: %w", err)
	}
	return list, nil
}

// Revoke ends a key of an owner's at once and for good. That it has been
// revoked before is no error. Somebody else's key is [ErrNotFound].
func (i *Issuer) Revoke(ctx context.Context, owner, id string) error {
	if _, err := i.owned(ctx, owner, id); err != nil {
		return err
	}
	return i.revoke(ctx, id)
}

// RevokeKey ends a key that was found where it should not be, and returns its
// record as it was before, so that the owner can be told. Who holds a key may
// end it: no other right is needed. [ErrInvalid] if it is unknown.
func (i *Issuer) RevokeKey(ctx context.Context, key Key) (Record, error) {
	record, err := i.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	return record, i.revoke(ctx, record.ID)
}

func (i *Issuer) revoke(ctx context.Context, id string) error {
	if err := i.Store.Revoke(ctx, id, i.now()); err != nil {
		return fmt.Errorf("revoke the API key: %w", err)
	}
	return nil
}

// Rotate issues a key in place of one of the owner's that is still good, with
// its name, its scopes and a life as long. The old one ends after the overlap,
// or at its own end if that is sooner, so that what uses it has time to change.
// [ErrReplaced] if that was done before: of two that try at once, one succeeds.
//
// A key that has leaked is not rotated but revoked, and a new one issued.
func (i *Issuer) Rotate(ctx context.Context, owner, id string, overlap time.Duration) (Key, Record, error) {
	if overlap < 0 {
		return Key{}, Record{}, errors.New("apikey: an overlap is not negative")
	}
	old, err := i.owned(ctx, owner, id)
	if err != nil {
		return Key{}, Record{}, err
	}
	switch err := old.Usable(i.now()); {
	case old.ReplacedBy != "":
		return Key{}, Record{}, ErrReplaced
	case err != nil:
		return Key{}, Record{}, err
	}
	life := Forever
	if !old.ExpiresAt.IsZero() {
		life = old.ExpiresAt.Sub(old.CreatedAt)
	}
	key, record, err := i.make(Request{Owner: old.Owner, Name: old.Name, Scopes: old.Scopes, Life: life})
	if err != nil {
		return Key{}, Record{}, err
	}
	if err := i.Store.Replace(ctx, id, record.CreatedAt.Add(overlap), record); err != nil {
		return Key{}, Record{}, fmt.Errorf("replace the API key: %w", err)
	}
	return key, record, nil
}

// owned returns the record of an ID if it is the owner's. Whether there is a
// key of somebody else's is not told.
func (i *Issuer) owned(ctx context.Context, owner, id string) (Record, error) {
	record, err := i.Store.ByID(ctx, id)
	if err != nil {
		return Record{}, fmt.Errorf("look the API key up: %w", err)
	}
	if record.Owner != owner {
		return Record{}, fmt.Errorf("look the API key up: %w", ErrNotFound)
	}
	return record, nil
}

// now is the time to store: without the monotonic clock, and as exact as
// databases keep it.
func (i *Issuer) now() time.Time {
	now := time.Now
	if i.Now != nil {
		now = i.Now
	}
	return now().UTC().Truncate(time.Microsecond)
}
