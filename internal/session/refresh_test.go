package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: one refresh at a time for one session, on this machine, whoever asks;
// a waiter adopts the winner's result, good or bad.

// expired is more than an access token of the provider's lives.
const expired = 6 * time.Minute

func TestOneRefreshForAll(t *testing.T) {
	for name, need := range map[string]session.Need{"access": access, "id": id, "force": forced(access)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, providertest.Config{IDTokenLifetime: 5 * time.Minute}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(expired)
				all := m.together(t, 30, need)
				for _, o := range all {
					if o.err != nil {
						t.Fatal(o.err)
					}
				}
				if tokens := distinct(all); len(tokens) != 1 {
					t.Errorf("%d tokens of one refresh", len(tokens))
				}
				m.requests(t, 1, 0)
				m.kept(t)
			})
		})
	}
}

// Whoever waited for a refresh that failed fails alike, and sends nothing. Whoever
// comes later tries again.
func TestWaitersAdoptFailure(t *testing.T) {
	for _, c := range []struct {
		name      string
		fault     providertest.Fault
		tamper    providertest.Tamper
		client    error
		kind      string
		refreshes int // of the one that tried
	}{
		{name: "down", fault: providertest.Fault{Status: 503}, kind: session.FailedProvider, refreshes: 2},
		{name: "cut off", fault: providertest.Fault{Drop: true}, kind: session.FailedProvider, refreshes: 2},
		{name: "refused", fault: refuses("invalid_client"), kind: session.FailedOther, refreshes: 1},
		{name: "does not verify", tamper: providertest.BadSignature, kind: session.FailedOther, refreshes: 1},
		{name: "a helper here", kind: session.FailedUsage,
			client: &session.LocalError{Kind: session.FailedUsage, Err: errors.New("no key")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(expired)
				m.meet = slowly(time.Second)
				m.Fault(providertest.RefreshToken, c.fault)
				m.TamperIDToken(0, c.tamper)
				needsClient := func(p *process) {
					p.NewClient = func(context.Context) (flows.Client, error) {
						time.Sleep(time.Second)
						return flows.Client{ID: "cli"}, c.client
					}
				}
				first := 0
				for _, o := range m.together(t, 10, access, needsClient) {
					var shared *session.SharedError
					switch {
					case o.err == nil:
						t.Fatal("it did not fail")
					case !errors.As(o.err, &shared):
						first++
					case shared.Kind != c.kind || shared.Error() == "":
						t.Errorf("adopted as %q (%v), want %q", shared.Kind, shared, c.kind)
					}
				}
				if first != 1 {
					t.Errorf("%d processes tried by themselves, want 1", first)
				}
				m.requests(t, c.refreshes, 0)
				m.kept(t)

				m.ClearFaults()
				m.TamperIDToken(0, nil)
				m.process().token(t, access)
				m.requests(t, c.refreshes+1, 0)
			})
		})
	}
}

// A session that has ended is no failure to adopt: each sees it, and one asks.
func TestWaitersForAnEndedSession(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		m.RevokeSession("alice")
		m.meet = slowly(time.Second)
		all := m.together(t, 20, access)
		for _, o := range all {
			if o.err != nil {
				t.Fatal(o.err)
			}
		}
		if tokens := distinct(all); len(tokens) != 1 {
			t.Errorf("%d tokens of one sign-in", len(tokens))
		}
		m.requests(t, 1, 1)
	})
}

// A failure of before the wait is not adopted: the one that was waited for left
// none, such as one that was interrupted.
func TestFailureFromBeforeTheWait(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		m.Fault(providertest.RefreshToken, providertest.Fault{Status: 503})
		if _, err := m.process().get(t.Context(), access); !is[*flows.UnavailableError](err) {
			t.Fatalf("it ended with %v", err)
		}
		m.ClearFaults()
		m.ResetRequests()
		time.Sleep(time.Second)
		l, err := m.store().TryLock(cache.LockRefresh, m.request.SessionKey())
		if err != nil || l == nil || l.Last == nil {
			t.Fatalf("no lock with a failure: %v", err)
		}
		time.AfterFunc(time.Second, l.Unlock)
		m.process().token(t, access)
		m.requests(t, 1, 0)
	})
}

// A process that hangs, or was stopped, holds others up for a minute at most; what
// is still valid serves meanwhile. An interrupt ends the wait.
func TestLockThatIsHeld(t *testing.T) {
	hold := func(t *testing.T, m *machine) {
		m.signIn(t)
		l, err := m.store().TryLock(cache.LockRefresh, m.request.SessionKey())
		if err != nil || l == nil {
			t.Fatalf("no lock: %v", err)
		}
		t.Cleanup(l.Unlock)
	}
	t.Run("to the end", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			hold(t, m)
			time.Sleep(expired)
			began := time.Now()
			_, err := m.process().get(t.Context(), access)
			if waited := time.Since(began); !is[*flows.UnavailableError](err) || waited != time.Minute {
				t.Errorf("after %v: %v", waited, err)
			}
			m.requests(t, 0, 0)
		})
	})
	t.Run("with a token that is still good", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			hold(t, m)
			time.Sleep(3*time.Minute + 10*time.Second)
			p := m.process()
			p.token(t, rule(3*time.Minute))
			mentions(t, p.warnings(), "lasts only 50s")
		})
	})
	t.Run("until an interrupt", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			hold(t, m)
			time.Sleep(expired)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errInterrupt) })
			began := time.Now()
			_, err := m.process().get(ctx, access)
			if waited := time.Since(began); !errors.Is(err, errInterrupt) || waited > 2*time.Second {
				t.Errorf("after %v: %v", waited, err)
			}
		})
	})
}
