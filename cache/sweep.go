package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	if last, ok := readHolder(s.lockPath(lockSweep, "all")); ok && time.Since(last.Since).Abs() < sweepEvery {
		return nil
	}
	lock, err := s.TryLock(lockSweep, "all")
	if lock == nil || err != nil {
		return err
	}
	defer lock.Unlock()
	names, err := s.untouched("sessions")
	for _, name := range names {
		if key, ok := strings.CutSuffix(name, ".json"); ok {
			err = errors.Join(err, s.sweepSession(key))
		}
	}
	return err
}

// untouched lists the files of a directory that nobody has written to for
// serviceAge.
func (s *Store) untouched(rel string) (old []string, err error) {
	names, err := s.names(rel)
	for _, name := range names {
		if st, err := os.Lstat(filepath.Join(s.path, rel, name)); err == nil && time.Since(st.ModTime()) >= serviceAge {
			old = append(old, name)
		}
	}
	return old, err
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
