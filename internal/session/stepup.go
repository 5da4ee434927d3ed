package session

import (
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

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
		return "another sign-in is needed: claims are asked for that the last one did not ask for"
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
