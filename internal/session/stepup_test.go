package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: what is asked of the sign-in behind a credential (RFC 9470).

var stepUpConfig = providertest.Config{ACRs: []string{"pwd", "mfa", "key"}}

// stepUp has a process want a sign-in to be like that.
func stepUp(u flows.StepUp) func(*process) {
	return func(p *process) { p.SignIn.StepUp = u }
}

func withStepUp(n session.Need, u flows.StepUp) session.Need { n.StepUp = u; return n }

func acr(values ...string) flows.StepUp { return flows.StepUp{ACR: values} }

func maxAge(d time.Duration) flows.StepUp { return flows.StepUp{MaxAge: &d} }

// A credential serves those whose sign-in it meets; for others a person is asked,
// since a refresh cannot change how they signed in.
func TestStepUp(t *testing.T) {
	for _, c := range []struct {
		name    string
		had     flows.StepUp // of the sign-in before
		ago     time.Duration
		want    flows.StepUp
		force   bool
		refresh int
		asked   int
	}{
		{name: "nothing is asked"},
		{name: "it is met", had: acr("mfa"), want: acr("mfa")},
		{name: "one of several", had: acr("mfa"), want: acr("key", "mfa")},
		{name: "a weaker one", had: acr("pwd"), want: acr("mfa"), asked: 1},
		{name: "met, and the token has ended", had: acr("mfa"), ago: expired, want: acr("mfa"), refresh: 1},
		{name: "not met, and the token has ended", had: acr("pwd"), ago: expired, want: acr("mfa"), asked: 1},
		{name: "forced", had: acr("mfa"), ago: time.Minute, want: acr("mfa"), force: true, refresh: 1},
		{name: "recent", ago: 59 * time.Second, want: maxAge(time.Minute)},
		{name: "not recent", ago: 2 * time.Minute, want: maxAge(time.Minute), asked: 1},
		{name: "recent, and the token has ended", ago: expired, want: maxAge(time.Hour), refresh: 1},
		{name: "now", ago: time.Minute, want: maxAge(0), asked: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
				m.signIn(t, stepUp(c.had))
				time.Sleep(c.ago)
				need := withStepUp(access, c.want)
				need.Force = c.force
				m.process(stepUp(c.want)).token(t, need)
				m.requests(t, c.refresh, c.asked)
				m.kept(t)
				if login := m.session(t).Login; c.want.Unmet(login, time.Now().Add(-flows.AuthTimeSlack)) != "" {
					t.Errorf("the session is of the sign-in %+v", login)
				}
			})
		})
	}
}

// Of many processes that want a sign-in of now, one asks; the others take what came
// of that.
func TestOneStepUpForAll(t *testing.T) {
	for name, u := range map[string]flows.StepUp{"a stronger way": acr("key"), "now": maxAge(0)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(time.Minute)
				for _, o := range m.together(t, 20, withStepUp(access, u), stepUp(u)) {
					if o.err != nil {
						t.Error(o.err)
					}
				}
				m.requests(t, 0, 1)
			})
		})
	}
}

// What is derived comes of the same sign-in as its parent.
func TestStepUpOfADerivedCredential(t *testing.T) {
	bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
		m.signIn(t)
		if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
			t.Fatal(err)
		}
		strong := func(n *session.Need) { n.StepUp = acr("mfa") }
		for range 2 {
			if _, err := m.process(stepUp(acr("mfa"))).derived(t.Context(), strong, "orders"); err != nil {
				t.Fatal(err)
			}
		}
		m.requests(t, 0, 1)
		m.exchanges(t, 2)
	})
}

// A provider that takes no notice of what is asked, or refuses it, would do so
// again: others are held back, and what was there is left as it was.
func TestStepUpThatIsNotMet(t *testing.T) {
	for name, c := range map[string]struct {
		config providertest.Config
		want   flows.StepUp
		fails  func(error) bool
	}{
		"ignored": {providertest.Config{ACRs: []string{"pwd", "mfa"}, IgnoreStepUp: true}, acr("mfa"), is[*flows.UnmetError]},
		"refused": {stepUpConfig, flows.StepUp{ACR: []string{"mfa"},
			Claims: `{"id_token":{"acr":{"essential":true,"value":"none"}}}`}, is[*flows.OAuthError]},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.config, func(t *testing.T, m *machine) {
				m.signIn(t)
				ask := func() error {
					return second(m.process(browses, stepUp(c.want)).get(t.Context(), withStepUp(access, c.want)))
				}
				if err := ask(); !c.fails(err) {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, 0, 1)
				if err := ask(); !is[*session.LoginRequiredError](err) {
					t.Errorf("again: %v", err)
				}
				m.process().token(t, access)
				m.requests(t, 0, 1)
			})
		})
	}
}

// What a refusal asks the next sign-in for is remembered for an hour, whichever
// process that is.
func TestWantedClaims(t *testing.T) {
	const claims = `{"id_token":{"acr":{"essential":true,"value":"mfa"}}}`
	for name, c := range map[string]struct {
		after time.Duration
		asks  bool
	}{"soon": {time.Minute, true}, "a day later": {24 * time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
				capable := *m.dialect
				capable.Capabilities = []string{"cp1"}
				m.dialect = &capable
				m.signIn(t)
				time.Sleep(expired)
				m.Fault(providertest.RefreshToken, providertest.Fault{Times: 1, Status: http.StatusBadRequest,
					Body: fmt.Sprintf(`{"error":"interaction_required","claims":%q}`, claims)})
				_, err := m.process(nobody).get(t.Context(), access)
				if !is[*session.LoginRequiredError](err) {
					t.Fatalf("it ended with %v", err)
				}
				if got := m.session(t).WantedClaims; got != claims {
					t.Errorf("stored is %q", got)
				}
				m.kept(t)
				time.Sleep(c.after)
				m.signIn(t)
				if got := m.session(t); (got.ACR == "mfa") != c.asks || got.WantedClaims != "" {
					t.Errorf("the next sign-in has the acr %q; still wanted is %q", got.ACR, got.WantedClaims)
				}
			})
		})
	}
}

// A refresh that tells of a weaker sign-in than the one before, or of none, is not
// taken for that.
func TestRefreshOfAWeakerSignIn(t *testing.T) {
	bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
		m.signIn(t, stepUp(acr("mfa")))
		time.Sleep(expired)
		m.TamperIDToken(0, providertest.OnRefresh(providertest.SetClaim("acr", nil)))
		_, err := m.process(nobody).get(t.Context(), withStepUp(access, acr("mfa")))
		var login *session.LoginRequiredError
		if !errors.As(err, &login) {
			t.Errorf("it ended with %v", err)
		}
		m.kept(t)
	})
}

// Claims that the last sign-in did not ask for need another one.
func TestClaims(t *testing.T) {
	bubble(t, stepUpConfig, func(t *testing.T, m *machine) {
		u := flows.StepUp{Claims: `{"id_token":{"email":null}}`}
		m.signIn(t)
		time.Sleep(expired)
		m.process(stepUp(u)).token(t, withStepUp(access, u))
		m.requests(t, 0, 1)
		time.Sleep(expired)
		m.process(stepUp(u)).token(t, withStepUp(access, u))
		m.requests(t, 1, 1)
	})
}
