package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: how long a session may last by a policy.

// hourly has access tokens that outlive the limits of these tests.
var hourly = providertest.Config{AccessTokenLifetime: time.Hour}

// polled is how long a device sign-in takes here.
const polled = 5 * time.Second

// limited has a process under limits.
func limited(age, idle time.Duration) func(*process) {
	return func(p *process) { p.Limits = session.Limits{MaxAge: age, MaxIdle: idle} }
}

// ends asks for a token where nobody can sign in, and fails unless that says why.
func (m *machine) ends(t *testing.T, why string, change ...func(*process)) {
	t.Helper()
	_, err := m.process(append(change, nobody)...).get(t.Context(), access)
	if !is[*session.LoginRequiredError](err) || !strings.Contains(err.Error(), why) {
		t.Errorf("it ended with %v; want %q", err, why)
	}
}

// Each case signs in, waits, and asks: whether the session still serves.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name      string
		age, idle time.Duration
		authTime  time.Duration // ago, at the sign-in, which is not under the limit; 0: then
		steps     []time.Duration
		ends      string
		refreshes int // before that
	}{
		{name: "young", age: 12 * time.Hour, steps: []time.Duration{2 * time.Hour}, refreshes: 1},
		{name: "refreshing does not extend it", age: 4 * time.Hour,
			steps: []time.Duration{2 * time.Hour, 119 * time.Minute, 2 * time.Minute}, refreshes: 2,
			ends: "the person signed in 4h1m0s ago, and the policy allows 4h0m0s (max-session-age)"},
		{name: "from the cache too", age: 10 * time.Minute, steps: []time.Duration{9 * time.Minute, 2 * time.Minute},
			ends: "the person signed in 11m0s ago"},
		{name: "the sign-in was earlier", age: time.Hour, authTime: 50 * time.Minute,
			steps: []time.Duration{9 * time.Minute, 2 * time.Minute}, ends: "the person signed in 1h1m5s ago"},
		{name: "used", idle: 2 * time.Hour, steps: []time.Duration{119 * time.Minute, 119 * time.Minute}, refreshes: 2},
		{name: "not used", idle: 2 * time.Hour, steps: []time.Duration{119 * time.Minute, 2 * time.Hour}, refreshes: 1,
			ends: "the session was last used 2h0m0s ago, and the policy allows 2h0m0s (max-idle)"},
		{name: "a cached answer does not count", idle: 5 * time.Minute, steps: []time.Duration{4 * time.Minute, time.Minute},
			ends: "the session was last used 5m0s ago"},
		{name: "both", age: 3 * time.Hour, idle: 2 * time.Hour,
			steps: []time.Duration{100 * time.Minute, 100 * time.Minute}, refreshes: 1, ends: "(max-session-age)"},
		{name: "none", steps: []time.Duration{20 * time.Hour}, refreshes: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, hourly, func(t *testing.T, m *machine) {
				if c.authTime > 0 {
					m.SetSession(time.Now().Add(-c.authTime))
				}
				m.signIn(t)
				under := limited(c.age, c.idle)
				for i, step := range c.steps {
					time.Sleep(step)
					if c.ends != "" && i == len(c.steps)-1 {
						m.ends(t, c.ends, under)
						m.requests(t, c.refreshes, 0)
						m.SetSession(time.Time{})
						m.process(under).token(t, access)
						m.requests(t, c.refreshes, 1)
						return
					}
					m.process(under, nobody).token(t, access)
				}
				m.requests(t, c.refreshes, 0)
			})
		})
	}
}

// A sign-in under a limit asks the provider for one that is as young, or for the
// younger one that a person wants.
func TestLimitAtTheSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		limit, own time.Duration
		since      time.Duration // of the browser's session
		age        time.Duration // of the sign-in
	}{
		"young enough":               {time.Hour, 24 * time.Hour, 50 * time.Minute, 50*time.Minute + polled},
		"too old":                    {time.Hour, 24 * time.Hour, 2 * time.Hour, 0},
		"the person's own is less":   {2 * time.Hour, time.Hour, 90 * time.Minute, 0},
		"the person's own does, too": {2 * time.Hour, time.Hour, 59 * time.Minute, 59*time.Minute + polled},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, hourly, func(t *testing.T, m *machine) {
				m.SetSession(time.Now().Add(-c.since))
				m.signIn(t, limited(c.limit, 0), stepUp(maxAge(c.own)))
				if got := time.Since(m.session(t).AuthTime).Round(time.Second); got != c.age {
					t.Errorf("the sign-in was %v ago; want %v", got, c.age)
				}
			})
		})
	}
}

