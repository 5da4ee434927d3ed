package session

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
)

// Limits bound a person's session, whatever the provider allows. Zero: no limit.
type Limits struct {
	MaxAge  time.Duration // since the person signed in (auth_time, else the sign-in's own time); whole seconds
	MaxIdle time.Duration // since the last answer that was not from the cache
	Flows   []string      // that the person may have signed in by; nil: any
	Stores  []string      // that the session may be kept in; nil: any
}

// LimitsOf are those that a policy sets.
func LimitsOf(p *policy.Policy) Limits {
	if p == nil {
		return Limits{}
	}
	return Limits{MaxAge: p.MaxSessionAge, MaxIdle: p.MaxIdle, Flows: p.Flows, Stores: p.Stores}
}

// forbids says why a session that a person signed in to by a flow, and that is kept in a
// store, counts as none; empty: it counts. What is not known counts as forbidden.
func (l Limits) forbids(of credential.Origin) string {
	switch {
	case l.Flows != nil && !slices.Contains(l.Flows, of.Flow):
		return fmt.Sprintf("the session was signed in to by the flow %q, which the policy does not allow (flows)", of.Flow)
	case l.Stores != nil && !slices.Contains(l.Stores, of.Store):
		return fmt.Sprintf("the session is kept in the store %q, which the policy does not allow (stores)", of.Store)
	}
	return ""
}

// originOf is how a session was made and where it is kept. One without a refresh token is
// kept where it would have been.
func (s *Session) originOf(rec *cache.Session) credential.Origin {
	o := credential.Origin{Flow: rec.Flow, Store: "file"}
	if rec.RefreshTokenIn != "" || rec.RefreshToken.IsZero() && s.Store.UseKeyring {
		o.Store = "keyring"
	}
	return o
}

// limits are those of the session. A service is not a person.
func (s *Session) limits() Limits {
	if s.Request.Identity == credential.Service {
		return Limits{}
	}
	return s.Limits
}

// over says which limit a session has reached; empty: none.
func (l Limits) over(signedIn, used, now time.Time) string {
	for _, m := range []struct {
		most     time.Duration
		at       time.Time
		did, key string
	}{{l.MaxAge, signedIn, "the person signed in", "max-session-age"}, {l.MaxIdle, used, "the session was last used",
		"max-idle"}} {
		switch ago := now.Sub(m.at); {
		case m.most == 0:
		case m.at.IsZero():
			return "it is not known when " + m.did + ", and the policy sets " + m.key
		case ago < -maxAhead: // else a clock that was set back would stop the time
			return "by this machine's clock " + m.did + " in the future, and the policy sets " + m.key
		case ago >= m.most:
			return fmt.Sprintf("%s %v ago, and the policy allows %v (%s)", m.did, ago.Round(time.Second), m.most, m.key)
		}
	}
	return ""
}

// outlived says which limit the session of a stored credential has reached. Its file
// knows when it was stored; where that is too long ago, or an earlier version wrote
// it, what else is stored of the session decides.
func (s *Session) outlived(c credential.Credential) string {
	l, now := s.limits(), time.Now()
	if why := l.forbids(c.Origin); why != "" {
		return why
	}
	if l.MaxAge == 0 && l.MaxIdle == 0 {
		return ""
	}
	why := l.over(c.SignIn(), c.StoredAt, now)
	if why == "" || s.Store == nil {
		return why
	}
	e, err := s.Store.Entry(s.sessionKey())
	if err != nil {
		return why
	}
	at := c.SignIn()
	if at.IsZero() && !c.StoredAt.Before(e.Session.SignedInAt) { // else it comes of an earlier sign-in
		at = signedInAt(e.Session)
	}
	return l.over(at, lastUsed(e, now), now)
}

// reached is outlived for a session whose refresh token is about to be sent.
func (s *Session) reached(rec *cache.Session) string {
	l, now := s.limits(), time.Now()
	why := cmp.Or(l.forbids(s.originOf(rec)), l.over(signedInAt(rec), rec.RefreshedAt, now))
	if why == "" || l.MaxIdle == 0 {
		return why
	}
	e, err := s.Store.Entry(s.sessionKey())
	if err != nil {
		return why
	}
	return l.over(signedInAt(rec), lastUsed(e, now), now)
}

// overEntry says which limit a person's stored session has reached, or by which it
// counts as none.
func (l Limits) overEntry(e cache.Entry, now time.Time) string {
	of := credential.Origin{Flow: e.Session.Flow, Store: "file"}
	switch {
	case e.Session.RefreshTokenIn != "":
		of.Store = "keyring"
	case !e.Session.Renewable && len(e.Tokens) > 0: // the tokens know where it would be kept
		of.Store = e.Tokens[0].Store
	}
	return cmp.Or(l.forbids(of), l.over(signedInAt(e.Session), lastUsed(e, now), now))
}

