package cache

import (
	"context"
	"encoding/json"
	"io"
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
	LockPrompt   = "prompt" // of a terminal: one prompt at a time
)

const (
	// lockPoll is how often a waiter tries again. flock(2) could wait by itself,
	// but not obey a context.
	lockPoll = 20 * time.Millisecond

	// lockNotice is how long a wait goes on before the waiter says so.
	lockNotice = 3 * time.Second
)

// Holder is what a lock's file tells of who holds it, or held it last. It is
// for people and for waiters; no secret is in it.
type Holder struct {
	Version int       `json:"version"`
	PID     int       `json:"pid"`
	Purpose string    `json:"purpose"`
	Since   time.Time `json:"since"`
	Failure *Failure  `json:"failure,omitempty"` // set at the end of work that failed
}

// Failure is how the work under a lock failed, for those who waited for it.
type Failure struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Message string    `json:"message"`
	For     string    `json:"for,omitempty"` // the key of what it concerns alone, under a lock of several
}

// Lock is held by one process of the machine at a time; the system frees it
// when the holder dies, however it dies.
type Lock struct {
	f    *flock.Flock
	path string
	self Holder

	// Waited reports that somebody else held it first: what they did may have
	// changed what was read before.
	Waited bool
	// Last is the failure of who held it last, if that failed.
	Last *Failure
}

// Lock takes the lock of a purpose and a key. It waits until ctx ends, and then
// returns the cause of that.
//
// The lock file is a file of its own (a data file's inode changes with each
// rename), is never removed, and names its holder. On Linux and macOS it is
// flock(2), on Windows LockFileEx.
func (s *Store) Lock(ctx context.Context, purpose, key string) (*Lock, error) {
	l, err := s.TryLock(purpose, key)
	if l != nil || err != nil {
		return l, err
	}
	path := s.lockPath(purpose, key)
	if s.Waiting != nil {
		t := time.AfterFunc(lockNotice, func() {
			if h, ok := readHolder(path); ok {
				s.Waiting(h)
			}
		})
		defer t.Stop()
	}
	f := newFlock(path)
	if ok, err := f.TryLockContext(ctx, lockPoll); !ok || err != nil {
		_ = f.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return taken(f, path, purpose, true), nil
}

// TryLock takes the lock if nobody holds it, and returns nil if somebody does.
func (s *Store) TryLock(purpose, key string) (*Lock, error) {
	d, err := s.open(true, "locks")
	if err != nil {
		return nil, err
	}
	defer d.close()
	if err := d.ensure(lockName(purpose, key)); err != nil {
		return nil, err
	}
	path := s.lockPath(purpose, key)
	f := newFlock(path)
	if ok, err := f.TryLock(); !ok || err != nil {
		_ = f.Close()
		return nil, err
	}
	return taken(f, path, purpose, false), nil
}

func lockName(purpose, key string) string { return key + "." + purpose }

func (s *Store) lockPath(purpose, key string) string {
	return filepath.Join(s.path, "locks", lockName(purpose, key))
}

func newFlock(path string) *flock.Flock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
}

// taken reads what the holder before left, and writes who holds it now.
func taken(f *flock.Flock, path, purpose string, waited bool) *Lock {
	l := &Lock{f: f, path: path, Waited: waited, self: Holder{Version: formatVersion, PID: os.Getpid(), Purpose: purpose, Since: time.Now().UTC()}}
	if h, ok := readHolder(path); ok {
		// It stays until somebody's work ends well: whoever waits behind us is
		// to see it too.
		l.Last, l.self.Failure = h.Failure, h.Failure
	}
	l.write()
	return l
}

// Fail leaves word of a failure for those who wait.
func (l *Lock) Fail(kind, message string) {
	l.FailFor("", kind, message)
}

// FailFor is Fail for what concerns one of the things that the lock is for.
func (l *Lock) FailFor(key, kind, message string) {
	l.self.Failure = &Failure{At: time.Now().UTC(), Kind: kind, Message: message, For: key}
	l.write()
}

// Succeed forgets the last failure.
func (l *Lock) Succeed() {
	if l.self.Failure != nil {
		l.self.Failure = nil
		l.write()
	}
}

// write is best effort: without it a waiter only knows less.
//
// LockFileEx keeps the file's first byte from all handles but the one that holds
// the lock, and that is not ours. So the byte is written by itself, where that can
// be, and readHolder does not look at it: it is a brace.
func (l *Lock) write() {
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	b, _ := json.Marshal(l.self)
	_, _ = f.WriteAt(b[:1], 0)
	_, _ = f.WriteAt(b[1:], 1)
	_ = f.Truncate(int64(len(b)))
}

func readHolder(path string) (h Holder, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return h, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 1, maxFile))
	return h, err == nil && json.Unmarshal(append([]byte("{"), b...), &h) == nil
}

// Unlock frees the lock.
func (l *Lock) Unlock() { _ = l.f.Close() }
