package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Where a session's refresh token is stored, as its file says it (refreshTokenIn).
// Empty: in the file.
const (
	InKeyring = "keyring" // the token is the keyring's entry
	inSealed  = "sealed"  // it is in the file, sealed by a key that is the keyring's entry
)

// KeyringError says that the system's keyring could not be used. Nothing else
// was used in its place. It does not unwrap: a socket or a program that does not
// exist must not pass for a session that does not ([ErrNotExist]).
type KeyringError struct {
	Err error
	By  string // [Store.KeyringBy]
}

func (e *KeyringError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("the keyring cannot be used: %v", e.Err)
	}
	return fmt.Sprintf("the keyring (%s) cannot be used: %v", e.By, e.Err)
}

// Is tells the kind of the failure.
func (e *KeyringError) Is(kind error) bool { return kind == fault.Storage }

const (
	// KeyringService is what its entries are of, for whoever looks into the keyring.
	KeyringService = "sso-exec"

	// ringTimeout bounds each call. A keyring that is about to answer does so in
	// milliseconds; one that waits for its service to start, or for somebody to
	// unlock it, can take minutes (D-Bus alone allows 25 s for each step).
	ringTimeout = 5 * time.Second

	// ringMost is the longest token that is an entry of its own. Windows takes
	// 2,560 bytes; on macOS some 4,000 are left of a line of security(1) for the
	// names and the Base64 of the value.
	ringMost = 2000
)

// The second entries of a session, next to that of its token.
const (
	ringKey   = "#key"   // seals the token in the file
	ringProbe = "#probe" // is there for a moment only
)

// ErrNoEntry says that a keyring does not have an entry.
var ErrNoEntry = errors.New("no such entry")

// Keyring keeps short secrets outside the cache directory, by the names of accounts
// of [KeyringService]. Its calls may hang, and may end after ctx: nobody waits for
// them then. Get and Remove of an entry that is not there return [ErrNoEntry].
//
// The system's is in the package cache/keyring.
type Keyring interface {
	Get(ctx context.Context, account string) (secret string, err error)
	Set(ctx context.Context, account, secret string) error
	Remove(ctx context.Context, account string) error
}

var registered Keyring

// RegisterKeyring names the keyring of stores that have none of their own. It is for
// the init function of the package that has one.
func RegisterKeyring(k Keyring) { registered = k }

// account names a session's entry. The cache directory is part of it, by its
// real path: the locks are in there, so that another directory's processes must
// not share the entry, and those that come by a link must.
func (s *Store) account(skey string) string {
	path := s.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	sum := sha256.Sum256([]byte(path))
	return skey + "@" + hex.EncodeToString(sum[:])
}

func (s *Store) ringGet(ctx context.Context, account string) (secret string, err error) {
	// Its own variable: a call that is given up must not write to ours.
	answer := make(chan string, 1)
	err = s.withRing(ctx, func(ctx context.Context, ring Keyring) error {
		v, err := ring.Get(ctx, account)
		answer <- v
		return err
	})
	if err != nil {
		return "", err
	}
	return <-answer, nil
}

// ringSet stores a secret and reads it again: a keyring may say yes to a write
// that somebody dismissed, or that its tool only printed an error about.
func (s *Store) ringSet(ctx context.Context, account, secret string) error {
	return s.withRing(ctx, func(ctx context.Context, ring Keyring) error {
		if err := ring.Set(ctx, account, secret); err != nil {
			return err
		}
		now, err := ring.Get(ctx, account)
		if err == nil && now == secret {
			return nil
		}
		return errors.Join(errors.New("it did not keep what was written"), err)
	})
}

// ringRemove removes entries; one that is not there is no error.
func (s *Store) ringRemove(ctx context.Context, accounts ...string) error {
	return s.withRing(ctx, func(ctx context.Context, ring Keyring) error {
		for _, account := range accounts {
			if err := ring.Remove(ctx, account); err != nil && !errors.Is(err, ErrNoEntry) {
				return err
			}
		}
		return nil
	})
}

