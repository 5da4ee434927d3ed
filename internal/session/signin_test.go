package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: a person's sign-in.

// However many processes want it, a person is asked once.
func TestOneSignInForAll(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		all := m.together(t, 30, access)
		for _, o := range all {
			if o.err != nil {
				t.Fatal(o.err)
			}
		}
		if tokens := distinct(all); len(tokens) != 1 {
			t.Errorf("%d tokens of one sign-in", len(tokens))
		}
		m.requests(t, 0, 1)
		m.kept(t)
		rec := m.session(t)
		if rec.Subject != "alice" || rec.Account != "alice@corp.example" || rec.Flow != flows.FlowDevice ||
			rec.TokenEndpoint == "" {
			t.Errorf("stored is %+v", rec)
		}
	})
}

// Each flow ends with the same session.
func TestFlows(t *testing.T) {
	pastes := func(p *process) {
		browses(p)
		p.Person.Choose = func(bool) (flows.Choice, error) {
			return flows.Choice{Flow: flows.FlowPaste, Prompt: flows.PromptStderr}, nil
		}
	}
	for flow, change := range map[string]func(*process){
		flows.FlowDevice: func(*process) {}, flows.FlowPKCE: browses, flows.FlowPaste: pastes,
	} {
		t.Run(flow, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				p := m.process(change)
				p.token(t, access)
				m.kept(t)
				if rec := m.session(t); rec.Flow != flow || !slices.Equal(p.signed, []string{"alice@corp.example"}) {
					t.Errorf("stored is the flow %s, and signed in %q", rec.Flow, p.signed)
				}
				m.requests(t, 0, 1)
			})
		})
	}
}

// A flow that cannot be used gives way to the next; what a person or the provider
// decides does not.
func TestFallBack(t *testing.T) {
	choose := func(p *process) {
		browses(p)
		p.Person.Choose = func(bool) (flows.Choice, error) {
			return flows.Choice{Flow: flows.FlowPKCE, Prompt: flows.PromptStderr,
				Then: []string{flows.FlowDevice, flows.FlowPaste}}, nil
		}
	}
	for _, c := range []struct {
		name   string
		browse error
		device func(p *process)
		fell   []string
		fails  func(error) bool
	}{
		{name: "no browser", browse: flows.ErrNoBrowser, fell: []string{"device"}},
		{name: "nothing came back", browse: flows.ErrUnanswered, fell: []string{"device"}},
		{name: "no device endpoint either", browse: flows.ErrNoBrowser, fell: []string{"device", "paste"},
			fails: is[*session.LoginRequiredError],
			device: func(p *process) {
				p.m.Edit(providertest.Discovery, providertest.Without("device_authorization_endpoint"))
			}},
		{name: "denied", browse: flows.ErrDenied, fails: being(flows.ErrDenied)},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				p := m.process(choose)
				p.Person.Browse = func(session.Ask, *flows.Authorization) error { return c.browse }
				if c.device != nil {
					c.device(p)
				}
				_, err := p.get(t.Context(), access)
				if c.fails == nil && err != nil || c.fails != nil && !c.fails(err) {
					t.Errorf("it ended with %v", err)
				}
				if !slices.Equal(p.fell, c.fell) {
					t.Errorf("fell back on %q, want %q", p.fell, c.fell)
				}
			})
		})
	}
}

