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
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: a session is forgotten only on logout (logout_test.go), on a changed
// subject, or on invalid_grant, and then only if the stored refresh token is still
// the one that was sent. A provider that is down, slow or talks nonsense costs
// nobody a session and opens no browser.

func TestWhatEndsASession(t *testing.T) {
	status := func(code int, body string) providertest.Fault { return providertest.Fault{Status: code, Body: body} }
	for _, c := range []struct {
		name  string
		fault providertest.Fault
		slow  bool
		ends  bool // it is forgotten, except whose it was
		asks  bool // a person
		fails func(error) bool
	}{
		{name: "invalid_grant", fault: refuses("invalid_grant"), ends: true, asks: true},
		{name: "login_required", fault: refuses("login_required"), asks: true},
		{name: "interaction_required", fault: refuses("interaction_required"), asks: true},
		{name: "insufficient_user_authentication", fault: refuses("insufficient_user_authentication"), asks: true},

		{name: "invalid_client", fault: refuses("invalid_client"), fails: is[*flows.OAuthError]},
		{name: "unauthorized_client", fault: refuses("unauthorized_client"), fails: is[*flows.OAuthError]},
		{name: "invalid_scope", fault: refuses("invalid_scope"), fails: is[*flows.OAuthError]},
		{name: "access_denied", fault: refuses("access_denied"), fails: is[*flows.OAuthError]},
		{name: "a code of its own", fault: refuses("invalid_grant_type"), fails: is[*flows.OAuthError]},
		{name: "the words alone", fault: status(400, `{"error":"x","error_description":"invalid_grant"}`),
			fails: is[*flows.OAuthError]},

		{name: "500", fault: status(500, `{"error":"invalid_grant"}`), fails: is[*flows.UnavailableError]},
		{name: "503", fault: status(503, ""), fails: is[*flows.UnavailableError]},
		{name: "429", fault: providertest.Fault{Status: 429, Header: http.Header{"Retry-After": {"60"}}},
			fails: is[*flows.UnavailableError]},
		{name: "404", fault: status(404, "no such page"), fails: is[*flows.UnavailableError]},
		{name: "401 of a page", fault: status(401, "<html>invalid_grant</html>"), fails: is[*flows.UnavailableError]},
		{name: "400 without an error", fault: status(400, "{}"), fails: is[*flows.UnavailableError]},
		{name: "200 with a page", fault: status(200, "<html>"), fails: is[*flows.UnavailableError]},
		{name: "200 with nothing", fault: status(200, "{}"), fails: is[*flows.UnavailableError]},
		{name: "200 with null", fault: status(200, "null"), fails: is[*flows.UnavailableError]},
		{name: "204", fault: status(204, ""), fails: is[*flows.UnavailableError]},
		{name: "elsewhere", fault: providertest.Fault{Redirect: "http://127.0.0.1:1/"}, fails: is[*flows.UnavailableError]},
		{name: "cut off", fault: providertest.Fault{Drop: true}, fails: is[*flows.UnavailableError]},
		{name: "without end", fault: providertest.Fault{OversizeBytes: 2 << 20}, fails: is[*flows.UnavailableError]},
		{name: "silent", slow: true, fails: is[*flows.UnavailableError]},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				before := m.session(t)
				time.Sleep(expired)
				if c.slow {
					m.meet = hangs
				}
				m.Fault(providertest.RefreshToken, c.fault)
				p := m.process(func(p *process) {
					p.Person.ShowDevice = func(session.Ask, flows.DevicePrompt) error { m.asked.Add(1); return flows.ErrDenied }
				})
				_, err := p.get(t.Context(), access)
				if c.asks && !errors.Is(err, flows.ErrDenied) || !c.asks && !c.fails(err) {
					t.Errorf("it ended with %v (%T)", err, err)
				}
				if asked := m.asked.Load() > 0; asked != c.asks {
					t.Errorf("a person was asked: %v", asked)
				}
				after := m.session(t)
				if after.Subject != "alice" || after.EndedAt.IsZero() == c.ends || after.RefreshToken.IsZero() != c.ends {
					t.Errorf("stored is %+v", after)
				}
				if c.ends {
					return
				}
				if !after.RefreshToken.Equal(before.RefreshToken) {
					t.Error("the stored token is another one")
				}
				m.meet = nil
				m.ClearFaults()
				m.asked.Store(0)
				m.process().token(t, access)
				if m.asked.Load() > 0 {
					t.Error("afterwards a person was asked, though the session had not ended")
				}
			})
		})
	}
}

