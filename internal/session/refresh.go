package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// refresh renews the tokens, a service's by its grant, one process at a time.
func (s *Session) refresh(ctx context.Context, need Need) (c credential.Credential, err error) {
	s.attempts = 2
	if s.Grant != nil {
		s.attempts = 3
	} else if s.Store == nil {
		return c, &sessionEnded{"nothing is kept here"}
	}
	err = s.singly(ctx, cache.LockRefresh, s.sessionKey(), func() bool {
		c, err = s.stored(need, 0)
		return err == nil && s.goodEnough(c, need)
	}, func() error {
		c, err = s.renew(ctx, need)
		return err
	})
	return c, err
}

// renew gets new tokens without asking anybody, under the session's lock.
func (s *Session) renew(ctx context.Context, need Need) (credential.Credential, error) {
	if s.Grant != nil {
		return s.grant(ctx, need)
	}
	return s.useRefreshToken(ctx, need)
}

// useRefreshToken spends the refresh token, under the session's lock: make sure of the
// room for its successor; one request; keep the successor; only then look at
// the rest of the answer.
func (s *Session) useRefreshToken(ctx context.Context, need Need) (credential.Credential, error) {
	var none credential.Credential
	if s.lockErr != nil {
		// Two refreshes at once are one reuse of the token, which many providers
		// answer by ending the session.
		if _, err := s.Store.Peek(s.sessionKey()); !errors.Is(err, cache.ErrNotExist) {
			return none, &StorageError{s.lockErr}
		}
	}
	if s.Other != nil && !s.replaced {
		if err := s.reconcileLocked(ctx); err != nil {
			return none, err
		}
		if c, err := s.stored(need, 0); err == nil && s.goodEnough(c, need) {
			return c, nil
		}
	}
	rec, err := s.Store.SessionWithToken(ctx, s.sessionKey())
	switch {
	case ctx.Err() != nil:
		return none, context.Cause(ctx)
	case ignoreAbsent(err) != nil:
		return none, err
	case errors.Is(err, cache.ErrNotExist):
		return none, &sessionEnded{"nobody has signed in here yet"}
	case err != nil: // it may be there: no sign-in is begun over it
		return none, &StorageError{err}
	case !rec.EndedAt.IsZero():
		return none, &sessionEnded{ended}
	}
	// Before the sign-in too that may be needed: it would replace the session.
	if err := s.hold(rec); err != nil {
		return none, err
	}
	switch {
	case s.needsSignIn(need, rec) != "":
		return none, &sessionEnded{s.needsSignIn(need, rec)}
	case rec.RefreshToken.IsZero():
		return none, &sessionEnded{"a new token is needed, and the provider gave no refresh token"}
	case need.TokenType == credential.IDToken && rec.NoIDTokenOnRefresh:
		return none, errNoIDToken()
	}
	p, client, err := s.atProviderOf(ctx, rec)
	if err != nil {
		return none, err
	}
	if err := sameHost(rec.TokenEndpoint, p.TokenEndpointFor(client)); err != nil {
		return none, err
	}
	room, err := s.Store.Reserve(ctx, s.sessionKey())
	if err != nil {
		return none, s.cannotStore(err)
	}
	defer room.Release()
	sent, organization := rec.RefreshToken, s.organization(rec)
	set, err := s.spend(ctx, p, client, rec, organization, room)
	if err != nil {
		err = s.refused(ctx, sent, organization, room, err)
	}
	if errors.Is(err, errReplaced) {
		return s.adoptReplaced(ctx, need)
	}
	if err == nil && !s.replaced && s.ofAnother(p, set, organization) {
		s.replaced = true
		room.Release()
		return s.useRefreshToken(ctx, need)
	}
	var c credential.Credential
	if err == nil {
		c, err = s.accept(ctx, p, rec, set, organization, need)
	}
	if ctx.Err() != nil { // interrupted meanwhile; what came is stored
		return none, context.Cause(ctx)
	}
	return c, err
}