// Until is when a stored session ends at the latest, by the provider and the limits;
// zero: not known.
func (l Limits) Until(rec *cache.Session) time.Time {
	until := rec.RefreshExpiresAt
	if end := signedInAt(rec).Add(l.MaxAge); l.MaxAge > 0 && rec.Identity != credential.Service &&
		(until.IsZero() || end.Before(until)) {
		until = end
	}
	return until
}

// signedInAt is when a session's person signed in.
func signedInAt(rec *cache.Session) time.Time {
	return credential.Credential{Login: rec.Login, SignedInAt: rec.SignedInAt}.SignIn()
}

// lastUsed is when the last answer of a session was not from the cache: what was
// fetched, or exchanged for that. What seems to be of the future says nothing.
func lastUsed(e cache.Entry, now time.Time) (last time.Time) {
	see := func(at time.Time) {
		if at.After(last) && at.Before(now.Add(maxAhead)) {
			last = at
		}
	}
	see(e.Session.RefreshedAt)
	for _, t := range e.Tokens {
		see(t.StoredAt)
	}
	for _, d := range e.Derived {
		see(d.StoredAt)
	}
	return last
}

// bounded has a credential end when its session does, for who keeps it in memory.
func (s *Session) bounded(c credential.Credential) credential.Credential {
	if l := s.limits(); l.MaxAge > 0 && !c.SignIn().IsZero() {
		end := c.SignIn().Add(l.MaxAge)
		if end.After(time.Now()) && (c.ExpiresAt.IsZero() || c.ExpiresAt.After(end)) {
			c.ExpiresAt = end
		}
	}
	return c
}

// asks is what a sign-in must be like: what was asked for, and no older than the
// limit. Where there are no ID tokens nobody tells its age: it is of now then.
func (s *Session) asks() flows.StepUp {
	u := s.SignIn.StepUp
	if most := s.limits().MaxAge; most > 0 && !s.Dialect.NoOpenID && (u.MaxAge == nil || *u.MaxAge > most) {
		u.MaxAge = &most
	}
	return u
}

// explain adds to a sign-in that is not of the age that was asked for whose wish that was.
func (s *Session) explain(err error) error {
	if u := s.asks(); isUnmet(err) && len(u.ACR) == 0 && u.MaxAge != s.SignIn.MaxAge {
		return fault.Hint(err, fmt.Sprintf("the policy has max-session-age: %v, so the sign-in was asked for with "+
			"max_age; the provider must honour it, and tell auth_time (OpenID Connect Core §3.1.2.1)", *u.MaxAge))
	}
	return err
}

// This file holds what is handed out to the sign-in that it comes of (RFC 9470):
// how it was made, and when. Both are known of each stored token, and looked at
// whenever one is to serve. A refresh changes neither, so what falls short needs a
// person; the session that is stepped up is the same.

// unmet says in what a sign-in falls short of what is asked for; empty: in
// nothing. What was stored since this process began need not be more recent than
// that: of a hundred processes that want a sign-in of now, one asks.
func (s *Session) unmet(need Need, login credential.Login, storedAt time.Time) string {
	at := time.Now()
	if !storedAt.Before(s.Started) && !storedAt.After(at) {
		at = s.Started.Add(-flows.AuthTimeSlack)
	}
	return need.StepUp.Unmet(login, at)
}

func (s *Session) meets(need Need, c credential.Credential) bool {
	return s.unmet(need, c.Login, c.StoredAt) == "" && s.outlived(c) == ""
}

// needsSignIn says why a refresh cannot bring what is asked for; empty: it may.
func (s *Session) needsSignIn(need Need, rec *cache.Session) string {
	if unmet := s.unmet(need, rec.Login, rec.SignedInAt); unmet != "" {
		return "another sign-in is needed: " + unmet
	}
	if why := s.reached(rec); why != "" {
		return "another sign-in is needed: " + why
	}
	if need.StepUp.Claims != "" && need.StepUp.Claims != rec.LoginClaims && !s.Dialect.ClaimsAtToken {
		return "another sign-in is needed: the last one did not ask for these claims"
	}
	return ""
}

// loginOf is the sign-in that a refresh's answer comes of. Its time is that of the
// session, whatever the ID token says now; an acr that has gone from the ID token
// is no longer vouched for (OpenID Connect Core §12.2).
func loginOf(rec *cache.Session, set *credential.TokenSet) credential.Login {
	login := rec.Login
	if !set.IDToken.IsZero() {
		login.ACR = set.ACR
	}
	return login
}

// wantedAge is how long a refusal's claims are asked for: a policy of then need not
// be one of today, and a sign-in must not fail for it for ever.
const wantedAge = time.Hour

// wanted returns the claims that a refusal asked the next sign-in for, whichever
// process it comes from: the one that was refused may have had nobody to ask.
func (s *Session) wanted() string {
	if s.Store == nil {
		return ""
	}
	rec, err := s.Store.Peek(s.sessionKey())
	if err != nil || time.Since(rec.WantedAt).Abs() > wantedAge {
		return ""
	}
	return rec.WantedClaims
}
