package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/credential"
)

// LockAPIKey is the purpose of the lock under which one API key is set, rotated
// or revoked; [APIKeyID] is its key. Reading needs none.
const LockAPIKey = "apikey"

// APIKey is an API key and what is known of it. Unlike a token it is not got
// again when it is gone, so its file is written durably and never set aside by a
// reader.
type APIKey struct {
	Version int    `json:"version"`
	Name    string `json:"name"` // the user's, which the file's name is made of
	// Header is how an API wants the key: a header's name, or name and scheme
	// ("Authorization: Bearer").
	Header    string    `json:"header"`
	Scopes    []string  `json:"scopes"`
	Owner     string    `json:"owner"`    // who answers for it, in the user's words
	Identity  string    `json:"identity"` // credential.Service
	CreatedAt time.Time `json:"createdAt"`
	StoredAt  time.Time `json:"storedAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero: nobody says
	// MaxAgeSeconds is how old it may become, by its user's own rule; 0 is none.
	MaxAgeSeconds int64  `json:"maxAgeSeconds,omitempty"`
	ManageURL     string `json:"manageUrl,omitempty"` // where a person revokes it
	CheckURL      string `json:"checkUrl,omitempty"`  // a GET with the key tells whether it is good

	// Of a key whose provider's API is spoken.
	Provider     string   `json:"provider,omitempty"`
	APIURL       string   `json:"apiUrl,omitempty"`
	With         string   `json:"with,omitempty"`  // name of the stored key that manages it
	KeyID        string   `json:"keyId,omitempty"` // the provider's
	Organization string   `json:"organization,omitempty"`
	User         string   `json:"user,omitempty"`
	Permissions  []string `json:"permissions,omitempty"`

	// Pending is the name that the provider was asked to make a key under, from
	// before the request until the answer is stored. A process that ends in between
	// leaves it, and by it the key is found that nobody has.
	Pending string `json:"pending,omitempty"`
	// Previous is the key before this one, until the provider takes it no more.
	Previous *PreviousKey `json:"previous,omitempty"`

	// Mask is what is shown of a key that is stored elsewhere.
	Mask string `json:"masked,omitempty"`
	// KeyIn tells where the key is stored: InKeyring, or empty for the file.
	KeyIn       string `json:"keyIn,omitempty"`
	KeyringSlot string `json:"keyringSlot,omitempty"`

	Key credential.Secret `json:"-"` // zero if it is stored elsewhere, or was never got

	unknown map[string]json.RawMessage
}

// PreviousKey is a key that was replaced. The key itself is not kept.
type PreviousKey struct {
	KeyID      string    `json:"keyId"`
	Masked     string    `json:"masked"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	ReplacedAt time.Time `json:"replacedAt"`
}

type apiKeyFile struct {
	*APIKey
	Key string `json:"key,omitempty"`
}

// APIKeyID names the file and the lock of an API key.
func APIKeyID(name string) string { return digest("apikey", name) }

// EndsAt is when the key is no longer to be used: at its expiry, or at the age
// that its user allows, whichever is first. Zero: never.
func (k *APIKey) EndsAt() time.Time {
	end := k.ExpiresAt
	if k.MaxAgeSeconds > 0 {
		if aged := k.CreatedAt.Add(time.Duration(k.MaxAgeSeconds) * time.Second); end.IsZero() || aged.Before(end) {
			end = aged
		}
	}
	return end
}

// HasKey reports whether there is a key, wherever it is stored.
func (k *APIKey) HasKey() bool { return k.KeyIn != "" || !k.Key.IsZero() }

