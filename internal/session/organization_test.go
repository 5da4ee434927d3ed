package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/internal/session"
)

// This file: one session that serves several organizations, at a stand-in of
// WorkOS, which binds a refresh token to none of them.

// workOS is a machine whose person belongs to two organizations.
type workOS struct {
	*machine
	world *hosted.World
	*hosted.WorkOS
}

func workOSBubble(t *testing.T, test func(t *testing.T, m workOS)) {
	t.Helper()
	world := hosted.New(t)
	m := workOS{&machine{dir: t.TempDir() + "/cache", dialect: dialect.Named("workos"),
		request: cache.Request{Issuer: "https://api.workos.com", ClientID: hosted.WorkOSClient, Identity: credential.Human,
			Free: cache.Free{Organization: true}}}, world, hosted.OpenWorkOS(world)}
	world.Around("api.workos.com", func(h http.Handler) http.Handler { m.machine.server = h; return h })
	world.SetOption("organizations", "org_a=Acme,org_b=Bolt")
	synctest.Test(t, func(t *testing.T) { test(t, m) })
	if v := world.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// of has a process ask for an organization's tokens, and sign in with a browser.
func of(organization string) func(*process) {
	return func(p *process) {
		browses(p)
		p.Request.Organization, p.SignIn.Organization = organization, organization
	}
}

// count fails unless there were that many sign-ins and refreshes.
func (m workOS) count(t *testing.T, signIns, refreshes int) {
	t.Helper()
	if c := m.Counts(); c.SignIns != signIns || c.Rotations != refreshes || c.Reuses > 0 || c.AtOnce > 0 {
		t.Errorf("%+v; want %d sign-ins, %d refreshes", c, signIns, refreshes)
	}
}

// organizationOf reads for which organization a token is.
func organizationOf(t *testing.T, token string) string {
	t.Helper()
	set := &credential.TokenSet{AccessToken: credential.NewSecret(token)}
	return (&flows.Provider{Dialect: dialect.Named("workos")}).OrganizationOf(set)
}

func TestOrganizationsOfOneSession(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		if got := organizationOf(t, m.process(of("org_a")).token(t, access)); got != "org_a" {
			t.Errorf("signed in to %s", got)
		}
		time.Sleep(time.Second)
		for _, name := range []string{"org_b", "org_a", "org_b"} {
			all := m.together(t, 10, access, of(name))
			for _, o := range all {
				if o.err != nil || organizationOf(t, o.token) != name {
					t.Fatalf("for %s: a token of %s, %v", name, organizationOf(t, o.token), o.err)
				}
			}
			if len(distinct(all)) != 1 {
				t.Errorf("for %s: %d tokens", name, len(distinct(all)))
			}
		}
		m.count(t, 1, 1)

		p := m.process(of(""))
		known, err := p.Organizations()
		var ids []string
		for _, o := range known {
			ids = append(ids, o.ID)
		}
		if err != nil || !slices.Equal(ids, []string{"org_a", "org_b"}) {
			t.Errorf("known are %q, %v", ids, err)
		}
		if got := p.Organization(); got != "org_a" {
			t.Errorf("where none is asked for it is %s, not the one that was signed in to", got)
		}
		if got := organizationOf(t, p.token(t, access)); got != "org_a" {
			t.Errorf("and the token is %s's", got)
		}
		if got := m.process(of("org_b")).Organization(); got != "org_b" {
			t.Errorf("asked for is org_b, it says %s", got)
		}
	})
}

func TestOrganizationsOfNobody(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		p := m.process(of("org_a"))
		if _, err := p.Organizations(); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("it ended with %v", err)
		}
		if got := p.Organization(); got != "org_a" {
			t.Errorf("it says %q", got)
		}
	})
}

// A refusal for one organization is neither the session's end nor another one's
// failure.
func TestOrganizationThatIsRefused(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		m.process(of("org_a")).token(t, access)
		time.Sleep(time.Second)
		_, err := m.process(of("org_c")).get(t.Context(), access)
		var refused *session.OrganizationError
		if !errors.As(err, &refused) || refused.Organization != "org_c" || refused.SignIn {
			t.Errorf("it ended with %v", err)
		}

		begun := make(chan struct{}, 10)
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if formOf(r)["organization_id"] == "org_c" {
				begun <- struct{}{}
				time.Sleep(time.Second)
			}
			return send()
		}
		for _, o := range m.together(t, 5, access, of("org_c")) {
			if o.err == nil {
				t.Error("it did not fail")
			}
		}
		if n := len(begun); n != 1 {
			t.Errorf("who waits for the same organization asks as well: %d refreshes", n)
		}
		<-begun
		first := make(chan error)
		go func() { first <- second(m.process(of("org_c")).get(t.Context(), access)) }()
		<-begun
		m.process(of("org_a")).token(t, forced(access))
		if err := <-first; !is[*session.OrganizationError](err) {
			t.Errorf("it ended with %v", err)
		}
		m.count(t, 1, 1)
	})
}

// An organization with an identity provider of its own needs a sign-in there, and
// the session goes on for the others.
func TestOrganizationThatNeedsASignIn(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		m.process(of("org_a")).token(t, access)
		m.world.SetOption("sso", "org_b")
		time.Sleep(time.Second)
		if _, err := m.process(of("org_b"), nobody).get(t.Context(), access); !is[*session.LoginRequiredError](err) {
			t.Errorf("with nobody to ask: %v", err)
		}
		if err := m.process(of("org_b")).Check(t.Context()); !is[*session.LoginRequiredError](err) {
			t.Errorf("asked whether it is good: %v", err)
		}
		m.count(t, 1, 0)
		if got := organizationOf(t, m.process(of("org_b")).token(t, access)); got != "org_b" {
			t.Errorf("the token is %s's", got)
		}
		m.process(of("org_a")).token(t, access)
		m.count(t, 2, 0)
	})
}