// Where nobody can be asked, that is said with what would make it possible.
func TestNobodyToAsk(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		p := m.process(func(p *process) {
			p.Person.Choose = func(bool) (flows.Choice, error) {
				return flows.Choice{Why: []string{"this is a test"}, Try: "be there"}, nil
			}
		})
		_, err := p.get(t.Context(), access)
		var login *session.LoginRequiredError
		if !errors.As(err, &login) || login.Try != "be there" || !slices.Equal(login.Why, []string{"this is a test"}) ||
			login.Reason == "" || login.Error() != login.Reason {
			t.Errorf("it ended with %#v", err)
		}
		if got := m.Requests().All; got > 0 {
			t.Errorf("%d requests", got)
		}
		errFacts := errors.New("no facts")
		p.Person.Choose = func(bool) (flows.Choice, error) { return flows.Choice{}, errFacts }
		if _, err := p.get(t.Context(), access); !errors.Is(err, errFacts) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// Only Login may end as somebody else, who inherits nothing of the first one.
func TestOtherPerson(t *testing.T) {
	bob := providertest.User{Subject: "bob", Email: "bob@corp.example"}
	t.Run("refused", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			m.signIn(t)
			m.RevokeSession("alice")
			time.Sleep(expired)
			m.SetUser(bob)
			_, err := m.process().get(t.Context(), access)
			var other *session.OtherPersonError
			if !errors.As(err, &other) || other.Got != "bob@corp.example" || other.Want != "alice@corp.example" {
				t.Errorf("it ended with %v", err)
			}
			if rec := m.session(t); rec.Subject != "alice" {
				t.Errorf("the session is %s's", rec.Subject)
			}
			if _, err := m.store().Tokens(m.request.SessionKey(), m.request.TokenKey()); !errors.Is(err, cache.ErrNotExist) {
				t.Errorf("tokens are left: %v", err)
			}
			m.SetUser(providertest.User{Subject: "alice", Email: "alice@corp.example"})
			m.process().token(t, access)
			m.requests(t, 1, 2)
		})
	})
	t.Run("login", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			m.signIn(t)
			if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
				t.Fatal(err)
			}
			m.SetUser(bob)
			m.signIn(t, func(p *process) { p.Person.WillingToSwitch = true })
			e, err := m.store().Entry(m.request.SessionKey())
			if err != nil || e.Session.Subject != "bob" || len(e.Derived) > 0 || len(e.Tokens) != 1 {
				t.Errorf("stored: %s, %d derived, %d tokens; %v", e.Session.Subject, len(e.Derived), len(e.Tokens), err)
			}
		})
	})
}

// Login asks whatever is stored; one that waited for another's takes that for its
// own.
func TestLogin(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(time.Second)
		m.signIn(t)
		const n = 10
		errs, signed := make(chan error, n), make(chan []string, n)
		for range n {
			go func() {
				p := m.process()
				errs <- p.Login(t.Context())
				signed <- p.signed
			}()
		}
		for range n {
			if err := <-errs; err != nil {
				t.Error(err)
			}
			if who := <-signed; !slices.Equal(who, []string{"alice@corp.example"}) {
				t.Errorf("one is told that %q signed in", who)
			}
		}
		m.requests(t, 0, 1)
	})
}

// Logins that waited for one that failed fail with it.
func TestLoginThatFailsForAll(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		errs := make(chan error, 5)
		for range 5 {
			go func() { errs <- m.process(denies).Login(t.Context()) }()
		}
		shared := 0
		for range 5 {
			if err := <-errs; is[*session.SharedError](err) {
				shared++
			} else if !errors.Is(err, flows.ErrDenied) {
				t.Errorf("it ended with %v", err)
			}
		}
		if shared != 4 {
			t.Errorf("%d of 4 adopted it", shared)
		}
		m.requests(t, 0, 1)
	})
}

// One prompt at a time on one terminal, whatever the session; and the person's time
// begins when theirs is shown.
func TestOnePromptOnATerminal(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		var shown, most atomic.Int32
		errs := make(chan error, 4)
		for i := range 4 {
			p := m.process(func(p *process) {
				p.Person.Screen = func() string { return "tty" }
				p.Person.Timeout = 2 * time.Minute
				p.Person.ShowDevice = func(ask session.Ask, d flows.DevicePrompt) error {
					most.Store(max(most.Load(), shown.Add(1)))
					if left := time.Until(ask.Until); left != 2*time.Minute {
						t.Errorf("the person has %v", left)
					}
					time.AfterFunc(20*time.Second, func() { _ = m.ApproveDevice(d.UserCode) })
					return nil
				}
				p.Person.SignedIn = func(session.Ask, credential.Identity) { shown.Add(-1) }
			})
			p.Request.Label = strings.Repeat("x", i) // a session of its own
			go func() { errs <- second(p.get(t.Context(), access)) }()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 1 {
			t.Errorf("%d prompts at once", most.Load())
		}
	})
}

// An interrupt ends the wait for a person, and for who asks one.
func TestInterruptOfASignIn(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { cancel(errInterrupt) })
		began := time.Now()
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- second(m.process(absent).get(ctx, access)) }()
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, errInterrupt) {
				t.Errorf("it ended with %v", err)
			}
		}
		if waited := time.Since(began); waited > 11*time.Second {
			t.Errorf("after %v", waited)
		}
		m.process().token(t, access) // no latch
	})
}

// What another process has brought since it was seen that a sign-in is needed
// serves, even where it lasts too short.
func TestSignInThatLastsTooShort(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		for _, o := range m.together(t, 10, rule(time.Hour)) {
			if o.err != nil {
				t.Error(o.err)
			}
		}
		m.requests(t, 0, 1)
	})
}
