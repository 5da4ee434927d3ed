package sso

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
)

// state is what a Client comes to know.
type state struct {
	once    sync.Once
	base    session.Config
	baseErr error

	loadPolicy func() (*policy.Policy, error) // nil: the system's

	mu      sync.Mutex
	policy  *policy.Policy // as it was obeyed last; nil: there was none
	held    held           // the last token; zero: none
	renewed held           // what came of the last renewal for a token that an API had refused
	flight  *flight        // that gets a token; nil: none
}

// held is a token in memory.
type held struct {
	credential.Credential
	renewAt time.Time // when to begin to renew it ahead; zero: never
}

// serves reports whether the token is good enough, though it may be time to
// renew it.
func (h held) serves(ttl session.TTL, now time.Time) bool {
	return !h.Token.IsZero() && h.LastsFor(ttl.For(h.Credential), now)
}

func (h held) fresh(now time.Time) bool { return h.renewAt.IsZero() || now.Before(h.renewAt) }

// flight gets one token for all goroutines that want one. It goes on for as long
// as one of them waits.
type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	refused credential.Secret // the token that an API has refused; zero: none

	held held
	err  error
}

// renewPause is how long a token that an API refuses is not renewed again, and
// renewAgain how soon a renewal ahead that failed is tried again.
const (
	renewPause = time.Minute
	renewAgain = 30 * time.Second
	// unknownLife is how long a token is held whose end the provider does not tell.
	unknownLife = time.Hour
)

// TokenSource returns the tokens for anything that takes one. It renews ahead:
// the Expiry of a token is when that begins, and the token itself lasts longer.
// It is safe for many goroutines. A call ends when ctx does.
//
// Do not use it with [oauth2.NewClient], which sends the token on every redirect:
// that is what [Client.HTTPClient] is for.
func (c *Client) TokenSource(ctx context.Context) oauth2.TokenSource { return source{c, ctx} }

type source struct {
	c   *Client
	ctx context.Context // an oauth2.TokenSource has no other way to get one
}

func (s source) Token() (*oauth2.Token, error) {
	h, err := s.c.token(s.ctx, credential.Secret{})
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: h.Token.Reveal(), TokenType: "Bearer", Expiry: h.renewAt}, nil
}

// token returns a token that is good enough, and is not the one that an API has
// refused. It waits no longer than ctx.
func (c *Client) token(ctx context.Context, refused credential.Secret) (held, error) {
	if _, err := c.config(); err != nil {
		return held{}, err
	}
	if _, err := c.obey(); err != nil {
		return held{}, sorted(ctx, err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return held{}, context.Cause(ctx)
		}
		h, f := c.board(ctx, refused)
		if f == nil {
			return h, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			c.leave(f)
			return held{}, context.Cause(ctx)
		}
		switch {
		case f.err == nil && f.refused.IsZero() && !refused.IsZero() && f.held.Token.Equal(refused):
			continue // it was for those who did not know yet
		case refused.IsZero() && errors.Is(f.err, errNotRenewed):
			continue // that says nothing to who has not sent the token
		}
		return f.held, f.err
	}
}

// board returns the token in memory, or the flight to wait for.
func (c *Client) board(ctx context.Context, refused credential.Secret) (held, *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg := c.base
	now := time.Now()
	if !refused.IsZero() && c.held.Token.Equal(refused) {
		c.held = held{}
	}
	// While one renews ahead the others go on with what they have.
	if c.held.serves(c.need(cfg).MinTTL, now) && (c.held.fresh(now) || c.flight != nil) {
		return c.held, nil
	}
	f := c.flight
	if f == nil {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel, refused: refused}
		c.flight = f
		go func() {
			h, err := c.get(work, refused)
			c.land(f, h, err)
		}()
	}
	f.waiting++
	return held{}, f
}

// leave is for who waits no longer.
func (c *Client) leave(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if c.flight == f {
		c.flight = nil
	}
}

func (c *Client) land(f *flight, h held, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.held, f.err = h, err
	if c.flight == f {
		c.flight = nil
	}
	if err == nil {
		c.held = h
		if !f.refused.IsZero() {
			c.renewed = h
		}
	}
	f.cancel()
	close(f.done)
}

// get gets a token by whatever it takes.
func (c *Client) get(ctx context.Context, refused credential.Secret) (held, error) {
	s, end, err := c.bounded(ctx, false)
	if err != nil {
		return held{}, sorted(ctx, err)
	}
	defer end()
	need := c.need(c.base)
	cred, good, err := s.Cached(need)
	switch {
	case err != nil:
	case !refused.IsZero() && (!good || cred.Token.Equal(refused)):
		cred, err = c.renew(ctx, s, need)
	case !good:
		cred, err = s.Credential(ctx, need)
	}
	if err == nil {
		err = s.RecordCached()
	} else if ctx.Err() == nil && !errors.Is(err, errNotRenewed) {
		s.RecordRefused(err)
	}
	if err != nil {
		return held{}, sorted(ctx, err)
	}
	return hold(s, need, cred), nil
}

// errNotRenewed says that a token that was refused is the only one to be had.
var errNotRenewed = errors.New("the token that was refused cannot be renewed")

// renew gets another token without asking anybody. Somebody is asked only if the
// provider says that the session has ended.
func (c *Client) renew(ctx context.Context, s *session.Session, need session.Need) (credential.Credential, error) {
	err := s.Check(ctx)
	if _, ok := errors.AsType[*session.LoginRequiredError](err); ok {
		if e, err := s.Stored(); err != nil || e.Session.EndedAt.IsZero() {
			return credential.Credential{}, errNotRenewed
		}
	} else if err != nil {
		return credential.Credential{}, err
	}
	return s.Credential(ctx, need)
}

// hold works out for how long a token is used before it is renewed.
func hold(s *session.Session, need session.Need, cred credential.Credential) held {
	now := time.Now()
	h := held{cred, s.RenewAt(cred, need.MinTTL)}
	switch {
	case cred.ExpiresAt.IsZero() && !s.Dialect.Lasting:
		h.renewAt = cred.IssuedAt.Add(unknownLife)
	case !h.fresh(now): // that was tried, and has failed, or another process is at it
		h.renewAt = now.Add(renewAgain)
		if cred.ExpiresAt.Before(h.renewAt) {
			h.renewAt = cred.ExpiresAt
		}
	}
	return h
}

// mayRenew reports whether a token that an API has refused may be renewed: one that
// came of such a renewal a moment ago is refused for another reason.
func (c *Client) mayRenew(refused held) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !refused.Token.Equal(c.renewed.Token) || time.Since(refused.IssuedAt) > renewPause
}