// spend sends the refresh token and keeps its successor, whatever else is wrong
// with the answer. An interrupt waits for that, for one HTTP time-out at most.
//
// Where no answer came, the same token is sent once more: many providers let
// one that was just replaced pass for a few seconds, for this very case. One
// that calls it reuse ends the session, which it would at the next call too. A
// provider that says for how long it lets it pass is asked again and again.
func (s *Session) spend(ctx context.Context, p *flows.Provider, client flows.Client, rec *cache.Session,
	organization string, room *cache.Reservation) (*credential.TokenSet, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.Log.Info("refresh", "account", rec.Account)
	var set *credential.TokenSet
	var odd error // next to a set: something in the answer is wrong, but there is one
	err := s.resend(ctx, p.Dialect.Replay, func() error {
		got, err := p.Refresh(context.WithoutCancel(ctx), client, rec.RefreshToken, s.target(organization))
		if got != nil {
			set, odd = got, err
			return nil
		}
		return err
	})
	if err != nil {
		return nil, everybodys(ctx, err)
	}
	rec.RefreshedAt = time.Now().UTC()
	before := rec.Scopes
	if set.Scopes != nil {
		rec.Scopes = set.Scopes
	}
	if odd == nil {
		rec.NoIDTokenOnRefresh = set.IDToken.IsZero()
	}
	if !set.RefreshToken.IsZero() {
		rec.RefreshToken, rec.RefreshExpiresAt = set.RefreshToken, set.RefreshExpiresAt.UTC()
	}
	if kerr := room.Commit(rec); kerr != nil {
		s.keep("the new refresh token", kerr)
	}
	s.recorded(audit.Event{Event: audit.Refresh, Subject: rec.Subject, Flow: rec.Flow}, nil)
	s.reportScopes(before, set.Scopes)
	return set, odd
}

// target is what the tokens of this run are to be good for.
func (s *Session) target(organization string) flows.Target {
	return flows.Target{Scopes: s.SignIn.Scopes, Audience: s.SignIn.Audience, Resources: s.SignIn.Resources,
		Organization: organization, Claims: s.SignIn.Claims}
}

const ended = "the session has ended"

// refused sorts a refresh that failed. The session is forgotten only if the
// provider says that the grant has ended and the stored refresh token is still
// the one that was sent (RFC 6749 §5.2, invalid_grant).
func (s *Session) refused(ctx context.Context, sent credential.Secret, organization string, room *cache.Reservation,
	err error) error {
	var refusal *flows.OAuthError
	if !errors.As(err, &refusal) {
		return err
	}
	if about := s.refusesOrganization(refusal, organization); about != nil {
		return about
	}
	if s.provider.NeedsPerson(refusal) {
		if refusal.Claims != "" {
			room.Release()
			s.keep("what the next sign-in must ask for", s.Store.Amend(s.sessionKey(), func(rec *cache.Session) {
				rec.WantedClaims, rec.WantedAt = refusal.Claims, time.Now().UTC()
			}))
		}
		return &sessionEnded{err.Error()}
	}
	if !s.provider.EndsSession(refusal) {
		return err
	}
	s.forgetRegistration(err)
	room.Release()
	now, rerr := s.Store.SessionWithToken(context.WithoutCancel(ctx), s.sessionKey())
	if fault.Holds[*cache.KeyringError](rerr) { // whether it is still the one cannot be determined
		return rerr
	}
	if rerr == nil && !now.RefreshToken.Equal(sent) || s.otherHasNewer(ctx, sent) {
		return errReplaced
	}
	s.keep("the session's end", s.Store.EndSession(s.sessionKey()))
	reason := ended
	if refusal.Description != "" {
		reason += " (" + refusal.Description + ")"
	}
	return &sessionEnded{reason}
}

// ofAnother reports whether a refresh brought what an earlier one had asked for, for
// another organization, and was not answered: its refresh token is the one to go on
// with, and to ask once more with.
func (s *Session) ofAnother(p *flows.Provider, set *credential.TokenSet, organization string) bool {
	return p.Dialect.Replay > 0 && p.Dialect.Organization.Switch && organization != "" &&
		p.OrganizationOf(set) != organization
}

// errReplaced says that the stored refresh token is another one than was sent:
// somebody wrote without the lock (an older version, a restored backup).
var errReplaced = errors.New("the session was replaced meanwhile")

// adoptReplaced goes on with what replaced the session, once.
func (s *Session) adoptReplaced(ctx context.Context, need Need) (credential.Credential, error) {
	if c, err := s.stored(need, 0); err == nil && s.goodEnough(c, need) {
		return c, nil
	}
	if s.replaced {
		return credential.Credential{}, &flows.UnavailableError{Doing: flows.DoingRefresh, Err: errReplaced}
	}
	s.replaced = true
	return s.useRefreshToken(ctx, need)
}