// A provider that takes no notice, or does not say when, would do so again: one page,
// then nobody is prompted until the latch ends, and nothing of it serves.
func TestLimitThatIsIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*machine)
		why    string
	}{
		"an older sign-in": {func(m *machine) { m.SetSession(time.Now().Add(-13 * time.Hour)) }, "12h59m54s ago"},
		"no auth_time": {func(m *machine) { m.TamperIDToken(0, providertest.SetClaim("auth_time", nil)) },
			"does not say when"},
		"auth_time in the future": {func(m *machine) {
			m.TamperIDToken(0, providertest.SetClaim("auth_time", time.Now().Add(time.Hour).Unix()))
		}, "does not say when"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, providertest.Config{IgnoreStepUp: true}, func(t *testing.T, m *machine) {
				c.change(m)
				under := limited(12*time.Hour, 0)
				_, err := m.process(under).get(t.Context(), access)
				if err == nil || is[*session.LoginRequiredError](err) || !strings.Contains(err.Error(), c.why) {
					t.Errorf("it ended with %v; want %q", err, c.why)
				}
				for range 3 {
					m.ends(t, "nobody has signed in here yet", under)
				}
				m.requests(t, 0, 1)
			})
		})
	}
}

// Without an age that the provider tells, the sign-in's own time counts. What an
// earlier version stored has no time in the tokens' file: the session's record has.
func TestLimitWithoutAuthTime(t *testing.T) {
	bubble(t, hourly, func(t *testing.T, m *machine) {
		m.TamperIDToken(0, providertest.SetClaim("auth_time", nil))
		m.signIn(t)
		under := limited(20*time.Minute, 0)
		time.Sleep(10 * time.Minute)
		if _, good, _ := m.process(under).Cached(access); !good {
			t.Error("not from the cache")
		}
		m.edit(t, "tokens", "signedInAt", nil)
		if _, good, _ := m.process(under).Cached(access); good {
			t.Error("from the cache, which cannot know")
		}
		m.process(under, nobody).token(t, access)
		m.requests(t, 0, 0)
		time.Sleep(10 * time.Minute)
		m.ends(t, "the person signed in 20m0s ago", under)
	})
}

// What was derived serves no longer than the session, and using it is use.
func TestLimitOfADerivedCredential(t *testing.T) {
	bubble(t, hourly, func(t *testing.T, m *machine) {
		m.signIn(t)
		p := m.process(limited(30*time.Minute, 0))
		c, err := p.get(t.Context(), p.exchanged("orders"))
		if end := time.Now().Add(30 * time.Minute); err != nil || c.ExpiresAt.After(end) {
			t.Errorf("it ends at %v, the session at %v; %v", c.ExpiresAt, end, err)
		}
		time.Sleep(31 * time.Minute)
		if _, err := m.process(limited(30*time.Minute, 0), nobody).derived(t.Context(), nil,
			"orders"); !is[*session.LoginRequiredError](err) {
			t.Errorf("it ended with %v", err)
		}
		m.exchanges(t, 1)
	})
	bubble(t, hourly, func(t *testing.T, m *machine) {
		m.signIn(t)
		for range 4 { // each exchange is use; the token itself is from the cache
			time.Sleep(8 * time.Minute)
			force := func(n *session.Need) { n.Force = true }
			if _, err := m.process(limited(0, 10*time.Minute), nobody).derived(t.Context(), force, "orders"); err != nil {
				t.Fatal(err)
			}
		}
		m.process(limited(0, 10*time.Minute), nobody).token(t, access)
		m.exchanges(t, 4)
		time.Sleep(10 * time.Minute)
		m.ends(t, "(max-idle)", limited(0, 10*time.Minute))
	})
}

// A clock that was set back does not make a session younger.
func TestLimitWithAClockSetBack(t *testing.T) {
	for name, c := range map[string]struct {
		field     string
		age, idle time.Duration
	}{"signed in in the future": {"signedInAt", time.Hour, 0}, "used in the future": {"refreshedAt", 0, time.Hour}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, hourly, func(t *testing.T, m *machine) {
				m.TamperIDToken(0, providertest.SetClaim("auth_time", nil))
				m.signIn(t)
				time.Sleep(time.Hour)
				m.edit(t, "sessions", c.field, time.Now().Add(50*time.Minute))
				m.edit(t, "tokens", "signedInAt", time.Now().Add(50*time.Minute))
				m.edit(t, "tokens", "storedAt", time.Now().Add(50*time.Minute))
				m.ends(t, "another sign-in is needed", limited(c.age, c.idle))
				m.requests(t, 0, 0)
			})
		})
	}
}

// A service is not a person: it signs in whenever it needs a token.
func TestLimitsAreForPeople(t *testing.T) {
	bubble(t, serviceConfig, func(t *testing.T, m *machine) {
		under := limited(time.Minute, time.Minute)
		first := m.process(service, under).token(t, access)
		time.Sleep(2 * time.Minute)
		if p := m.process(service, under); p.token(t, access) != first {
			t.Error("not from the cache")
		}
	})
}

// Of many processes that find a session too old, one asks.
func TestOneSignInForAllAtALimit(t *testing.T) {
	bubble(t, hourly, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(10 * time.Minute)
		for _, o := range m.together(t, 20, access, limited(5*time.Minute, 0)) {
			if o.err != nil {
				t.Error(o.err)
			}
		}
		m.requests(t, 0, 1)
	})
}