// withRing makes a call of the store's keyring.
func (s *Store) withRing(ctx context.Context, call func(context.Context, Keyring) error) error {
	ring := s.Keyring
	if ring == nil {
		ring = registered
	}
	if ring == nil {
		return &KeyringError{errors.New("this program was built without one"), s.KeyringBy}
	}
	err := bounded(ctx, func(ctx context.Context) error { return call(ctx, ring) })
	if unreachable, ok := errors.AsType[*KeyringError](err); ok {
		unreachable.By = s.KeyringBy
	}
	return err
}

// bounded gives a call that knows no deadline one, and the caller's interrupt.
func bounded(parent context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(parent, ringTimeout,
		fmt.Errorf("it did not answer within %v", ringTimeout))
	defer cancel()
	done := make(chan error, 1)
	go func() {
		// The library trusts the types of what the service answers.
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("its answer is not understood: %v", v)
			}
		}()
		done <- call(ctx)
	}()
	select {
	case err := <-done:
		if err == nil || errors.Is(err, ErrNoEntry) {
			return err
		}
		if ctx.Err() == nil {
			return &KeyringError{Err: err}
		}
	case <-ctx.Done():
	}
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	return &KeyringError{Err: context.Cause(ctx)}
}

// SessionWithToken reads the durable half with its refresh token, wherever that
// is stored; the caller holds the session's refresh lock. The token is zero if
// there is none, or none any more. A keyring that is needed and cannot be used
// is a [*KeyringError].
func (s *Store) SessionWithToken(ctx context.Context, skey string) (*Session, error) {
	rec, err := s.Session(skey)
	if err != nil || rec.RefreshTokenIn == "" {
		return rec, err
	}
	account := s.account(skey)
	var token string
	switch rec.RefreshTokenIn {
	case InKeyring:
		token, err = s.ringGet(ctx, account)
	case inSealed:
		var key string
		if key, err = s.ringGet(ctx, account+ringKey); err == nil {
			token, err = unseal(key, skey, rec.sealed)
		}
	default:
		err = fmt.Errorf("%w: it is stored in %q", ErrNoEntry, rec.RefreshTokenIn)
	}
	if errors.Is(err, ErrNoEntry) {
		s.warn(fmt.Sprintf("the keyring has no refresh token for %s any more",
			filepath.Join(s.path, "sessions", skey+".json")))
		return rec, nil
	}
	if err != nil {
		return nil, err
	}
	rec.RefreshToken = credential.NewSecret(token)
	return rec, nil
}

// intoKeyring reports whether a session's refresh token goes into the keyring.
func (s *Store) intoKeyring(skey string) bool {
	if s.Stay {
		if rec, err := s.Peek(skey); err == nil && rec.Renewable {
			return rec.RefreshTokenIn != ""
		}
	}
	return s.UseKeyring
}

// ReachKeyring reports, as an error, why the keyring that tokens are to go to
// cannot be used. It only reads.
func (s *Store) ReachKeyring(ctx context.Context, skey string) error {
	if !s.intoKeyring(skey) {
		return nil
	}
	_, err := s.ringGet(ctx, s.account(skey)+ringProbe)
	if errors.Is(err, ErrNoEntry) {
		return nil
	}
	return err
}

// HasRoom reports, as an error, why a session could not be stored. It is asked
// before a person is; unlike Reserve it needs no lock and holds nothing.
func (s *Store) HasRoom(ctx context.Context, skey string) error {
	r, err := s.reserveFile(skey)
	if err != nil {
		return err
	}
	r.Release()
	if !s.intoKeyring(skey) {
		return nil
	}
	probe := s.account(skey) + ringProbe
	if err := s.ringSet(ctx, probe, strings.Repeat("-", ringMost)); err != nil {
		return err
	}
	return s.ringRemove(ctx, probe)
}

// removeEntries removes what a session has in the keyring. It comes before the
// removal of the file, which alone tells of it.
func (s *Store) removeEntries(skey string) error {
	rec, err := s.readSession(skey)
	if err != nil || rec.RefreshTokenIn == "" {
		return nil
	}
	return s.dropEntries(skey)
}

func (s *Store) dropEntries(skey string) error {
	account := s.account(skey)
	err := s.ringRemove(context.Background(), account, account+ringKey)
	if err != nil {
		return fmt.Errorf("the entry of service %s, user name %s stays in the keyring: %w", KeyringService, account, err)
	}
	return nil
}
