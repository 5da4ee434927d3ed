package session_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: a sign-in that was denied or not completed holds others back for a
// while, so that nobody is prompted again and again.

// denies has the person say no.
func denies(p *process) {
	p.Person.ShowDevice = func(_ session.Ask, d flows.DevicePrompt) error {
		p.m.asked.Add(1)
		return p.m.DenyDevice(d.UserCode)
	}
}

// absent has the person do nothing.
func absent(p *process) {
	p.Person.ShowDevice = func(session.Ask, flows.DevicePrompt) error { p.m.asked.Add(1); return nil }
}

// It doubles with each failure in a row, up to a quarter of an hour, and ends with
// a sign-in that works.
func TestLatch(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		for i, hold := range []time.Duration{1, 2, 4, 8, 15, 15} {
			if _, err := m.process(denies).get(t.Context(), access); !errors.Is(err, flows.ErrDenied) {
				t.Fatalf("failure %d: %v", i+1, err)
			}
			asked := int(m.asked.Load())
			time.Sleep(hold*time.Minute - time.Second)
			_, err := m.process().get(t.Context(), access)
			var login *session.LoginRequiredError
			if !errors.As(err, &login) || len(login.Why) != 1 || login.Reason == "" {
				t.Errorf("held back after failure %d, with %v to go: %v", i+1, time.Second, err)
			}
			if got := int(m.asked.Load()); got != asked {
				t.Errorf("after failure %d a person was asked all the same", i+1)
			}
			time.Sleep(2 * time.Second)
		}
		m.process().token(t, access)
		if _, err := m.store().Latch(m.request.SessionKey()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("after a sign-in that worked: %v", err)
		}
	})
}

// Who sets one, and who is held back by it.
func TestWhoIsHeldBack(t *testing.T) {
	down := providertest.Fault{Status: 500}
	for _, c := range []struct {
		name  string
		first func(*process)
		fault providertest.Fault // of the sign-in
		then  func(*process)
		login bool // the second one is Login
		held  bool
	}{
		{name: "denied", first: denies, held: true},
		{name: "not completed in time", first: absent, held: true},
		{name: "the time was the tool's", first: func(p *process) { absent(p); p.Person.LatchOnTimeout = false }},
		{name: "nobody was there to ask", first: nobody},
		{name: "the provider was down", first: func(*process) {}, fault: down},
		{name: "the provider refused", first: func(*process) {}, fault: refuses("invalid_scope")},
		{name: "login is never held back", first: denies, login: true},
		{name: "another session", first: denies, then: func(p *process) { p.Request.Label = "other" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.Fault(providertest.Device, c.fault)
				if _, err := m.process(c.first).get(t.Context(), access); err == nil {
					t.Fatal("the first one did not fail")
				}
				m.ClearFaults()
				m.asked.Store(0)
				p := m.process()
				if c.then != nil {
					c.then(p)
				}
				var err error
				if c.login {
					err = p.Login(t.Context())
				} else {
					_, err = p.get(t.Context(), access)
				}
				if held := is[*session.LoginRequiredError](err) && m.asked.Load() == 0; held != c.held || err != nil && !held {
					t.Errorf("held back: %v (%v), want %v", held, err, c.held)
				}
			})
		})
	}
}

// A latch that was set in the future counts for nothing: the clock was set back,
// and nobody knows for how long it would hold.
func TestLatchOfTheFuture(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		if _, err := m.process(denies).get(t.Context(), access); err == nil {
			t.Fatal("it was not denied")
		}
		m.edit(t, "latches", "failedAt", time.Now().Add(time.Hour))
		m.edit(t, "latches", "until", time.Now().Add(2*time.Hour))
		m.process().token(t, access)
	})
}

// After a denial or a time-out the others fail at once; a latch holds back those
// who come later.
func TestDeniedForAll(t *testing.T) {
	for name, person := range map[string]func(*process){"denied": denies, "timed out": absent} {
		t.Run(name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				began := time.Now()
				signIn := 0
				for _, o := range m.together(t, 20, access, person) {
					var shared *session.SharedError
					switch {
					case errors.As(o.err, &shared) && shared.Kind == session.FailedSignIn:
					case errors.Is(o.err, flows.ErrDenied), errors.Is(o.err, flows.ErrTimedOut):
						signIn++
					default:
						t.Errorf("it ended with %v", o.err)
					}
				}
				if waited := time.Since(began); waited > 2*time.Minute {
					t.Errorf("they waited for %v", waited)
				}
				m.requests(t, 0, 1)
			})
		})
	}
}

// An error that came over the loopback alone holds back for seconds: another user
// of the machine can have sent it.
func TestLatchOfTheLoopback(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.DenyLogins("access_denied")
		if _, err := m.process(browses).get(t.Context(), access); !errors.Is(err, flows.ErrDenied) {
			t.Fatalf("it ended with %v", err)
		}
		m.DenyLogins("")
		if _, err := m.process(browses).get(t.Context(), access); !is[*session.LoginRequiredError](err) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(11 * time.Second)
		m.process(browses).token(t, access)
		m.requests(t, 0, 2)
	})
}

// browses has the person sign in with a browser, which finds the listener of the
// process by its socket.
func browses(p *process) {
	p.Person.Choose = func(bool) (flows.Choice, error) {
		return flows.Choice{Flow: flows.FlowPKCE, Prompt: flows.PromptStderr}, nil
	}
	p.Person.Browse = func(_ session.Ask, a *flows.Authorization) error {
		p.m.asked.Add(1)
		r, err := http.NewRequest(http.MethodGet, a.URL, nil)
		if err != nil {
			return err
		}
		res, err := answer(p.m.server, r)
		if err != nil {
			return err
		}
		back := res.Header.Get("Location")
		if !strings.HasPrefix(back, a.RedirectURI) {
			return errors.New("the browser is sent to " + back)
		}
		go func() { // the page comes only when the sign-in is over
			browser := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if page, err := browser.Get(back); err == nil {
				_ = page.Body.Close()
			}
		}()
		return nil
	}
}
