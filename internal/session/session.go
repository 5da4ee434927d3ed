// Package session is the one place where the cache and the flows meet: get me
// a credential that lasts this long.
//
// [Session.Cached] answers nearly every run from one file, without a lock and
// without the network. [Session.Credential] does the rest, in this order: lock
// and read again, refresh, ask a person, exchange.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// Session is one sign-in at one provider, as the user asked for it.
type Session struct {
	Request     cache.Request
	ProviderKey string
	SignIn      flows.SignIn // what a sign-in asks for, but for the scopes that metadata decides
	Store       *cache.Store // nil: nothing is kept (--store none)
	HTTP        *http.Client
	Person      Person
	Started     time.Time // of this process: what was stored since is new enough even under force
	Log         *slog.Logger

	provider *flows.Provider
	skey     string
	tkey     string
	last     *cache.Tokens // of a sign-in in this run
}

// Person is how somebody is asked to sign in. The fields are called at most
// once each, and only when a sign-in is needed.
type Person struct {
	Choose          func(noLock bool) (flows.Choice, error)
	OpenBrowser     func(choice flows.Choice, authURL string) error
	ShowDevice      func(choice flows.Choice, prompt flows.DevicePrompt) error
	SignedIn        func(flows.Choice, credential.Identity)
	Timeout         time.Duration
	LatchOnTimeout  bool // false where the time was the tool's, not the person's
	WillingToSwitch bool // the sign-in may end as another person than the stored one (login)
}

// Need is what a tool asks for.
type Need struct {
	TokenType string // credential.IDToken or credential.AccessToken; of the first link
	MinTTL    TTL    // of the last link
	Force     bool   // the last link is made anew
	Steps     []Step // what is derived from the token, link by link
}

// TTL is how long a cached answer must still last.
type TTL struct {
	Exact time.Duration // as the user gave it; negative: the rule below
	Most  time.Duration // the rule: this long,
	Part  int           // or the life divided by this, whichever is less
}

// TokenTTL is the rule for tokens.
var TokenTTL = TTL{Exact: -1, Most: time.Minute, Part: 5}

// For returns how long a credential must last to be good enough.
func (t TTL) For(c credential.Credential) time.Duration {
	if t.Exact >= 0 {
		return t.Exact
	}
	if life := c.Life(); life > 0 {
		return min(t.Most, life/time.Duration(t.Part))
	}
	return t.Most
}

func (t TTL) given() bool { return t.Exact >= 0 }

// maxAhead is how far in the future a credential may have been issued: clocks
// differ. Beyond that this machine's clock was set back, and the end that is
// written down tells nothing.
const maxAhead = 10 * time.Minute

// satisfied reports whether a stored credential is good enough.
func (t TTL) satisfied(c credential.Credential, now time.Time) bool {
	return c.LastsFor(t.For(c), now) && c.StoredAt.Before(now.Add(maxAhead))
}

// Step is a link of the chain of derivations: it trades the credential before
// it for another one.
type Step struct {
	Kind   string // the exchange; part of the key
	Params any    // every parameter of it; part of the key
	Run    func(context.Context, credential.Credential) (credential.Credential, error)
}

// LoginRequiredError says that a person must sign in and that this is not
// possible here, or not now.
type LoginRequiredError struct {
	Reason string   // why a sign-in is needed
	Why    []string // why it cannot be done here
}

func (e *LoginRequiredError) Error() string { return e.Reason }

// StorageError says that a refresh was not sent, since its successor could not
// have been kept.
type StorageError struct{ Err error }

func (e *StorageError) Error() string {
	return fmt.Sprintf("the session cannot be stored, so it was not refreshed: %v", e.Err)
}
func (e *StorageError) Unwrap() error { return e.Err }

// TTLError says that even a fresh credential does not last as long as was
// demanded.
type TTLError struct{ Lasts, Want time.Duration }

func (e *TTLError) Error() string {
	return fmt.Sprintf("a fresh credential lasts only %v, less than the %v of --min-ttl", e.Lasts.Round(time.Second), e.Want)
}

// keys works the keys out, once a run.
func (s *Session) keys() (skey, tkey string) {
	if s.tkey == "" {
		s.skey, s.tkey = s.Request.SessionKey(), s.Request.TokenKey()
	}
	return s.skey, s.tkey
}

// linkKey is the key of the chain's n-th link; 0 is the token.
func (s *Session) linkKey(need Need, n int) string {
	_, key := s.keys()
	for _, step := range need.Steps[:n] {
		key = cache.DerivedKey(key, step.Kind, step.Params)
	}
	return key
}

// Cached returns the stored answer if it is good enough. It reads one file.
// The error is of storage that is unsafe; nothing stored is no error.
func (s *Session) Cached(need Need) (credential.Credential, bool, error) {
	c, err := s.stored(need, len(need.Steps))
	return c, err == nil && need.MinTTL.satisfied(c, time.Now()), ignoreAbsent(err)
}

// stored reads the chain's n-th link.
func (s *Session) stored(need Need, n int) (credential.Credential, error) {
	if s.Store == nil {
		return credential.Credential{}, cache.ErrNotExist
	}
	skey, tkey := s.keys()
	if n > 0 {
		return s.Store.Derived(skey, s.linkKey(need, n))
	}
	t, err := s.Store.Tokens(skey, tkey)
	if err != nil {
		return credential.Credential{}, err
	}
	c := t.Credential(need.TokenType)
	if c.Token.IsZero() {
		return c, cache.ErrNotExist
	}
	return c, nil
}

