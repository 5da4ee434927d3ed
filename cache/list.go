package cache

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/credential"
)

// Entry is all that rests of one session.
type Entry struct {
	Key     string   // the session's
	Session *Session // as Peek reads it
	Tokens  []TokenEntry
	Derived []credential.Credential
	Latch   *Latch // nil if there is none
}

// TokenEntry is a short-lived half and its key.
type TokenEntry struct {
	Key string
	*Tokens
}

// Unread is a session that is there and could not be read.
type Unread struct {
	Key string
	Err error // ErrCorrupt, *NewerError, *UnsafeError or the system's
}

// List reads every session, oldest sign-in first, and names those that it could
// not read. It takes no lock and touches no keyring. The error is of the cache as
// a whole.
func (s *Store) List() ([]Entry, []Unread, error) {
	var entries []Entry
	var unread []Unread
	err := s.each("sessions", func(key string) error {
		e, err := s.Entry(key)
		switch {
		case err == nil:
			entries = append(entries, e)
		case !errors.Is(err, ErrNotExist): // or it ended meanwhile
			unread = append(unread, Unread{key, err})
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Session.SignedInAt.Compare(b.Session.SignedInAt), strings.Compare(a.Key, b.Key))
	})
	return entries, unread, nil
}

// Entry reads one session with all that hangs on it.
func (s *Store) Entry(skey string) (Entry, error) {
	rec, err := s.Peek(skey)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Key: skey, Session: rec}
	err = s.each("tokens/"+skey, func(key string) error {
		t, err := s.Tokens(skey, key)
		if err == nil {
			e.Tokens = append(e.Tokens, TokenEntry{key, t})
		}
		return err
	})
	if err != nil {
		return e, err
	}
	err = s.each("derived/"+skey, func(key string) error {
		c, err := s.Derived(skey, key)
		if err == nil {
			e.Derived = append(e.Derived, c)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	e.Latch, err = s.Latch(skey)
	if errors.Is(err, ErrNotExist) {
		e.Latch, err = nil, nil
	}
	return e, err
}

// each calls f with the key of each file of a directory, sorted. One that has gone
// meanwhile is no error.
func (s *Store) each(rel string, f func(key string) error) error {
	var keys []string
	err := s.inDir(rel, func(_ perm.Dir, name string) error {
		if key, ok := strings.CutSuffix(name, ".json"); ok {
			keys = append(keys, key)
		}
		return nil
	})
	slices.Sort(keys)
	for _, key := range keys {
		if err := f(key); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	return err
}

// RemoveCorrupt removes what was set aside of a session that did not parse.
func (s *Store) RemoveCorrupt(skey string) error {
	return s.removeAll("sessions", func(name string) bool { return name == skey+".json.corrupt" })
}
