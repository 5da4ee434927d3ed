package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// WriteAPIKey stores an API key; the caller holds its lock. When it returns nil,
// the key is durable. Until then the record before it is the one that is read,
// whatever fails or is killed on the way. A key that is zero leaves the one that
// is stored where it is. A file of a later format is never touched
// ([*NewerError]); one that does not parse is set aside as <id>.json.corrupt.
//
// With UseKeyring the key goes into the system's keyring: into that of two slots
// which is not in use. The file points to it then, and that write decides; what
// the other slot had is removed last.
func (s *Store) WriteAPIKey(ctx context.Context, k *APIKey) error {
	was, err := s.APIKey(k.Name)
	switch {
	case errors.Is(err, ErrCorrupt):
		if err := s.setAside(apiKeysDir, APIKeyID(k.Name)); err != nil {
			return err
		}
		was = nil
	case err != nil && !errors.Is(err, ErrNotExist):
		return err
	}
	if k.Key.IsZero() {
		if was != nil {
			k.Key, k.Mask, k.KeyIn, k.KeyringSlot = was.Key, was.Mask, was.KeyIn, was.KeyringSlot
		}
		return s.writeAPIKeyFile(k)
	}
	k.Mask, k.KeyIn, k.KeyringSlot = maskKey(k.Key), "", ""
	if s.UseKeyring {
		slot := "a"
		if was != nil && was.KeyringSlot == slot {
			slot = "b"
		}
		if err := s.ringSet(ctx, s.apiKeyAccount(k.Name, slot), k.Key.Reveal()); err != nil {
			return err
		}
		k.KeyIn, k.KeyringSlot = InKeyring, slot
	}
	if err := s.writeAPIKeyFile(k); err != nil {
		return err
	}
	mark := APIKeyID(k.Name) + ".warned.json" // of the key before
	_ = s.removeAll(apiKeysDir, func(file string) bool { return file == mark })
	if was != nil && was.KeyIn != "" {
		if err := s.dropAPIKeyEntries(was.Name, was.KeyringSlot); err != nil {
			s.warn(err.Error()) // the key that is stored is the new one all the same
		}
	}
	return nil
}

// FitsKeyring reports, as an error, that a key is longer than an entry of every
// system's keyring can be.
func (s *Store) FitsKeyring(key credential.Secret) error {
	if s.UseKeyring && len(key.Reveal()) > ringMost {
		return fmt.Errorf("the key is longer than the %d bytes that a keyring can hold", ringMost)
	}
	return nil
}

// APIKeyWithKey is APIKey with the key, wherever that is stored. It is zero if there
// is none, or none any more. A keyring that is needed and cannot be used is a
// [*KeyringError].
func (s *Store) APIKeyWithKey(ctx context.Context, name string) (*APIKey, error) {
	const tries = 5 // of a reader who meets a writer each time
	var k *APIKey
	for range tries {
		before, err := s.read(apiKeysDir, APIKeyID(name)+".json")
		if err != nil {
			return nil, err
		}
		if k, err = s.APIKey(name); err != nil || k.KeyIn == "" {
			return k, err
		}
		key, err := s.ringGet(ctx, s.apiKeyAccount(name, k.KeyringSlot))
		if err != nil && !errors.Is(err, ErrNoEntry) {
			return nil, err
		}
		// The slot may have been another key's by then: only if the file is still
		// the same does what it says of the key belong to it.
		after, rerr := s.read(apiKeysDir, APIKeyID(name)+".json")
		if rerr == nil && bytes.Equal(before, after) {
			k.Key = credential.NewSecret(key)
			return k, nil
		}
	}
	return k, nil
}

// RemoveAPIKey forgets a key, with what it has in the keyring; the caller holds
// its lock. No key is no error.
func (s *Store) RemoveAPIKey(name string) error {
	var err error
	if k, rerr := s.APIKey(name); rerr == nil && k.KeyIn != "" {
		err = s.dropAPIKeyEntries(name, "a", "b") // first: the file alone tells of them
	}
	id := APIKeyID(name)
	return errors.Join(err, s.removeAll(apiKeysDir, func(file string) bool { return strings.HasPrefix(file, id+".") }))
}

func (s *Store) apiKeyAccount(name, slot string) string {
	return s.account(APIKeyID(name)) + "#" + slot
}

func (s *Store) dropAPIKeyEntries(name string, slots ...string) error {
	var accounts []string
	for _, slot := range slots {
		accounts = append(accounts, s.apiKeyAccount(name, slot))
	}
	if err := s.ringRemove(context.Background(), accounts...); err != nil {
		return fmt.Errorf("the entries of service %s, user names %s stay in the keyring: %w", KeyringService,
			strings.Join(accounts, " and "), err)
	}
	return nil
}