// Credential returns what the tool asks for, by whatever it takes.
func (s *Session) Credential(ctx context.Context, need Need) (credential.Credential, error) {
	c, fresh, err := s.link(ctx, need, len(need.Steps))
	if err != nil {
		return c, err
	}
	want := need.MinTTL.For(c)
	if !c.LastsFor(want, time.Now()) {
		lasts := time.Until(c.ExpiresAt)
		if need.MinTTL.given() {
			return c, &TTLError{lasts, want}
		}
		if fresh {
			s.Log.Warn(fmt.Sprintf("a fresh credential lasts only %v", lasts.Round(time.Second)))
		}
	}
	return c, nil
}

// link returns the chain's n-th link, and whether it is freshly made. Where a
// fresh one cannot be had and the stored one is still valid, that is served
// with a warning.
func (s *Session) link(ctx context.Context, need Need, n int) (c credential.Credential, fresh bool, err error) {
	stale, err := s.stored(need, n)
	if err := ignoreAbsent(err); err != nil {
		return stale, false, err
	}
	have := err == nil
	if have && s.goodEnough(stale, need) {
		return stale, false, nil
	}
	if n == 0 {
		c, err = s.token(ctx, need)
	} else {
		c, err = s.exchange(ctx, need, n)
	}
	if err != nil && have && !need.Force && !need.MinTTL.given() && canWait(err) && stale.LastsFor(0, time.Now()) {
		s.Log.Warn(fmt.Sprintf("the credential could not be renewed and lasts only %v: %v", time.Until(stale.ExpiresAt).Round(time.Second), err))
		return stale, false, nil
	}
	return c, true, err
}

// goodEnough reports whether a stored credential may serve. Under force one
// that was stored since this process began is new enough.
func (s *Session) goodEnough(c credential.Credential, need Need) bool {
	if need.Force && c.StoredAt.Before(s.Started) {
		return false
	}
	return need.MinTTL.satisfied(c, time.Now())
}

// canWait tells failures beside which a credential that is still valid may be
// served: the provider or the disk is in trouble, or nobody is there to ask.
func canWait(err error) bool {
	var outage *flows.UnavailableError
	var storage *StorageError
	var login *LoginRequiredError
	return errors.As(err, &outage) || errors.As(err, &storage) || errors.As(err, &login)
}

// exchange makes the chain's n-th link out of the one before it. The parent is
// had first: no exchange lock is held while a person signs in.
func (s *Session) exchange(ctx context.Context, need Need, n int) (credential.Credential, error) {
	parent, _, err := s.link(ctx, Need{TokenType: need.TokenType, MinTTL: TokenTTL, Steps: need.Steps}, n-1)
	if err != nil {
		return parent, err
	}
	key := s.linkKey(need, n)
	lock, err := s.lock(ctx, cache.LockExchange, key)
	if err != nil {
		return parent, err
	}
	if lock != nil {
		defer lock.Unlock()
		if c, err := s.stored(need, n); err == nil && lock.Waited && s.goodEnough(c, need) {
			return c, nil
		}
	}
	step := need.Steps[n-1]
	s.Log.Info("exchange", "kind", step.Kind)
	c, err := step.Run(ctx, parent)
	if err != nil {
		return c, err
	}
	if s.Store != nil {
		skey, _ := s.keys()
		s.keep("the derived credential", s.Store.WriteDerived(skey, key, c))
	}
	return c, nil
}

// token returns a token that is good enough: by refresh, else by a sign-in.
func (s *Session) token(ctx context.Context, need Need) (credential.Credential, error) {
	c, err := s.refresh(ctx, need)
	var ended *sessionEnded
	if errors.As(err, &ended) {
		return s.signIn(ctx, need, ended.reason)
	}
	return c, err
}

// lockTimeout bounds the wait for another process's requests; they are bounded
// themselves, so it is reached only if that process hangs or was stopped.
const lockTimeout = time.Minute

var errLockHeld = &flows.UnavailableError{Doing: "wait for another sso-exec", Err: fmt.Errorf("it has held the session's lock for %v", lockTimeout)}

// lock takes a lock, or returns nil where there is no place for one: a full or
// read-only disk must not keep a credential from the person. Unsafe storage and
// the end of ctx are errors.
func (s *Session) lock(ctx context.Context, purpose, key string) (*cache.Lock, error) {
	if s.Store == nil {
		return nil, nil
	}
	if purpose != cache.LockSignIn { // whose wait is as long as a person may take
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, lockTimeout, errLockHeld)
		defer cancel()
	}
	lock, err := s.Store.Lock(ctx, purpose, key)
	if err == nil {
		return lock, nil
	}
	var unsafe *cache.UnsafeError
	if ctx.Err() != nil || errors.As(err, &unsafe) {
		return nil, err
	}
	s.Log.Warn(fmt.Sprintf("no lock can be taken: %v", err))
	return nil, nil
}

// keep reports what could not be stored: a warning, not the credential's loss.
func (s *Session) keep(what string, err error) {
	if err != nil {
		s.Log.Warn(fmt.Sprintf("%s could not be stored: %v", what, err))
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, cache.ErrNotExist) {
		return nil
	}
	var unsafe *cache.UnsafeError
	var newer *cache.NewerError
	if errors.As(err, &unsafe) || errors.As(err, &newer) {
		return err
	}
	return nil // a directory that cannot be read holds nothing for us
}
