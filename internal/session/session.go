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
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Session is one sign-in at one provider, as the user asked for it.
type Session struct {
	Request     cache.Request
	ProviderKey string
	Dialect     *flows.Dialect
	Names       flows.Names  // of settings, for errors; may be nil
	SignIn      flows.SignIn // what a sign-in asks for, except for the client and the scopes that metadata decides
	Reach       cache.Reach  // how the provider is reached, to be kept with a sign-in
	Store       *cache.Store // nil: nothing is kept (--store none)
	HTTP        *http.Client
	Person      Person
	Grant       *Grant // of a service; nil: a person's session
	Limits      Limits // of a person's session
	// NewClient tells how this program authenticates to the provider. It is called
	// once, when a request needs it: it may read a file or run a helper.
	NewClient func(context.Context) (flows.Client, error)
	// Register makes a client, which is kept under RegistrationKey; nil: NewClient has one.
	Register        func(context.Context) (*cache.Registration, error)
	RegistrationKey string
	Other           *Other    // another program's copy; nil: there is none
	Started         time.Time // of this process: what was stored since is new enough even under force
	Log             *slog.Logger
	Trail           *audit.Trail // nil: nothing is recorded

	state
}

// state is what one run has come to know. Nothing of it is stored as it is here.
type state struct {
	skey, tkey string
	draw       float64 // this process's place in the window of renewals ahead
	provider   *flows.Provider
	providerAt time.Time // when its metadata was fetched
	client     flows.Client
	hasClient  bool

	registration     *cache.Registration // of client
	registeredBefore bool                // by an earlier run
	otherFailed      bool                // that was said

	lockErr  error // why no lock could be taken
	attempts int   // at a refresh or a grant
	replaced bool  // the session was, during a refresh

	asked   []string             // scopes of the sign-in
	offered []flows.Organization // by the provider, to choose from
	last    *cache.Tokens        // of a sign-in or a grant
	who     credential.Identity  // whose that is
	by      string               // the flow that brought it

	wrote      bool  // an event was recorded
	unrecorded error // why an event is not in the trail, which is required
}

// Person is how somebody is asked to sign in. Its functions are called only
// when a sign-in is needed.
type Person struct {
	Choose     func(noLock bool) (flows.Choice, error)
	Browse     func(Ask, *flows.Authorization) error // for PKCE: open the page; for paste: show it
	ShowDevice func(Ask, flows.DevicePrompt) error
	FallBack   func(from Ask, to string, why error) // the next flow is tried
	SignedIn   func(Ask, credential.Identity)
	// ChooseOrganization returns the ID of one of these; nil: nobody can be asked.
	ChooseOrganization func(context.Context, Ask, []flows.Organization) (string, error)
	Screen             func() string // names the terminal that a prompt would be on; empty if there is none
	Timeout            time.Duration
	LatchOnTimeout     bool // false where the time was the tool's, not the person's
	WillingToSwitch    bool // the sign-in may end as another person than the stored one (login)
}

// Ask is a sign-in as it is put to a person.
type Ask struct {
	flows.Choice
	Account string    // whose the session was, or who is suggested; may be empty
	Until   time.Time // when the person's time is over
}

