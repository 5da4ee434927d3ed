package cache

import (
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/credential"
)

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