// An answer for somebody else ends the session at once, with all that was derived.
func TestChangedSubject(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		m.TamperIDToken(1, providertest.OtherSubject)
		if _, err := m.process().get(t.Context(), access); !is[*flows.SubjectError](err) {
			t.Errorf("it ended with %v", err)
		}
		for what, err := range map[string]error{"session": second(m.store().Session(m.request.SessionKey())),
			"tokens": second(m.store().Tokens(m.request.SessionKey(), m.request.TokenKey()))} {
			if !errors.Is(err, cache.ErrNotExist) {
				t.Errorf("the %s: %v", what, err)
			}
		}
		m.requests(t, 1, 0)
	})
}

// Somebody wrote without the lock, and the provider no longer knows the token that
// was sent: what they wrote is adopted, and nothing is forgotten.
func TestReplacedWhileRefreshing(t *testing.T) {
	for _, c := range []struct {
		name      string
		replace   func(t *testing.T, m *machine, n int) // before the n-th refresh is answered
		refreshes int
		fails     bool
	}{
		{name: "with good tokens", refreshes: 1, replace: func(t *testing.T, m *machine, _ int) {
			m.replace(t, "rt-other")
			m.writeToken(t, "at-other")
		}},
		{name: "without", refreshes: 2, replace: func(t *testing.T, m *machine, n int) {
			if n == 1 {
				m.replace(t, m.RefreshTokens()[0])
			}
		}},
		{name: "again and again", refreshes: 2, fails: true, replace: func(t *testing.T, m *machine, n int) {
			m.replace(t, "rt-other-"+string(rune('0'+n)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(expired)
				m.replace(t, "rt-stale")
				n := 0
				m.meet = func(r *http.Request, send sender) (*http.Response, error) {
					if isRefresh(r) {
						n++
						c.replace(t, m, n)
					}
					return send()
				}
				_, err := m.process().get(t.Context(), access)
				if is[*flows.UnavailableError](err) != c.fails || err != nil && !c.fails {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, c.refreshes, 0)
				if rec := m.session(t); !rec.EndedAt.IsZero() || rec.RefreshToken.IsZero() {
					t.Errorf("the session that replaced it is forgotten: %+v", rec)
				}
			})
		})
	}
}

// replace writes a session with another refresh token, and takes no lock for it.
func (m *machine) replace(t *testing.T, token string) {
	t.Helper()
	rec := m.session(t)
	rec.RefreshToken = credential.NewSecret(token)
	room, err := m.store().Reserve(context.Background(), m.request.SessionKey())
	if err == nil {
		err = room.Commit(rec)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeToken stores an access token that is good for an hour.
func (m *machine) writeToken(t *testing.T, token string) {
	t.Helper()
	tokens := &cache.Tokens{TokenType: "Bearer", AccessToken: credential.NewSecret(token),
		IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	if err := m.store().WriteTokens(m.request.SessionKey(), m.request.TokenKey(), tokens); err != nil {
		t.Fatal(err)
	}
}

// A provider in trouble opens no browser for those who have a session; for those
// who have none, it fails before anybody is asked.
func TestProviderOutOfReach(t *testing.T) {
	for _, endpoint := range []providertest.Endpoint{providertest.Discovery, providertest.JWKS} {
		t.Run(string(endpoint), func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.Fault(endpoint, providertest.Fault{Status: 503})
				if _, err := m.process().get(t.Context(), access); !is[*flows.UnavailableError](err) {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, 0, 0)
				if got := m.Requests().All; got != 2 && endpoint == providertest.Discovery {
					t.Errorf("%d requests, want 2", got)
				}
			})
		})
	}
}

// Metadata serves for a day; then it is asked for again, and a provider that has
// none at that moment costs no session.
func TestMetadataIsKept(t *testing.T) {
	bubble(t, providertest.Config{RefreshTokenLifetime: 72 * time.Hour}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(23 * time.Hour)
		m.process().token(t, access)
		if got := m.Requests(); got.Discovery+got.JWKS > 0 {
			t.Errorf("it is asked for within a day: %+v", got)
		}
		time.Sleep(2 * time.Hour)
		m.Fault(providertest.Discovery, providertest.Fault{Status: 500})
		if _, err := m.process().get(t.Context(), access); !is[*flows.UnavailableError](err) {
			t.Errorf("without metadata: %v", err)
		}
		m.requests(t, 1, 0)
		m.kept(t)
		m.ClearFaults()
		m.process().token(t, access)
		m.requests(t, 2, 0)
	})
}
