package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: what is derived from the token, link by link.

// exchanges fails unless that many exchanges reached the provider.
func (m *machine) exchanges(t *testing.T, want int) {
	t.Helper()
	if got := m.Requests().TokenExchange; got != want {
		t.Errorf("%d exchanges, want %d", got, want)
	}
}

// derived is get for a chain of exchanges.
func (p *process) derived(ctx context.Context, change func(*session.Need), audiences ...string) (string, error) {
	need := p.exchanged(audiences...)
	if change != nil {
		change(&need)
	}
	c, err := p.get(ctx, need)
	return c.Token.Reveal(), err
}

// Each link is made once for all, and kept next to its parent.
func TestOneExchangeForAll(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		const n = 20
		got, errs := make(chan string, n), make(chan error, n)
		for range n {
			go func() {
				token, err := m.process().derived(t.Context(), nil, "orders", "billing")
				got <- token
				errs <- err
			}()
		}
		tokens := map[string]bool{}
		for range n {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
			tokens[<-got] = true
		}
		if len(tokens) != 1 {
			t.Errorf("%d tokens of one chain", len(tokens))
		}
		m.requests(t, 1, 0)
		m.exchanges(t, 2)

		for _, c := range []struct {
			audiences []string
			exchanges int // by then
		}{
			{[]string{"orders"}, 2},
			{[]string{"orders", "billing"}, 2},
			{[]string{"billing"}, 3},
			{[]string{"orders", "stock"}, 4},
		} {
			if _, err := m.process().derived(t.Context(), nil, c.audiences...); err != nil {
				t.Fatal(err)
			}
			m.exchanges(t, c.exchanges)
		}
	})
}

// Force makes the last link again, out of the parent that is there.
func TestForceOfADerivedCredential(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		first, err := m.process().derived(t.Context(), nil, "orders")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		again, err := m.process().derived(t.Context(), func(n *session.Need) { n.Force = true }, "orders")
		if err != nil || again == first {
			t.Errorf("got %q again, %v", again, err)
		}
		m.requests(t, 0, 0)
		m.exchanges(t, 2)
	})
}

// A refusal that is about what was given makes that again, once, without asking
// anybody. Any other is final; and so is one of a parent that is fresh.
func TestRefusedParent(t *testing.T) {
	for _, c := range []struct {
		name      string
		fault     providertest.Fault
		refreshes int
		exchanges int
		fails     bool
	}{
		{"an invalid token", refusesOnce("invalid_request"), 1, 2, false},
		{"of RFC 6750", refusesOnce("invalid_token"), 1, 2, false},
		{"an invalid grant", refusesOnce("invalid_grant"), 1, 2, false},
		{"again and again", refuses("invalid_request"), 1, 2, true},
		{"the target", refuses("invalid_target"), 0, 1, true},
		{"denied", refuses("access_denied"), 0, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(time.Second)
				m.Fault(providertest.TokenExchange, c.fault)
				_, err := m.process().derived(t.Context(), nil, "orders")
				if (err != nil) != c.fails || c.fails && !is[*flows.OAuthError](err) {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, c.refreshes, 0)
				m.exchanges(t, c.exchanges)
			})
		})
	}
	t.Run("a fresh one", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			m.signIn(t)
			time.Sleep(expired)
			m.Fault(providertest.TokenExchange, refuses("invalid_request"))
			if _, err := m.process().derived(t.Context(), nil, "orders"); !is[*flows.OAuthError](err) {
				t.Errorf("it ended with %v", err)
			}
			m.requests(t, 1, 0)
			m.exchanges(t, 1)
		})
	})
}

func refusesOnce(code string) providertest.Fault {
	f := refuses(code)
	f.Times = 1
	return f
}

// STS has codes of its own for a parent that it does not take.
func TestRefusedParentOfAWS(t *testing.T) {
	for code, refreshes := range map[string]int{"InvalidIdentityToken": 1, "ExpiredTokenException": 1, "AccessDenied": 0} {
		t.Run(code, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(time.Second)
				var given []string
				p := m.process()
				_, err := p.get(t.Context(), p.assumes(func(parent credential.Credential) error {
					if given = append(given, parent.Token.Reveal()); len(given) == 1 {
						return &sts.Error{Code: code}
					}
					return nil
				}))
				if (err != nil) != (refreshes == 0) {
					t.Errorf("it ended with %v", err)
				}
				if len(given) != 1+refreshes || refreshes > 0 && given[0] == given[1] {
					t.Errorf("%d exchanges, and the parents %q", len(given), given)
				}
				m.requests(t, refreshes, 0)
			})
		})
	}
}

// assumes asks for a role's AWS keys, which a function may refuse.
func (p *process) assumes(refuse func(parent credential.Credential) error) session.Need {
	need := id
	need.Steps = []session.Step{{Kind: "role", Params: "arn", For: "arn",
		Run: func(_ context.Context, parent credential.Credential) (credential.Credential, error) {
			if err := refuse(parent); err != nil {
				return credential.Credential{}, err
			}
			now := time.Now()
			keys := &credential.AWSKeys{AccessKeyID: "AKIA",
				SecretAccessKey: credential.NewSecret("s"), SessionToken: credential.NewSecret("t")}
			return credential.Credential{IssuedAt: now, ExpiresAt: now.Add(time.Hour), AWS: keys}, nil
		}}}
	return need
}

