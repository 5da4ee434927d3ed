package cache

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

// roomInKeyring is a reservation's part in the keyring.
type roomInKeyring struct {
	account string
	key     string // in the keyring since the reservation
	spare   bool   // no file is sealed by it
	failed  bool   // a call failed: no further one is made
}

// reserveKey puts a key into the keyring, or writes the one again that is in
// use. That proves that the keyring can be reached and written to before a
// refresh token is spent, and has a token that turns out too long, or that the
// keyring then refuses, need nothing but the file.
func (r *Reservation) reserveKey(ctx context.Context) error {
	account := r.store.account(r.skey)
	k := &roomInKeyring{account: account, key: newSealKey(), spare: true}
	if was := r.stored(); was != nil && was.RefreshTokenIn == inSealed {
		key, err := r.store.ringGet(ctx, account+ringKey)
		if err != nil && !errors.Is(err, ErrNoEntry) {
			return err
		}
		if _, bad := sealer(key); err == nil && bad == nil {
			k.key, k.spare = key, false
		}
	}
	if err := r.store.ringSet(ctx, account+ringKey, k.key); err != nil {
		return err
	}
	r.keyring = k
	return nil
}

// stored is the session that the reservation is to replace, or nil.
func (r *Reservation) stored() *Session {
	if rec, err := r.store.readSession(r.skey); err == nil {
		return rec
	}
	return nil
}

// commitToKeyring stores a session whose token belongs into the keyring.
//
// A refresh token has been spent for this one, and a process can end at any
// point, so one single write must decide which of the two is read from then on:
//
//   - The file says "keyring" already, of the same person: the write to the
//     keyring decides. Before it the file points to the old token, after it to
//     the new one; what else is in the file may be a refresh old.
//   - Otherwise (a first session, one that is stored in the file, sealed or plain,
//     another person's, or a token that is too long for an entry): the file
//     decides, with the token sealed in it. Its key is in the keyring since the
//     reservation. Was the token written to the keyring first, the file would
//     still point to the spent one, or name the wrong person.
//   - From there a token that fits moves on to an entry: the entry is written
//     while the file has the same token sealed, then the file points to it. Its
//     key goes last. Whichever step is missing, the file's word holds.
//
// A keyring that fails here, though it worked a moment ago, leaves the token
// sealed: an interrupted write to the entry is no matter then.
func (r *Reservation) commitToKeyring(rec, was *Session) error {
	token := rec.RefreshToken.Reveal()
	fits := len(token) <= ringMost
	if fits && was != nil && was.RefreshTokenIn == InKeyring && was.Subject == rec.Subject && r.setToken(token) {
		rec.RefreshTokenIn = InKeyring
		return r.write(rec)
	}
	sealed, err := seal(r.keyring.key, r.skey, token)
	if err != nil {
		return err
	}
	rec.RefreshTokenIn, rec.sealed = inSealed, sealed
	r.keyring.spare = false // whatever comes of the write: it may fail after the rename
	if err := r.write(rec); err != nil {
		return err
	}
	switch {
	case fits && r.setToken(token):
		r.pointToEntry(rec)
	case !fits && !r.keyring.failed:
		r.keyring.failed = r.store.ringRemove(context.Background(), r.keyring.account) != nil
	}
	return nil
}

// setToken writes the token's entry, unless the keyring has failed before. An
// interrupt does not cut it off, only the deadline.
func (r *Reservation) setToken(token string) bool {
	if !r.keyring.failed {
		r.keyring.failed = r.store.ringSet(context.Background(), r.keyring.account, token) != nil
	}
	return !r.keyring.failed
}

// pointToEntry has the file say "keyring". It may fail: the file that is there
// has the same token.
func (r *Reservation) pointToEntry(rec *Session) {
	rec.RefreshTokenIn = InKeyring
	r.keyring.spare = r.store.writeSession(r.skey, rec) == nil
}

// newSealKey returns a key for [seal], as the keyring keeps it.
func newSealKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return base64.StdEncoding.EncodeToString(key)
}

// seal encrypts a token with AES-256-GCM under a random nonce, which stands in
// front. The session's key is authenticated with it, so that one session's
// sealed token is not taken for another's.
func seal(key, skey, token string) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(token), []byte(skey)), nil
}

// unseal undoes seal. What cannot be opened is as good as absent: the key is
// another one by now.
func unseal(key, skey string, sealed []byte) (string, error) {
	aead, err := sealer(key)
	if err != nil {
		return "", err
	}
	token, err := aead.Open(nil, nil, sealed, []byte(skey))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoEntry, err)
	}
	return string(token), nil
}

func sealer(key string) (cipher.AEAD, error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("%w: the keyring's entry is not a key", ErrNoEntry)
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