// accept verifies a refresh's answer and stores the tokens. The ID token that
// is stored already stays where the answer has none (OpenID Connect Core
// §12.2), with its own end: it never passes for a fresh one.
func (s *Session) accept(ctx context.Context, p *flows.Provider, rec *cache.Session, set *credential.TokenSet,
	organization string, need Need) (credential.Credential, error) {
	var none credential.Credential
	skey, tkey := s.keys()
	err := p.VerifyRefreshed(ctx, set,
		flows.Expect{ClientID: rec.ClientID, Subject: rec.Subject, Organization: organization})
	s.keepKeys(p)
	if fault.Holds[*flows.SubjectError](err) {
		s.keep("the session's end", s.Store.RemoveSession(skey))
	}
	if err = cmp.Or(err, s.unrecorded); err != nil {
		return none, err
	}
	tokens := newTokens(set)
	tokens.Login, tokens.SignedInAt = loginOf(rec, set), rec.SignedInAt
	tokens.Origin = s.originOf(rec)
	tokens.Organization = cmp.Or(organization, p.OrganizationOf(set))
	if set.IDToken.IsZero() {
		if old, err := s.Store.Tokens(skey, tkey); err == nil {
			tokens.IDToken, tokens.IDTokenIssuedAt, tokens.IDTokenExpiresAt = old.IDToken, old.IDTokenIssuedAt,
				old.IDTokenExpiresAt
		}
	}
	s.keep("the new tokens", s.Store.WriteTokens(skey, tkey, tokens))
	s.giveOther(nil)
	s.remember(rec, flows.Organization{ID: tokens.Organization})
	if unmet := s.unmet(need, tokens.Login, rec.SignedInAt); unmet != "" {
		return none, &sessionEnded{"another sign-in is needed: " + unmet}
	}
	c := tokens.Credential(need.TokenType)
	if need.TokenType == credential.IDToken && set.IDToken.IsZero() &&
		(need.Force || c.Token.IsZero() || !c.LastsFor(max(0, need.MinTTL.Exact), time.Now())) {
		return none, errNoIDToken()
	}
	return c, nil
}

// reportScopes tells what the provider grants less or more than was asked for,
// or than it did before. An answer without scopes means the same ones (RFC 6749
// §5.1). openid and offline_access show in what comes with them.
func (s *Session) reportScopes(before, now []string) {
	if now == nil {
		return
	}
	without := func(list, other []string) string {
		rest := slices.DeleteFunc(slices.Clone(list), func(scope string) bool {
			return scope == "openid" || scope == "offline_access" || slices.Contains(other, scope)
		})
		return flows.Clean(strings.Join(rest, " "), 200)
	}
	if lost := without(before, now); lost != "" {
		s.Log.Warn("the provider does not grant the scope " + lost)
	}
	if gained := without(now, before); gained != "" {
		s.Log.Warn("the provider grants the scope " + gained + ", which was not asked for")
	}
}

func errNoIDToken() error {
	return &LoginRequiredError{Reason: "a new ID token is needed, and the provider gives none on refresh"}
}

// sameHost holds a refresh token to the host that issued it, whatever the
// metadata says today.
func sameHost(issuedBy, endpoint string) error {
	a, aerr := url.Parse(issuedBy)
	b, berr := url.Parse(endpoint)
	if aerr != nil || berr != nil || a.Host != b.Host || a.Scheme != b.Scheme {
		return &flows.VerifyError{Err: fmt.Errorf("the provider's token endpoint has moved from %s to %s; the refresh "+
			"token is not sent there",
			flows.Clean(issuedBy, 200), flows.Clean(endpoint, 200))}
	}
	return nil
}

// cannotStore tells storage that is unsafe from storage that is full or absent.
func (s *Session) cannotStore(err error) error {
	if fault.Holds[*cache.UnsafeError](err) {
		return err
	}
	return &StorageError{err}
}

func newTokens(set *credential.TokenSet) *cache.Tokens {
	return &cache.Tokens{
		TokenType: set.TokenType, Scopes: set.Scopes, AccessToken: set.AccessToken, IDToken: set.IDToken,
		IssuedAt: set.IssuedAt.UTC(), ExpiresAt: set.ExpiresAt.UTC(),
		IDTokenIssuedAt: set.IDTokenIssuedAt.UTC(), IDTokenExpiresAt: set.IDTokenExpiresAt.UTC(), Login: set.Login,
	}
}
