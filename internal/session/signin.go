package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Login signs a person in now, whatever is stored, and whatever a latch says.
// What came of a sign-in that it had to wait for is its own as well: two tabs
// for one session help nobody.
//
// A service gets a new token, by its grant.
func (s *Session) Login(ctx context.Context) error {
	if err := s.Trail.Ready(); err != nil {
		return err
	}
	if s.Grant != nil {
		if _, err := s.refresh(ctx, Need{TokenType: credential.AccessToken, MinTTL: TokenTTL, Force: true}); err != nil {
			return err
		}
		s.Person.SignedIn(Ask{}, s.who)
		return s.unrecorded
	}
	_, err := s.ask(ctx, "cannot sign in here", func(lock *cache.Lock, began time.Time) (bool, error) {
		if lock == nil || !lock.Waited {
			return false, nil
		}
		if rec, err := s.Store.Peek(s.sessionKey()); err == nil && rec.SignedInAt.After(began) &&
			s.asks().Unmet(rec.Login, began.Add(-flows.AuthTimeSlack)) == "" {
			s.Person.SignedIn(Ask{}, credential.Identity{Subject: rec.Subject, Name: rec.Account})
			return true, nil
		}
		return false, s.adopt(lock, began)
	})
	return cmp.Or(err, s.unrecorded)
}

// signIn asks a person, one process at a time: whoever comes to it while another
// one asks gets what came of that. since is a time before it was seen that a
// sign-in is needed: the other one may be done by now.
func (s *Session) signIn(ctx context.Context, need Need, reason string, since time.Time) (credential.Credential,
	error) {
	var c credential.Credential
	var found bool
	_, err := s.ask(ctx, reason, func(lock *cache.Lock, began time.Time) (bool, error) {
		stored, err := s.stored(need, 0)
		// What was stored since then is what its own sign-in would bring, even if it
		// lasts too short.
		if err == nil && (s.goodEnough(stored, need) || stored.StoredAt.After(since) && stored.LastsFor(0, time.Now()) &&
			s.meets(need, stored)) {
			c, found = stored, true
			return true, nil
		}
		if err := s.adopt(lock, began); err != nil {
			return false, err
		}
		// What somebody else signed in to may serve this too: another organization,
		// other scopes.
		if c, err = s.ofNewSession(ctx, need, lock, since); err == nil {
			found = true
			return true, nil
		}
		if !errors.Is(err, cache.ErrNotExist) {
			return false, err
		}
		return false, s.latched(reason)
	})
	if err != nil || found {
		return c, err
	}
	return s.last.Credential(need.TokenType), nil
}

// ofNewSession gets a token of the session that somebody has signed in to since a
// time; cache.ErrNotExist if there is none, or if that takes a sign-in of its own.
func (s *Session) ofNewSession(ctx context.Context, need Need, lock *cache.Lock,
	since time.Time) (c credential.Credential, err error) {
	if lock == nil || s.Dialect.Free == (flows.Free{}) {
		return c, cache.ErrNotExist
	}
	if rec, err := s.Store.Peek(s.sessionKey()); err != nil || !rec.SignedInAt.After(since) || !rec.EndedAt.IsZero() {
		return c, cache.ErrNotExist
	}
	c, err = s.refresh(ctx, need)
	if _, ok := signInTo(err); ok || fault.Holds[*sessionEnded](err) {
		return c, cache.ErrNotExist
	}
	return c, err
}

