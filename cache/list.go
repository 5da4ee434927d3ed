package cache

import (
	"cmp"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/credential"
)

// Entry is all that is stored of one session.
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
	sort.Slice(entries, func(i, j int) bool {
		a, b := entries[i], entries[j]
		return cmp.Or(a.Session.SignedInAt.Compare(b.Session.SignedInAt), strings.Compare(a.Key, b.Key)) < 0
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

// Services come and go: each job of a CI may be another one, with a session of
// its own. Nothing durable is lost with one that has not come for serviceAge.
const (
	serviceAge = 7 * 24 * time.Hour
	sweepEvery = time.Hour
)

// lockSweep is the purpose of the lock of all who sweep; its file tells when
// that was done last.
const lockSweep = "sweep"

// SweepServices forgets the sessions of services that have asked for no token for
// a week and have none that is good still. It looks once an hour at most, and
// reads only what has not been written to for that long: a CI runner may have
// thousands of them. Sessions that somebody holds the lock of are passed over.
func (s *Store) SweepServices() error {
	f, err := s.openLock(lockSweep, "all")
	if err != nil {
		return err
	}
	if last, ok := readHolder(f); ok && time.Since(last.Since).Abs() < sweepEvery {
		return f.Close()
	}
	lock, err := try(f, lockSweep)
	if lock == nil || err != nil {
		return err
	}
	defer lock.Unlock()
	return s.inDir("sessions", func(d perm.Dir, name string) error {
		key, ok := strings.CutSuffix(name, ".json")
		if at, err := d.ModTime(name); !ok || err != nil || time.Since(at) < serviceAge {
			return nil
		}
		return s.sweepSession(key)
	})
}

func (s *Store) sweepSession(key string) error {
	if !s.outlived(key) { // by far the most are a person's: no lock of theirs is taken
		return nil
	}
	lock, err := s.TryLock(LockRefresh, key)
	if lock == nil || err != nil {
		return err
	}
	defer lock.Unlock()
	if !s.outlived(key) {
		return nil
	}
	return s.RemoveSession(key)
}

// outlived reports whether a session is a service's that nobody misses. What
// cannot be read is left alone.
func (s *Store) outlived(key string) bool {
	e, err := s.Entry(key)
	if err != nil || e.Session.Identity != credential.Service || time.Since(e.Session.RefreshedAt) < serviceAge {
		return false
	}
	for _, t := range e.Tokens {
		if t.ExpiresAt.After(time.Now()) {
			return false
		}
	}
	return true
}
