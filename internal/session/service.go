package session

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// Grant is how a service gets a token: from a server, by a credential that it
// has or is given where it runs. Nobody is asked, and nothing is used up: it is
// made again whenever a token is needed.
type Grant struct {
	Flow   string
	Tokens func(context.Context) (*flows.Result, error)
}

// grant makes the service's grant and keeps what comes of it, under the
// session's lock.
func (s *Session) grant(ctx context.Context, need Need) (credential.Credential, error) {
	s.Log.Info("grant", "flow", s.Grant.Flow)
	var res *flows.Result
	err := retry(ctx, s.attempts, func() (err error) {
		res, err = s.Grant.Tokens(ctx)
		return err
	})
	if ctx.Err() != nil {
		return credential.Credential{}, context.Cause(ctx)
	}
	if err != nil {
		return credential.Credential{}, everybodys(ctx, err)
	}
	s.reportScopes(s.Request.Scopes, res.Tokens.Scopes)
	s.last = newTokens(res.Tokens)
	if err := s.recordedSignIn(res.Identity, s.Grant.Flow); err != nil {
		return credential.Credential{}, err
	}
	return s.last.Credential(need.TokenType), s.keepGrant(ctx, res)
}

// keepGrant stores a service's token, and whose it is. Nothing durable is lost
// where it cannot be: only storage that is unsafe is an error.
func (s *Session) keepGrant(ctx context.Context, res *flows.Result) error {
	if s.Store == nil {
		return nil
	}
	skey, tkey := s.keys()
	old, err := s.Store.Session(skey)
	if err := ignoreAbsent(err); err != nil {
		return err
	}
	now := time.Now().UTC()
	rec := s.record(res, s.Grant.Flow)
	rec.SignedInAt, rec.RefreshedAt, rec.RefreshToken = now, now, credential.Secret{}
	if old != nil {
		rec.Inherit(old)
		if old.Subject == rec.Subject && old.EndedAt.IsZero() {
			rec.SignedInAt = old.SignedInAt
		}
	}
	if old == nil || old.Subject != rec.Subject {
		// Whose the tokens and derivations of before were is not known.
		s.keep("the end of the session before", s.Store.RemoveTokens(skey))
	}
	room, err := s.Store.Reserve(ctx, skey)
	if err == nil {
		err = room.Commit(rec)
	}
	if err == nil {
		err = s.Store.WriteTokens(skey, tkey, s.last)
	}
	if fault.Holds[*cache.UnsafeError](err) {
		return err
	}
	s.keep("the token", err)
	s.keep("the end of services that come no more", s.Store.SweepServices())
	return nil
}

// record is the durable half of what came of a sign-in or a grant, without
// times.
func (s *Session) record(res *flows.Result, flow string) *cache.Session {
	granted := res.Tokens.Scopes
	if granted == nil {
		granted = s.asked
	}
	rec := &cache.Session{
		Issuer: s.Request.Issuer, ClientID: s.Request.ClientID, Label: s.Request.Label, Identity: s.Request.Identity,
		Subject: res.Identity.Subject, Account: res.Identity.Display(), Flow: flow,
		Scopes: granted, Audience: s.Request.Audience, Resources: s.Request.Resources, Organization: s.Request.Organization,
		RefreshToken: res.Tokens.RefreshToken, RefreshExpiresAt: res.Tokens.RefreshExpiresAt.UTC(), Reach: s.Reach,
		Login: res.Tokens.Login, LoginClaims: s.SignIn.Claims,
	}
	rec.Registration = s.registration
	if s.provider != nil {
		rec.TokenEndpoint = s.provider.TokenEndpointFor(s.client)
		rec.Root = res.Tokens.Root
	}
	return rec
}
