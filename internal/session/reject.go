package session

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
)

// rejectPause is how long a session's tokens are not dropped again: a server that
// refuses the next one too does not accept them at all.
const rejectPause = time.Minute

// Reject drops a token that a server has refused, if it is still the stored one, so
// that the next call renews it; the refresh token stays. again reports that one was
// dropped a moment ago already: then this one stays.
func (s *Session) Reject(ctx context.Context, need Need, token credential.Secret) (again bool, err error) {
	n := len(need.Steps)
	if c, err := s.stored(need, n); err != nil || !c.Token.Equal(token) {
		return false, ignoreAbsent(err)
	}
	lock, err := s.lock(ctx, cache.LockRefresh, s.sessionKey())
	if lock == nil || err != nil {
		return false, err
	}
	defer lock.Unlock()
	if c, err := s.stored(need, n); err != nil || !c.Token.Equal(token) { // renewed meanwhile
		return false, ignoreAbsent(err)
	}
	last, err := s.Store.TryLock(cache.LockRejected, s.sessionKey())
	if last == nil || err != nil {
		return false, err
	}
	defer last.Unlock()
	if last.Last != nil && time.Since(last.Last.At).Abs() < rejectPause {
		return true, nil
	}
	last.Fail("", "token", "a server refused it")
	if n > 0 {
		return false, s.Store.RemoveDerived(s.sessionKey(), s.linkKey(need, n))
	}
	_, tkey := s.keys()
	return false, s.Store.DropToken(s.sessionKey(), tkey, token)
}