// maskKey shows enough of a key to tell it from others: its prefix and its last
// four characters, and never more than a quarter of a short one.
func maskKey(key credential.Secret) string {
	const long = 32 // so much is left of such a key that its prefix may be shown next to four characters
	s := key.Reveal()
	budget := len(s) / 4
	last := min(4, budget)
	prefix := min(4, budget-last)
	// A prefix that says what the key is ("sk_live_") ends with a separator.
	if at := strings.LastIndexAny(s[:min(12, len(s))], "_-"); len(s) >= long && at >= 0 && at < budget {
		prefix = at + 1
	}
	if !utf8.ValidString(s[:prefix]) || !utf8.ValidString(s[len(s)-last:]) {
		return "…"
	}
	return s[:prefix] + "…" + s[len(s)-last:]
}

// Masked is maskKey of the key, or nothing where there is none.
func (k *APIKey) Masked() string {
	if k.Key.IsZero() {
		return k.Mask
	}
	return maskKey(k.Key)
}

// APIKey reads an API key, without a key that is stored in the keyring (see
// APIKeyWithKey). It takes no lock and changes nothing: a file that does not
// parse is an error with [ErrCorrupt] in it. [ErrNotExist]: there is none.
func (s *Store) APIKey(name string) (*APIKey, error) { return s.apiKeyFile(APIKeyID(name)) }

const apiKeysDir = "apikeys"

func (s *Store) apiKeyFile(id string) (*APIKey, error) {
	path := filepath.Join(s.path, apiKeysDir, id+".json")
	b, err := s.read(apiKeysDir, id+".json")
	if err != nil {
		return nil, err
	}
	f := apiKeyFile{APIKey: &APIKey{}}
	err = decode(b, &f, &f.Version)
	if v, ok := errors.AsType[newer](err); ok {
		return nil, &NewerError{path, int(v)}
	}
	if err == nil {
		f.unknown, err = unknownFields(b, f)
	}
	if err == nil && APIKeyID(f.Name) != id {
		err = fmt.Errorf("%w: it holds another key", ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.APIKey.Key = credential.NewSecret(f.Key)
	return f.APIKey, nil
}

// writeAPIKeyFile replaces the whole file, durably.
func (s *Store) writeAPIKeyFile(k *APIKey) error {
	k.Version, k.StoredAt = formatVersion, time.Now().UTC()
	f := apiKeyFile{APIKey: k}
	if k.KeyIn == "" {
		f.Key = k.Key.Reveal()
	}
	b, err := encodeKeeping(k.unknown, f)
	if err != nil {
		return err
	}
	return s.write(b, true, apiKeysDir, APIKeyID(k.Name)+".json")
}

// APIKeys reads every API key as APIKey does, by name, and names those that it
// could not read. It takes no lock and touches no keyring.
func (s *Store) APIKeys() ([]*APIKey, []Unread, error) {
	var all []*APIKey
	var unread []Unread
	err := s.each(apiKeysDir, func(id string) error {
		if strings.Contains(id, ".") { // a mark
			return nil
		}
		k, err := s.apiKeyFile(id)
		switch {
		case err == nil:
			all = append(all, k)
		case !errors.Is(err, ErrNotExist): // or it was revoked meanwhile
			unread = append(unread, Unread{id, err})
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(all, func(a, b *APIKey) int { return strings.Compare(a.Name, b.Name) })
	return all, unread, nil
}

// warnedMark remembers when somebody was last warned of a key's end.
type warnedMark struct {
	Version  int       `json:"version"`
	WarnedAt time.Time `json:"warnedAt"`
}

// WarnOfAPIKey reports whether a warning about a key is due again, every so
// often, and if it is, notes that it was given. It takes no lock: two processes
// at the same moment may both be told so. Where nothing can be noted it is due.
func (s *Store) WarnOfAPIKey(name string, every time.Duration, now time.Time) bool {
	elem := []string{apiKeysDir, APIKeyID(name) + ".warned.json"}
	var m warnedMark
	if b, err := s.read(elem...); err == nil && decode(b, &m, &m.Version) == nil {
		if since := now.Sub(m.WarnedAt); since >= 0 && since < every {
			return false
		}
	}
	m = warnedMark{formatVersion, now.UTC()}
	_ = s.writeJSON(m, elem...)
	return true
}