// Client returns how this program authenticates to the provider.
func (s *Session) Client(ctx context.Context) (flows.Client, error) {
	if s.hasClient {
		return s.client, nil
	}
	if s.Register != nil {
		r, err := s.registered(ctx)
		if err == nil {
			s.registration, s.client, s.hasClient = r, flows.Client{ID: r.ClientID, Secret: r.Secret}, true
		}
		return s.client, err
	}
	c, err := s.NewClient(ctx)
	if err == nil {
		s.client, s.hasClient = c, true
	}
	return c, err
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

// Cached returns the stored answer if it is good enough and not so near its end
// that one process should renew it. It reads one file. The error is of storage
// that is unsafe; nothing stored is no error.
func (s *Session) Cached(need Need) (credential.Credential, bool, error) {
	c, err := s.stored(need, len(need.Steps))
	now := time.Now()
	good := err == nil && s.serves(need.MinTTL, c, now) && s.unmet(need, c.Login, c.StoredAt) == "" &&
		s.limits().over(c.SignIn(), c.StoredAt, now) == "" && s.limits().forbids(c.Origin) == "" &&
		(len(need.Steps) > 0 || !s.nearEnd(c, need.MinTTL))
	return s.bounded(c), good, ignoreAbsent(err)
}

// Until is when what Cached has returned must be looked at again; zero: never, as far as
// is known.
func (s *Session) Until(need Need, c credential.Credential) (until time.Time) {
	before := func(end time.Time) {
		if until.IsZero() || end.Before(until) {
			until = end
		}
	}
	if !c.ExpiresAt.IsZero() {
		before(c.ExpiresAt.Add(-need.MinTTL.For(c)))
	} else if !s.endless(c) {
		before(c.StoredAt.Add(unknownLife))
	}
	if at := s.RenewAt(c, need.MinTTL); len(need.Steps) == 0 && !at.IsZero() {
		before(at)
	}
	if need.StepUp.MaxAge != nil { // a sign-in of then, by the clock of now
		before(s.Started)
	}
	if l := s.limits(); l.MaxAge > 0 {
		before(c.SignIn().Add(l.MaxAge))
	}
	if l := s.limits(); l.MaxIdle > 0 {
		before(c.StoredAt.Add(l.MaxIdle))
	}
	return until
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
	if asked := s.Request.Organization; asked != "" && t.Organization != "" && t.Organization != asked {
		return credential.Credential{}, cache.ErrNotExist // whoever put it there
	}
	c := t.Credential(need.TokenType)
	if c.Token.IsZero() {
		return c, cache.ErrNotExist
	}
	return c, nil
}

// Credential returns what the tool asks for, by whatever it takes.
func (s *Session) Credential(ctx context.Context, need Need) (credential.Credential, error) {
	if err := s.Trail.Ready(); err != nil {
		return credential.Credential{}, err
	}
	if err := s.reconcile(ctx); err != nil {
		return credential.Credential{}, err
	}
	c, fresh, err := s.link(ctx, need, len(need.Steps))
	if err == nil {
		err = s.unrecorded
	}
	if err != nil {
		return c, underOtherRoots(err)
	}
	if c.AWS != nil && !c.LastsFor(0, time.Now()) { // waiting for a lock takes time
		return c, &flows.UnavailableError{Doing: "exchange", Err: errors.New("the keys expired before they could be used")}
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
	return s.bounded(c), nil
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
		if n > 0 || need.Force || !s.nearEnd(stale, need.MinTTL) {
			return stale, false, nil
		}
		return s.renewAhead(ctx, need, stale)
	}
	if n == 0 {
		c, err = s.token(ctx, need)
	} else {
		c, err = s.exchange(ctx, need, n)
	}
	if err != nil && have && !need.Force && !need.MinTTL.given() && canWait(err) && s.meets(need, stale) &&
		s.serves(TTL{}, stale, time.Now()) {
		s.Log.Warn(fmt.Sprintf("the credential could not be renewed and lasts only %v: %v",
			time.Until(stale.ExpiresAt).Round(time.Second), err))
		switch {
		case fault.Holds[*SharedError](err): // the process that tried has recorded it
		case n == 0:
			s.recorded(audit.Event{Event: audit.Refresh}, err)
		default:
			s.recordedStep(need.Steps[n-1], stale, err)
		}
		return stale, false, nil
	}
	return c, true, err
}

// goodEnough reports whether a stored credential may serve. Under force one
// that was stored since this process began is new enough.
func (s *Session) goodEnough(c credential.Credential, need Need) bool {
	now := time.Now()
	if need.Force && (c.StoredAt.Before(s.Started) || c.StoredAt.After(now)) {
		return false
	}
	return s.serves(need.MinTTL, c, now) && s.meets(need, c)
}

// token returns a token that is good enough: by a service's grant; else by
// refresh, else by a person's sign-in.
func (s *Session) token(ctx context.Context, need Need) (credential.Credential, error) {
	if s.Grant != nil {
		return s.refresh(ctx, need)
	}
	began := time.Now()
	c, err := s.refresh(ctx, need)
	if ended, ok := errors.AsType[*sessionEnded](err); ok {
		return s.signIn(ctx, need, ended.reason, began)
	}
	if reason, ok := signInTo(err); ok {
		return s.signIn(ctx, need, reason, began)
	}
	return c, err
}

// keep reports what could not be stored: a warning, not the credential's loss.
// Where no lock could be taken, it was said already that nothing can be kept.
func (s *Session) keep(what string, err error) {
	if err != nil && s.lockErr == nil {
		s.Log.Warn(fmt.Sprintf("%s could not be stored: %v", what, err))
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, cache.ErrNotExist) {
		return nil
	}
	if fault.Holds[*cache.UnsafeError](err) || fault.Holds[*cache.NewerError](err) ||
		fault.Holds[*cache.KeyringError](err) {
		return err
	}
	return nil // a directory that cannot be read holds nothing for us
}