// ask chooses the flow and runs it under the sign-in lock. before is called
// once the lock is held (nil if there is no place for one), with the time when
// the wait for it began; it reports whether the sign-in is not needed any more.
func (s *Session) ask(ctx context.Context, reason string,
	before func(lock *cache.Lock, began time.Time) (bool, error)) (credential.Identity, error) {
	var who credential.Identity
	if s.Store != nil {
		// First, since a person elsewhere could not help: what they bring could not
		// be kept here.
		if err := s.Store.ReachKeyring(ctx, s.sessionKey()); err != nil {
			return who, err
		}
	}
	choice, err := s.choose(reason, s.Store == nil)
	if err != nil {
		return who, err
	}
	whole := ctx
	waits, cancel := context.WithTimeoutCause(whole, s.Person.Timeout, flows.ErrTimedOut) // for other sign-ins to end
	defer cancel()
	ctx = waits
	ourTurn := func() (stop context.CancelFunc) { // the person's time begins now
		if !s.Person.LatchOnTimeout {
			return func() {}
		}
		ctx, stop = context.WithTimeoutCause(whole, s.Person.Timeout, flows.ErrTimedOut)
		return stop
	}
	began := time.Now()
	lock, err := s.lock(ctx, cache.LockSignIn, s.sessionKey())
	if err != nil {
		return who, err
	}
	defer lock.Unlock()
	if lock == nil {
		if choice, err = s.choose(reason, true); err != nil {
			return who, err
		}
	}
	if unneeded, err := before(lock, began); unneeded || err != nil {
		return who, err
	}
	if lock != nil {
		room, err := s.hasRoom(ctx)
		if err == nil && !room {
			// What cannot be kept cannot be shared: each process would open a browser.
			choice, err = s.choose(reason, true)
		}
		if err != nil {
			return who, err
		}
	}
	if choice.Prompt != flows.PromptNowhere {
		turn, err := s.turn(ctx)
		if err != nil {
			return who, err
		}
		if turn != nil {
			defer turn.Unlock()
			if turn.Waited {
				defer ourTurn()()
			}
		}
	}
	asking := Ask{Choice: choice, Account: s.account()}
	for {
		asking.Until, _ = ctx.Deadline()
		s.Log.Info("sign-in", "flow", asking.Flow, "prompt", asking.Prompt)
		for _, why := range asking.Why {
			s.Log.Info("sign-in: " + why)
		}
		err = s.explain(s.run(ctx, asking, func(res *flows.Result) error {
			who = res.Identity
			return s.signedIn(ctx, asking.Flow, res)
		}))
		if which, ok := errors.AsType[*flows.OrganizationChoiceError](err); ok {
			if err = s.chooseOrganization(ctx, asking, which); err == nil {
				continue // it begins again, for that one
			}
		}
		if held, ok := errors.AsType[*flows.PortsHeldError](err); ok {
			if err := s.awaitPort(waits, held.Ports[0]); err != nil {
				return who, err
			}
			defer ourTurn()()
			continue
		}
		if err == nil || len(asking.Then) == 0 || !flows.Unusable(err) || ctx.Err() != nil {
			break
		}
		next := asking.Then[0]
		s.Person.FallBack(asking, next, err)
		asking.Flow, asking.Then = next, asking.Then[1:]
	}
	if errors.Is(err, flows.ErrNoBrowser) {
		err = &LoginRequiredError{Reason: reason, Why: []string{err.Error()}}
	}
	s.leave(lock, err)
	s.setLatch(err)
	if err == nil {
		s.Person.SignedIn(asking, who)
	}
	return who, err
}

// account tells whose sign-in is asked for, as far as that is known.
func (s *Session) account() string {
	if s.Store != nil && s.SignIn.LoginHint == "" {
		if rec, err := s.Store.Peek(s.sessionKey()); err == nil {
			return cmp.Or(rec.Account, rec.Subject)
		}
	}
	return s.SignIn.LoginHint
}

// hasRoom reports whether a sign-in can be stored. That the place is unsafe, the
// session there of a later format, or a keyring that was named out of reach, is
// an error now: nobody is to sign in for nothing.
func (s *Session) hasRoom(ctx context.Context) (bool, error) {
	_, err := s.Store.Peek(s.sessionKey())
	if err := ignoreAbsent(err); err != nil {
		return false, err
	}
	err = s.Store.HasRoom(ctx, s.sessionKey())
	return err == nil, ignoreAbsent(err)
}

func (s *Session) choose(reason string, noLock bool) (flows.Choice, error) {
	choice, err := s.Person.Choose(noLock)
	if err == nil && choice.Flow == "" {
		err = &LoginRequiredError{reason, choice.Why, choice.Try}
	}
	return choice, err
}

// run runs a flow.
func (s *Session) run(ctx context.Context, asking Ask, accept func(*flows.Result) error) (err error) {
	defer func() {
		s.forgetRegistration(err)
		err = s.unanswered(asking.Flow, err)
	}()
	p, err := s.providerFor(ctx)
	if err != nil {
		return err
	}
	req := s.SignIn
	req.StepUp = s.asks()
	if req.Client, err = s.Client(ctx); err != nil {
		return err
	}
	req.Scopes = p.Scopes(req.Scopes, req.NoOffline)
	req.HoldPort = s.holdPort
	req.Claims = flows.MergeClaims(req.Claims, s.wanted())
	s.asked = req.Scopes
	defer s.keepKeys(p)
	browse := func(a *flows.Authorization) error { return s.Person.Browse(asking, a) }
	switch asking.Flow {
	case flows.FlowPKCE:
		return p.PKCE(ctx, req, browse, accept)
	case flows.FlowPaste:
		return p.Paste(ctx, req, browse, accept)
	}
	res, err := s.device(ctx, p, req, asking)
	if err != nil {
		return err
	}
	return accept(res)
}

