package cache

import (
	"errors"
	"slices"
	"strings"

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
	names, err := s.names("sessions")
	if err != nil {
		return nil, nil, err
	}
	var entries []Entry
	var unread []Unread
	for _, name := range names {
		key, ok := strings.CutSuffix(name, ".json")
		if !ok {
			continue
		}
		e, err := s.Entry(key)
		switch {
		case errors.Is(err, ErrNotExist): // ended meanwhile
		case err != nil:
			unread = append(unread, Unread{key, err})
		default:
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := a.Session.SignedInAt.Compare(b.Session.SignedInAt); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
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

// each calls f with the key of each file of a directory. One that has gone
// meanwhile is no error.
func (s *Store) each(rel string, f func(key string) error) error {
	names, err := s.names(rel)
	for _, name := range names {
		key, ok := strings.CutSuffix(name, ".json")
		if !ok || strings.HasPrefix(name, tempPrefix) {
			continue
		}
		if err := f(key); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	return err
}

// names lists a directory of the cache, sorted; an absent one is empty.
func (s *Store) names(rel string) ([]string, error) {
	d, err := s.open(false, strings.Split(rel, "/")...)
	if errors.Is(err, ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Names()
	slices.Sort(names)
	return names, err
}

// RemoveCorrupt removes what was set aside of a session that did not parse.
func (s *Store) RemoveCorrupt(skey string) error {
	return s.removeAll("sessions", func(name string) bool { return name == skey+".json.corrupt" })
}
