package cache

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/sso-exec/sso-exec/internal/disk"
)

// Purposes of a lock, which are part of its name: a person's sign-in never
// holds up a refresh, nor an exchange either of them.
const (
	LockRefresh  = "refresh"
	LockSignIn   = "sign-in"
	LockExchange = "exchange"
	LockPrompt   = "prompt" // of a terminal: one prompt at a time

	// LockRejected is of the last token of a session that a server has refused; its
	// file tells when that was.
	LockRejected = "rejected"
)

const (
	// lockPoll is how often a waiter tries again. flock(2) could wait by itself,
	// but not obey a context.
	lockPoll = 20 * time.Millisecond

	// lockPollMost is how far apart the tries come to be in a longer wait. Hundreds
	// may wait, and they must not take the processor from the one that works.
	lockPollMost = 150 * time.Millisecond

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
	f    *os.File // holds the lock while it is open; all is read and written through it
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
// rename), is never removed, and names its holder. It is opened once, below the
// checked directory's descriptor, and follows no link: on Unix flock(2) is taken
// on that descriptor, on Windows LockFileEx.
func (s *Store) Lock(ctx context.Context, purpose, key string) (*Lock, error) {
	f, err := s.openLock(purpose, key)
	if err != nil {
		return nil, err
	}
	ok, err := disk.TryLock(f)
	if err == nil && !ok {
		err = s.wait(ctx, f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return taken(f, purpose, !ok), nil
}

// wait takes a lock that somebody holds.
func (s *Store) wait(ctx context.Context, f *os.File) error {
	pause, notice := lockPoll, time.After(lockNotice)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-notice:
			if h, ok := readHolder(f); ok && s.Waiting != nil {
				s.Waiting(h)
			}
		case <-time.After(pause):
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if ok, err := disk.TryLock(f); ok || err != nil {
				return err
			}
			pause = min(pause+pause/8, lockPollMost)
		}
	}
}

// TryLock takes the lock if nobody holds it, and returns nil if somebody does.
func (s *Store) TryLock(purpose, key string) (*Lock, error) {
	f, err := s.openLock(purpose, key)
	if err != nil {
		return nil, err
	}
	return try(f, purpose)
}

// try takes the lock of an open file, and closes it if somebody else has it.
func try(f *os.File, purpose string) (*Lock, error) {
	if ok, err := disk.TryLock(f); !ok || err != nil {
		_ = f.Close()
		return nil, err
	}
	return taken(f, purpose, false), nil
}

func (s *Store) openLock(purpose, key string) (*os.File, error) {
	d, err := s.open(true, "locks")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.OpenLock(key + "." + purpose)
}

// taken reads what the holder before left, and writes who holds it now.
func taken(f *os.File, purpose string, waited bool) *Lock {
	l := &Lock{f: f, Waited: waited,
		self: Holder{Version: formatVersion, PID: os.Getpid(), Purpose: purpose, Since: time.Now().UTC()}}
	if h, ok := readHolder(f); ok {
		// It stays until somebody's work ends well: whoever waits behind us is
		// to see it too.
		l.Last, l.self.Failure = h.Failure, h.Failure
	}
	l.write()
	return l
}

// Fail leaves word of a failure for those who wait. key is the one of the things that
// the lock is for that it concerns; empty: all.
func (l *Lock) Fail(key, kind, message string) {
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
func (l *Lock) write() {
	b, _ := json.Marshal(l.self)
	_, _ = l.f.WriteAt(b, 0)
	_ = l.f.Truncate(int64(len(b)))
}

// readHolder reads what is in a lock's file. LockFileEx keeps the file's first
// byte from all descriptors but the holder's, so it is not looked at: it is a
// brace.
func readHolder(f *os.File) (h Holder, ok bool) {
	b, err := io.ReadAll(io.NewSectionReader(f, 1, maxFile))
	return h, err == nil && json.Unmarshal(append([]byte("{"), b...), &h) == nil
}

// Unlock frees the lock; nil is none.
func (l *Lock) Unlock() {
	if l != nil {
		_ = l.f.Close()
	}
}