// signedIn stores a verified sign-in, under the refresh lock: a refresh of the
// session before it may be under way, and must not write its token over ours.
func (s *Session) signedIn(ctx context.Context, flow string, res *flows.Result) error {
	if s.SignIn.NoOffline { // also where the provider gives one unasked
		res.Tokens.RefreshToken = credential.Secret{}
	}
	s.last = newTokens(res.Tokens)
	now := time.Now().UTC()
	s.last.Organization, s.last.SignedInAt = cmp.Or(s.SignIn.Organization, res.Organization), now
	s.reportScopes(s.asked, res.Tokens.Scopes)
	if s.Store == nil {
		return s.recordedSignIn(res.Identity, flow)
	}
	skey, tkey := s.keys()
	lock, err := s.lock(ctx, cache.LockRefresh, skey)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	old, err := s.Store.Session(skey)
	if err := ignoreAbsent(err); err != nil {
		return err
	}
	if err != nil && !errors.Is(err, cache.ErrNotExist) {
		return &StorageError{err} // whose session is there cannot be determined
	}
	if err == nil && old.Subject != res.Identity.Subject && !s.Person.WillingToSwitch {
		return &OtherPersonError{Got: res.Identity.Display(), Want: cmp.Or(old.Account, old.Subject)}
	}
	if err != nil || s.Person.WillingToSwitch || res.Identity.Subject == "" {
		// Whose the tokens and derivations of before were is not known, or a
		// sign-in was asked for: nothing of them is inherited.
		s.keep("the end of the session before", s.Store.RemoveTokens(skey))
	}
	rec := s.record(res, flow)
	rec.SignedInAt, rec.RefreshedAt = now, now
	rec.Organization = cmp.Or(s.SignIn.Organization, s.last.Organization, s.Request.Organization)
	s.inherit(rec, old)
	room, err := s.Store.Reserve(ctx, skey)
	if err == nil {
		err = room.Commit(rec)
	}
	unrecorded := s.recordedSignIn(res.Identity, flow)
	if err == nil && unrecorded == nil {
		s.last.Origin = s.originOf(rec)
		err = s.Store.WriteTokens(skey, tkey, s.last)
		s.giveOther(old)
	}
	if err != nil {
		if fault.Holds[*cache.UnsafeError](err) || fault.Holds[*cache.KeyringError](err) {
			return err
		}
		s.keep("the sign-in", err)
	}
	return unrecorded
}

// Latch times: a failed sign-in holds others back for a while that doubles with
// each failure in a row, up to a bound. An error that came over the loopback
// redirect alone holds them back for latchLoopback, however many there were:
// another user of the machine can send one. The pause only keeps a tool that
// starts many processes from opening as many pages.
const (
	latchFirst    = time.Minute
	latchMost     = 15 * time.Minute
	latchLoopback = 10 * time.Second
)

// latched tells whether an earlier failure holds this sign-in back.
func (s *Session) latched(reason string) error {
	if s.Store == nil {
		return nil
	}
	skey, tkey := s.keys()
	l, err := s.Store.Latch(skey)
	switch {
	case err != nil:
		return ignoreAbsent(err)
	case l.FailedAt.After(time.Now()): // the clock was set back
		return nil
	case l.NeedsOrganization && s.SignIn.Organization != "", l.Only != "" && l.Only != tkey:
		return nil
	case time.Now().Before(l.Until):
		return &LoginRequiredError{Reason: reason,
			Why: []string{fmt.Sprintf("a sign-in failed at %s (%s); automatic sign-in is paused until %s",
				l.FailedAt.Local().Format(time.TimeOnly), flows.Clean(l.Reason, 200), l.Until.Local().Format(time.TimeOnly))}}
	}
	return nil
}

// setLatch remembers a sign-in that a person denied or did not finish, and
// forgets such a memory after one that worked.
func (s *Session) setLatch(err error) {
	timedOut := errors.Is(err, flows.ErrTimedOut)
	// isUnmet: or each call would open a page for nothing
	needs, unmet := fault.Holds[*OrganizationRequiredError](err), isUnmet(err)
	var refusal *flows.OAuthError
	loopback := errors.As(err, &refusal) && refusal.Loopback
	switch {
	case s.Store == nil:
	case err == nil:
		s.keep("the latch's end", s.Store.ClearLatch(s.sessionKey()))
	case errors.Is(err, flows.ErrDenied) || timedOut && s.Person.LatchOnTimeout || needs || unmet:
		l := &cache.Latch{FailedAt: time.Now().UTC(), Reason: err.Error(), NeedsOrganization: needs}
		if unmet {
			_, l.Only = s.keys()
		}
		if old, oerr := s.Store.Latch(s.sessionKey()); oerr == nil {
			l.Failures = old.Failures
		}
		hold := latchLoopback
		if !loopback {
			l.Failures++
			hold = min(latchFirst<<min(l.Failures-1, 4), latchMost)
		}
		l.Until = l.FailedAt.Add(hold)
		s.keep("the latch", s.Store.WriteLatch(s.sessionKey(), l))
	}
}

// isUnmet reports whether the provider cannot, or will not, have the person sign in
// the way that is asked for (OpenID Connect Core Error Code
// unmet_authentication_requirements).
func isUnmet(err error) bool {
	var refusal *flows.OAuthError
	return fault.Holds[*flows.UnmetError](err) ||
		errors.As(err, &refusal) && refusal.Code == "unmet_authentication_requirements"
}
