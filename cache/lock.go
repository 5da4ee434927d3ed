package cache

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Purposes of a lock, which are part of its name: a person's sign-in never
// holds up a refresh, nor an exchange either of them.
const (
	LockRefresh  = "refresh"
	LockSignIn   = "sign-in"
	LockExchange = "exchange"
)

// lockPoll is how often a waiter tries again. flock(2) could wait by itself,
// but not obey a context.
const lockPoll = 20 * time.Millisecond

// Lock is held by one process of the machine at a time; the system frees it
// when the holder dies, however it dies.
type Lock struct {
	f *flock.Flock
	// Waited reports that somebody else held it first: what they did may have
	// changed what was read before.
	Waited bool
}

// Lock takes the lock of a purpose and a key. It waits until ctx ends, and then
// returns the cause of that.
//
// The lock file is a file of its own (a data file's inode changes with each
// rename), is never removed, and names its holder's process for whoever looks.
// On Linux and macOS it is flock(2), on Windows LockFileEx.
func (s *Store) Lock(ctx context.Context, purpose, key string) (*Lock, error) {
	d, err := s.open(true, "locks")
	if err != nil {
		return nil, err
	}
	d.close()
	path := filepath.Join(s.path, "locks", key+"."+purpose)
	l := &Lock{f: flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))}
	ok, err := l.f.TryLock()
	if err == nil && !ok {
		l.Waited = true
		ok, err = l.f.TryLockContext(ctx, lockPoll)
	}
	if !ok || err != nil {
		_ = l.f.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	holder, _ := json.Marshal(map[string]any{"pid": os.Getpid(), "purpose": purpose, "since": time.Now().UTC().Truncate(time.Second)})
	_ = os.WriteFile(path, holder, 0o600) // for people only; nothing reads it back
	return l, nil
}

// Unlock frees the lock.
func (l *Lock) Unlock() { _ = l.f.Close() }