// Where the provider asks which one it is, a person chooses once; where nobody can,
// the list is in the error, and only those who name none are held back.
func TestChoiceOfAnOrganization(t *testing.T) {
	chooses := func(id string, err error) func(*process) {
		return func(p *process) {
			p.Person.ChooseOrganization = func(_ context.Context, _ session.Ask, list []flows.Organization) (string, error) {
				if len(list) != 2 || list[1] != (flows.Organization{ID: "org_b", Name: "Bolt"}) {
					return "", errors.New("the list is wrong")
				}
				return id, err
			}
		}
	}
	t.Run("chosen", func(t *testing.T) {
		workOSBubble(t, func(t *testing.T, m workOS) {
			p := m.process(of(""), chooses("org_b", nil))
			if got := organizationOf(t, p.token(t, access)); got != "org_b" {
				t.Errorf("the token is %s's", got)
			}
			known, err := p.Organizations()
			want := []cache.Organization{{ID: "org_a", Name: "Acme"}, {ID: "org_b", Name: "Bolt"}}
			if err != nil || !slices.Equal(known, want) {
				t.Errorf("known are %v, %v", known, err)
			}
			m.process(of("")).token(t, access) // it is the one from now on
			m.count(t, 1, 0)
		})
	})
	t.Run("nobody chooses", func(t *testing.T) {
		workOSBubble(t, func(t *testing.T, m workOS) {
			_, err := m.process(of("")).get(t.Context(), access)
			var which *session.OrganizationRequiredError
			if !errors.As(err, &which) || len(which.Organizations) != 2 {
				t.Errorf("it ended with %v", err)
			}
			if _, err := m.process(of("")).get(t.Context(), access); !is[*session.LoginRequiredError](err) {
				t.Errorf("again: %v", err)
			}
			m.process(of("org_b")).token(t, access)
			m.count(t, 1, 0)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		workOSBubble(t, func(t *testing.T, m workOS) {
			_, err := m.process(of(""), chooses("", flows.ErrCancelled)).get(t.Context(), access)
			if !errors.Is(err, flows.ErrCancelled) {
				t.Errorf("it ended with %v", err)
			}
			m.count(t, 0, 0)
		})
	})
	t.Run("asked for again", func(t *testing.T) {
		workOSBubble(t, func(t *testing.T, m workOS) {
			m.meet = func(r *http.Request, send sender) (*http.Response, error) {
				if formOf(r)["grant_type"] != "authorization_code" {
					return send()
				}
				return answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					http.Error(w, `{"code":"organization_selection_required","message":"choose",
						"organizations":[{"id":"org_a"},{"id":"org_b","name":"Bolt"}]}`, http.StatusForbidden)
				}), r)
			}
			p := m.process(of(""), chooses("org_b", nil))
			_, err := p.get(t.Context(), access)
			var which *session.OrganizationRequiredError
			if !errors.As(err, &which) || which.Why == "" {
				t.Errorf("it ended with %v", err)
			}
			if got := m.asked.Load(); got != 2 {
				t.Errorf("a person was asked %d times, want 2", got)
			}
		})
	})
}

// While a token that was replaced still brings its successor, an answer that was
// lost is asked for again, and costs nothing.
func TestLostAnswersWithinTheWindow(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		m.process(of("org_a")).token(t, access)
		time.Sleep(expired)
		m.world.SetOption("lose", "3")
		m.process(of("org_a")).token(t, access)
		m.count(t, 1, 1)

		time.Sleep(expired)
		m.world.SetOption("lose", "all")
		began := time.Now()
		if _, err := m.process(of("org_a")).get(t.Context(), access); !is[*flows.UnavailableError](err) {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("it goes on for %v, the window is 30s", took)
		}
		m.world.SetOption("lose", "")
		// What comes now is the answer that was lost, for org_a: it is gone on with.
		if got := organizationOf(t, m.process(of("org_b")).token(t, access)); got != "org_b" {
			t.Errorf("the token is %s's", got)
		}
		m.count(t, 1, 3)
		m.process(of("org_a")).token(t, access)
		m.count(t, 1, 4)
	})
}

// Its session is ended by its own page; what the provider does not end is said.
func TestLogoutOfAWorkOSSession(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		m.process(of("org_a")).token(t, access)
		out, err := m.process(of("org_b")).Logout(t.Context())
		if err != nil || out.NotSo != nil || m.Counts().SignOuts != 1 {
			t.Errorf("%+v, %v; %d signed out", out, err, m.Counts().SignOuts)
		}
	})
}

// One sign-in brings tokens for those who want another organization's, too.
func TestOneSignInForAllOrganizations(t *testing.T) {
	workOSBubble(t, func(t *testing.T, m workOS) {
		errs := make(chan error, 10)
		for i := range 10 {
			name := []string{"org_a", "org_b"}[i%2]
			p := m.process(absent, func(p *process) { p.Request.Organization, p.SignIn.Organization = name, name })
			go func() {
				c, err := p.get(t.Context(), access)
				if err == nil && organizationOf(t, c.Token.Reveal()) != name {
					t.Errorf("for %s: a token of %s", name, organizationOf(t, c.Token.Reveal()))
				}
				errs <- err
			}()
		}
		for range 10 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if c := m.Counts(); c.SignIns != 1 || c.Rotations > 2 || c.Reuses > 0 {
			t.Errorf("%+v; want one sign-in", c)
		}
	})
}
