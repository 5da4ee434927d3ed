package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: near a token's end one process renews it while the others go on with
// what they have.

// The window is the last tenth of a token's life, two minutes at most, above what
// it must last by the rule for all. Each process draws its own start, in the first
// half of it.
func TestWindowOfRenewalsAhead(t *testing.T) {
	const all, none, some = "all", "none", "some"
	for _, c := range []struct {
		name string
		life time.Duration
		left time.Duration
		need session.Need
		want string // of many processes, who finds the stored token not good enough
	}{
		{"five minutes: above the window", 5 * time.Minute, 91 * time.Second, access, none},
		{"five minutes: its first half", 5 * time.Minute, 82 * time.Second, access, some},
		{"five minutes: its second half", 5 * time.Minute, 74 * time.Second, access, all},
		{"ten hours: above the window", 10 * time.Hour, 121 * time.Second, access, none},
		{"ten hours: its first half", 10 * time.Hour, 90 * time.Second, access, some},
		{"ten hours: its second half", 10 * time.Hour, 59 * time.Second, access, all},
		{"a given duration has no rule to stay above", 5 * time.Minute, 31 * time.Second, atLeast(access, 0), none},
		{"a given duration: the second half", 5 * time.Minute, 14 * time.Second, atLeast(access, 0), all},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{AccessTokenLifetime: c.life}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(time.Until(m.tokens(t).ExpiresAt) - c.left)
				renewing := 0
				for range 100 {
					_, good, err := m.process().Cached(c.need)
					if err != nil {
						t.Fatal(err)
					}
					if !good {
						renewing++
					}
				}
				if got := map[int]string{0: none, 100: all}[renewing]; got != c.want && (got != "" || c.want != some) {
					t.Errorf("%d of 100 would renew it, want %s", renewing, c.want)
				}
			})
		})
	}
}

// nearEnd is when each process would renew a token that lives for five minutes,
// and when it still serves.
const nearEnd = 5*time.Minute - 70*time.Second

func TestOneRenewsAhead(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		old := m.tokens(t).AccessToken.Reveal()
		time.Sleep(time.Until(m.tokens(t).IssuedAt.Add(nearEnd)))
		// The provider answers only when all others have gone on.
		begun, others := make(chan struct{}), make(chan struct{})
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if isRefresh(r) {
				close(begun)
				<-others
			}
			return send()
		}
		first := make(chan string)
		go func() { first <- m.process().token(t, access) }()
		<-begun
		for _, o := range m.together(t, 20, access) {
			if o.err != nil || o.token != old {
				t.Errorf("while one renews, another one got %q, %v", o.token, o.err)
			}
			if w := o.warnings(); len(w) > 0 {
				t.Errorf("and warned: %q", w)
			}
		}
		close(others)
		if token := <-first; token == old || token != m.tokens(t).AccessToken.Reveal() {
			t.Errorf("the one that renews got %q, the old one was %q", token, old)
		}
		m.requests(t, 1, 0)
	})
}

// A renewal ahead that fails costs a warning and one request, and is not tried
// again by anybody for half a minute. It never asks a person.
func TestRenewalAheadFails(t *testing.T) {
	for name, fault := range map[string]providertest.Fault{
		"down": {Status: 503}, "cut off": {Drop: true},
		"refused": refuses("invalid_client"), "ended": refuses("invalid_grant"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, providertest.Config{AccessTokenLifetime: time.Hour}, func(t *testing.T, m *machine) {
				m.signIn(t)
				old := m.tokens(t).AccessToken.Reveal()
				m.Fault(providertest.RefreshToken, fault)
				need := atLeast(access, 0) // so the window is the last two minutes
				time.Sleep(time.Until(m.tokens(t).ExpiresAt) - 59*time.Second)
				p := m.process()
				if got := p.token(t, need); got != old {
					t.Errorf("got %q, not what is still valid", got)
				}
				mentions(t, p.warnings(), "could not be renewed")
				m.requests(t, 1, 0)
				if name == "ended" {
					return // nobody has anything to renew with
				}
				for _, o := range m.together(t, 10, need) {
					if o.err != nil || o.token != old || len(o.warnings()) > 0 {
						t.Errorf("a moment later: %q, %v, %q", o.token, o.err, o.warnings())
					}
				}
				m.requests(t, 1, 0)
				m.ClearFaults()
				time.Sleep(31 * time.Second)
				if got := m.process().token(t, need); got == old {
					t.Error("it is not tried again")
				}
				m.requests(t, 2, 0)
			})
		})
	}
}

// A process that comes to the lock after another one has renewed takes that.
func TestRenewedByAnother(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(time.Until(m.tokens(t).IssuedAt.Add(nearEnd)))
		late := m.process()
		if _, good, _ := late.Cached(access); good {
			t.Fatal("it is not near its end")
		}
		fresh := m.process().token(t, access)
		if c, err := late.Credential(t.Context(), access); err != nil || c.Token.Reveal() != fresh {
			t.Errorf("got %v, %v", c.Token.Reveal(), err)
		}
		m.requests(t, 1, 0)
	})
}

func TestInterruptOfARenewalAhead(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(time.Until(m.tokens(t).IssuedAt.Add(nearEnd)))
		ctx, cancel := context.WithCancelCause(t.Context())
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			cancel(errInterrupt)
			return send()
		}
		if _, err := m.process().Credential(ctx, access); !errors.Is(err, errInterrupt) {
			t.Errorf("interrupted: %v", err)
		}
		m.kept(t)
	})
}
