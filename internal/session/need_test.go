package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: how long a credential must last, what force means, and what still
// serves when nothing better can be had.

func TestTTL(t *testing.T) {
	rule := session.TTL{Exact: -1, Most: 10 * time.Minute, Part: 4}
	for _, c := range []struct {
		name       string
		ttl        session.TTL
		life, want time.Duration
	}{
		{"a part of a short life", rule, 20 * time.Minute, 5 * time.Minute},
		{"the most of a long one", rule, 10 * time.Hour, 10 * time.Minute},
		{"an unknown life", rule, 0, 10 * time.Minute},
		{"given", session.TTL{Exact: time.Hour, Most: time.Minute, Part: 5}, time.Minute, time.Hour},
		{"given as nothing", session.TTL{Exact: 0, Most: time.Minute, Part: 5}, time.Hour, 0},
		{"tokens, five minutes", session.TokenTTL, 5 * time.Minute, time.Minute},
		{"tokens, one minute", session.TokenTTL, time.Minute, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var of credential.Credential
			if c.life > 0 {
				of.IssuedAt = time.Now()
				of.ExpiresAt = of.IssuedAt.Add(c.life)
			}
			if got := c.ttl.For(of); got != c.want {
				t.Errorf("it must last %v, want %v", got, c.want)
			}
		})
	}
}

// A given duration is a promise: what falls short of it is renewed, and what still
// does is an error. The rule for all only warns.
func TestFreshTokenThatLastsTooShort(t *testing.T) {
	bubble(t, providertest.Config{AccessTokenLifetime: 5 * time.Minute}, func(t *testing.T, m *machine) {
		m.signIn(t)
		_, err := m.process().get(t.Context(), atLeast(access, 10*time.Minute))
		var short *session.TTLError
		if !errors.As(err, &short) || short.Lasts != 5*time.Minute || short.Want != 10*time.Minute {
			t.Errorf("demanded are 10 minutes: %v", err)
		}
		m.requests(t, 1, 0)

		p := m.process()
		p.token(t, rule(10*time.Minute))
		mentions(t, p.warnings(), "lasts only 5m0s")
		m.requests(t, 2, 0)
	})
}

// Force makes a new one, once for all who came before it: what was stored since a
// process began is new enough for it.
func TestForce(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(time.Second)
		early := m.process()
		time.Sleep(time.Second)
		first := m.process().token(t, forced(access))
		m.requests(t, 1, 0)
		if got := early.token(t, forced(access)); got != first {
			t.Error("what was stored since it began is not new enough")
		}
		m.requests(t, 1, 0)
		time.Sleep(time.Second)
		if got := m.process().token(t, forced(access)); got == first {
			t.Error("a later one gets no new token")
		}
		m.requests(t, 2, 0)

		late := m.process()
		m.edit(t, "tokens", "storedAt", time.Now().Add(30*time.Second)) // by a clock that was ahead
		late.token(t, forced(access))
		m.requests(t, 3, 0)
	})
}

// What is still valid serves, with a warning, where the provider or the disk is in
// trouble, or nobody can be asked; not where somebody insists, and not past its
// end.
func TestStillValid(t *testing.T) {
	demanding := rule(4 * time.Minute)
	down := providertest.Fault{Status: 503}
	for _, c := range []struct {
		name   string
		fault  providertest.Fault
		after  time.Duration
		need   session.Need
		change func(*process)
		fails  func(error) bool // nil: it serves
	}{
		{name: "down", fault: down, need: demanding},
		{name: "cut off", fault: providertest.Fault{Drop: true}, need: demanding},
		{name: "nonsense", fault: providertest.Fault{Body: "<html>"}, need: demanding},
		{name: "nobody can be asked", fault: refuses("login_required"), need: demanding, change: nobody},
		{name: "refused", fault: refuses("invalid_client"), need: demanding, fails: is[*flows.OAuthError]},
		{name: "forced", fault: down, need: forced(access), fails: is[*flows.UnavailableError]},
		{name: "demanded", fault: down, need: atLeast(access, 4*time.Minute), fails: is[*flows.UnavailableError]},
		{name: "ended", fault: down, need: demanding, after: expired, fails: is[*flows.UnavailableError]},
		{name: "ended, nobody can be asked", fault: refuses("login_required"), need: demanding, after: expired,
			change: nobody, fails: is[*session.LoginRequiredError]},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				old := m.tokens(t).AccessToken.Reveal()
				time.Sleep(max(c.after, 2*time.Minute))
				m.Fault(providertest.RefreshToken, c.fault)
				p := m.process()
				if c.change != nil {
					c.change(p)
				}
				got, err := p.get(t.Context(), c.need)
				switch {
				case c.fails != nil && (err == nil || !c.fails(err)):
					t.Errorf("it ended with %v (%T)", err, err)
				case c.fails == nil && (err != nil || got.Token.Reveal() != old):
					t.Errorf("got %q, %v", got.Token.Reveal(), err)
				case c.fails == nil:
					mentions(t, p.warnings(), "could not be renewed")
				}
				m.requests(t, m.Requests().RefreshToken, 0)
				m.kept(t)
			})
		})
	}
}