// In a longer chain it is the link before that is made again.
func TestRefusedParentInAChain(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		m.Fault(providertest.TokenExchange, refusesOnce("invalid_request"))
		if _, err := m.process().derived(t.Context(), nil, "orders", "billing"); err != nil {
			t.Fatal(err)
		}
		m.requests(t, 0, 0)
		m.exchanges(t, 4) // the first; refused; the first again; the second
	})
}

// A server in trouble is asked three times, a refusal once; whoever waited adopts
// the failure.
func TestFailedExchange(t *testing.T) {
	for _, c := range []struct {
		name      string
		fault     providertest.Fault
		kind      string
		exchanges int
	}{
		{"down", providertest.Fault{Status: 503}, session.FailedProvider, 3},
		{"refused", refuses("invalid_target"), session.FailedOther, 1},
		{"busy", providertest.Fault{Status: 429, Header: http.Header{"Retry-After": {"6"}}}, session.FailedProvider, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				m.meet = func(r *http.Request, send sender) (*http.Response, error) {
					time.Sleep(time.Second)
					return send()
				}
				m.Fault(providertest.TokenExchange, c.fault)
				const n = 10
				errs := make(chan error, n)
				for range n {
					go func() { errs <- second(m.process().derived(t.Context(), nil, "orders")) }()
				}
				adopted := 0
				for range n {
					var shared *session.SharedError
					if err := <-errs; err == nil {
						t.Error("it did not fail")
					} else if errors.As(err, &shared) && shared.Kind == c.kind {
						adopted++
					}
				}
				if adopted != n-1 {
					t.Errorf("%d of %d adopted it", adopted, n-1)
				}
				m.exchanges(t, c.exchanges)
			})
		})
	}
}

func TestExchangeThatRecovers(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		m.Fault(providertest.TokenExchange, providertest.Fault{Status: 503, Times: 2})
		if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
			t.Error(err)
		}
		m.exchanges(t, 3)
	})
}

// A step that fails for what is on this machine fails for all, by its own kind.
func TestFailedStep(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		errNoHelper := errors.New("the helper is gone")
		ran := make(chan struct{}, 10)
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				p := m.process()
				errs <- second(p.get(t.Context(), p.assumes(func(credential.Credential) error {
					ran <- struct{}{}
					time.Sleep(time.Second)
					return errNoHelper
				})))
			}()
		}
		for range 10 {
			err := <-errs
			var shared *session.SharedError
			if !errors.Is(err, errNoHelper) && !(errors.As(err, &shared) && shared.Kind == session.FailedOther) {
				t.Errorf("it ended with %v", err)
			}
		}
		if len(ran) != 1 {
			t.Errorf("it ran %d times", len(ran))
		}
	})
}

// When somebody else has signed in meanwhile, what was derived of the one person
// is not left for the other.
func TestDerivedOfAnother(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if formOf(r)["audience"] != "" {
				m.meet = nil
				m.SetUser(providertest.User{Subject: "bob", Email: "bob@corp.example"})
				m.signIn(t, func(p *process) { p.Person.WillingToSwitch = true })
			}
			return send()
		}
		if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
			t.Fatal(err)
		}
		e, err := m.store().Entry(m.request.SessionKey())
		if err != nil || e.Session.Subject != "bob" || len(e.Derived) > 0 {
			t.Errorf("left for %s: %v, %v", e.Session.Subject, e.Derived, err)
		}
	})
}

// What is still valid serves where a new one cannot be had.
func TestDerivedStillValid(t *testing.T) {
	longer := func(n *session.Need) { n.MinTTL = rule(4 * time.Minute).MinTTL }
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		first, err := m.process().derived(t.Context(), nil, "orders")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		m.Fault(providertest.TokenExchange, providertest.Fault{Status: 503})
		p := m.process()
		if again, err := p.derived(t.Context(), longer, "orders"); err != nil || again != first {
			t.Errorf("got %q, %v", again, err)
		}
		mentions(t, p.warnings(), "could not be renewed")
		demanded := func(n *session.Need) { n.MinTTL.Exact = 4 * time.Minute }
		if _, err := m.process().derived(t.Context(), demanded, "orders"); !is[*flows.UnavailableError](err) {
			t.Errorf("where it is demanded: %v", err)
		}
	})
}

// Nothing is kept, but a chain works all the same.
func TestDerivedWithoutAStore(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		p := m.process(func(p *process) { p.Store = nil })
		if _, err := p.derived(t.Context(), nil, "orders", "billing"); err != nil {
			t.Fatal(err)
		}
		m.requests(t, 0, 1)
		m.exchanges(t, 2)
		if _, err := m.store().Entry(m.request.SessionKey()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("something is stored: %v", err)
		}
	})
}