// Those who waited for a renewal that failed serve what is still valid as well.
func TestStillValidForWaiters(t *testing.T) {
	demanding := rule(4 * time.Minute)
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(2 * time.Minute)
		m.meet = slowly(time.Second)
		m.Fault(providertest.RefreshToken, providertest.Fault{Status: 503})
		for _, o := range m.together(t, 10, demanding) {
			if o.err != nil {
				t.Error(o.err)
			}
			mentions(t, o.warnings(), "could not be renewed")
		}
		m.requests(t, 2, 0)
	})
}

// A provider that gives no ID token on refresh is asked once; the ID token of the
// sign-in serves to its own end, and is never passed off as a fresh one.
func TestNoIDTokenOnRefresh(t *testing.T) {
	bubble(t, providertest.Config{IDTokenLifetime: 20 * time.Minute}, func(t *testing.T, m *machine) {
		m.signIn(t)
		first := m.tokens(t).IDToken
		m.Edit(providertest.RefreshToken, providertest.Without("id_token"))
		time.Sleep(expired)
		m.process().token(t, access)
		if now := m.tokens(t); !now.IDToken.Equal(first) || time.Until(now.IDTokenExpiresAt) > 15*time.Minute {
			t.Error("the sign-in's ID token is gone, or seems fresh")
		}
		m.process().token(t, id)
		_, err := m.process(func(p *process) { p.Started = time.Now().Add(time.Second) }).get(t.Context(), forced(id))
		if !is[*session.LoginRequiredError](err) {
			t.Errorf("a fresh ID token: %v", err)
		}
		m.requests(t, 1, 0) // it is remembered
	})
}

// A provider that gives no refresh token needs a person for each token.
func TestNoRefreshToken(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.Edit(providertest.DeviceCode, providertest.Without("refresh_token"))
		m.signIn(t)
		time.Sleep(expired)
		m.process().token(t, access)
		m.requests(t, 0, 1)
		m.Edit(providertest.DeviceCode, nil)
	})
}

// What the provider grants less or more than was asked for, or than before, is
// said once.
func TestScopes(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.request.Scopes = []string{"email", "groups"}
		m.Edit(providertest.DeviceCode, providertest.With("scope", "openid email profile"))
		p := m.process()
		if err := p.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := strings.Join(p.warnings(), "")
		for _, words := range []string{"does not grant the scope groups", "grants the scope profile"} {
			if !strings.Contains(w, words) {
				t.Errorf("warnings: %q; none with %q", w, words)
			}
		}
		time.Sleep(expired)
		m.Edit(providertest.RefreshToken, providertest.With("scope", "openid profile"))
		p = m.process()
		p.token(t, access)
		mentions(t, p.warnings(), "does not grant the scope email")
		time.Sleep(expired)
		p = m.process()
		p.token(t, access)
		if w := p.warnings(); len(w) > 0 {
			t.Errorf("it is said again: %q", w)
		}
	})
}

// Where a session cannot be read, none is begun over it.
func TestDamagedSession(t *testing.T) {
	t.Run("of a later format", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			m.signIn(t)
			time.Sleep(expired)
			m.edit(t, "sessions", "version", 2)
			if _, err := m.process().get(t.Context(), access); !is[*cache.NewerError](err) {
				t.Errorf("it ended with %v", err)
			}
			m.requests(t, 0, 0)
		})
	})
	t.Run("nonsense", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			m.signIn(t)
			time.Sleep(expired)
			m.edit(t, "sessions", "signedInAt", "yesterday")
			p := m.process()
			p.token(t, access)
			mentions(t, p.warnings(), "set aside")
			m.requests(t, 0, 1)
		})
	})
}
