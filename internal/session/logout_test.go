package session_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: the end of a session, and what is known of one.

// forgotten fails if anything is left of the session.
func (m *machine) forgotten(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"sessions", "tokens", "derived", "latches"} {
		_ = os.Remove(m.dir + "/" + kind + "/" + m.request.SessionKey()) // an empty directory
		if left, _ := os.ReadDir(m.dir + "/" + kind); len(left) > 0 {
			t.Errorf("left in %s: %v", kind, left)
		}
	}
}

// It is forgotten whatever the provider says, and what that did is told.
func TestLogout(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, m *machine)
		change  func(*process)
		notSo   func(error) bool // nil: it is revoked, or had ended
		ended   bool
		revoked int // requests
	}{
		{name: "revoked", revoked: 2},
		{name: "after a failed sign-in", revoked: 2, prepare: func(t *testing.T, m *machine) {
			if err := m.process(denies).Login(t.Context()); err == nil {
				t.Error("it was not denied")
			}
		}},
		{name: "the tokens have ended", revoked: 1, prepare: func(*testing.T, *machine) { time.Sleep(expired) }},
		{name: "it had ended", ended: true, prepare: func(t *testing.T, m *machine) {
			time.Sleep(expired)
			m.RevokeSession("alice")
			if err := m.process().Check(t.Context()); err == nil {
				t.Error("it has not ended")
			}
		}},
		{name: "down", revoked: 2, notSo: is[*flows.UnavailableError], prepare: func(_ *testing.T, m *machine) {
			m.Fault(providertest.Revoke, providertest.Fault{Status: 503})
		}},
		{name: "refused", revoked: 1, notSo: is[*flows.OAuthError], prepare: func(_ *testing.T, m *machine) {
			m.Fault(providertest.Revoke, refuses("invalid_client"))
		}},
		{name: "not of this kind", revoked: 2, notSo: being(flows.ErrNotSupported),
			prepare: func(_ *testing.T, m *machine) { m.Fault(providertest.Revoke, refuses("unsupported_token_type")) }},
		{name: "out of reach", notSo: is[*flows.UnavailableError], prepare: func(t *testing.T, m *machine) {
			time.Sleep(25 * time.Hour)
			m.Fault(providertest.Discovery, providertest.Fault{Drop: true})
		}},
		{name: "no such endpoint", notSo: being(flows.ErrNotSupported), prepare: func(_ *testing.T, m *machine) {
			time.Sleep(25 * time.Hour)
			m.Edit(providertest.Discovery, providertest.Without("revocation_endpoint"))
		}},
		{name: "elsewhere", notSo: is[*flows.VerifyError], prepare: func(_ *testing.T, m *machine) {
			time.Sleep(25 * time.Hour)
			m.Edit(providertest.Discovery, providertest.With("revocation_endpoint", "http://127.0.0.1:1/revoke"))
		}},
		{name: "the client cannot authenticate", notSo: being(errInterrupt), change: func(p *process) {
			p.NewClient = func(context.Context) (flows.Client, error) { return flows.Client{}, errInterrupt }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				if _, err := m.process().derived(t.Context(), nil, "orders"); err != nil {
					t.Fatal(err)
				}
				last, was := m.tokens(t).AccessToken, m.session(t)
				if c.prepare != nil {
					c.prepare(t, m)
				}
				p := m.process()
				if c.change != nil {
					c.change(p)
				}
				out, err := p.Logout(t.Context())
				if err != nil || out.Account != "alice@corp.example" || out.Ended != c.ended ||
					(out.NotSo != nil) != (c.notSo != nil) || c.notSo != nil && !c.notSo(out.NotSo) {
					t.Errorf("%+v, %v", out, err)
				}
				if !c.ended && !out.AccessToken.Equal(last) {
					t.Error("the access token is not the last one")
				}
				if got := m.Requests().Revoke; got != c.revoked {
					t.Errorf("%d requests to revoke, want %d", got, c.revoked)
				}
				if c.notSo == nil && (m.Alive(was.RefreshToken.Reveal()) || m.AccessTokenAlive(last.Reveal())) {
					t.Error("the tokens live on")
				}
				m.forgotten(t)
				if _, err := m.process().Logout(t.Context()); !errors.Is(err, cache.ErrNotExist) {
					t.Errorf("again: %v", err)
				}
			})
		})
	}
}

// Whoever waits for a refresh while somebody logs out finds nothing to refresh
// with; a logout waits for a refresh that is under way, and revokes what came.
func TestLogoutDuringARefresh(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		begun := make(chan struct{})
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if isRefresh(r) {
				close(begun)
				time.Sleep(time.Second)
			}
			return send()
		}
		refreshed := make(chan error)
		go func() { refreshed <- second(m.process().get(t.Context(), access)) }()
		<-begun
		if out, err := m.process().Logout(t.Context()); err != nil || out.NotSo != nil {
			t.Errorf("%+v, %v", out, err)
		}
		if err := <-refreshed; err != nil {
			t.Error(err)
		}
		m.forgotten(t)
		if n := m.ActiveFamilies(); n > 0 {
			t.Errorf("%d sessions live on at the provider", n)
		}
	})
}

// An interrupt before the provider has answered forgets nothing: it can be tried
// again.
func TestInterruptOfALogout(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		m.meet = func(r *http.Request, _ sender) (*http.Response, error) {
			cancel(errInterrupt)
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		if _, err := m.process().Logout(ctx); !errors.Is(err, errInterrupt) {
			t.Errorf("it ended with %v", err)
		}
		m.kept(t)
	})
}

// Keys of AWS cannot be revoked: until when they live is told.
func TestLogoutWithAWSKeys(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		p := m.process()
		if _, err := p.get(t.Context(), p.assumes(func(credential.Credential) error { return nil })); err != nil {
			t.Fatal(err)
		}
		want := time.Now().Add(time.Hour)
		time.Sleep(time.Minute)
		if out, err := m.process().Logout(t.Context()); err != nil || !out.KeysUntil.Equal(want) {
			t.Errorf("they live until %v, not %v; %v", out.KeysUntil, want, err)
		}
	})
}

// A session that does not parse is removed too; whether the provider takes it
// cannot be determined.
func TestLogoutOfADamagedSession(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		m.edit(t, "sessions", "signedInAt", "yesterday")
		if out, err := m.process().Logout(t.Context()); err != nil || !errors.Is(out.NotSo, cache.ErrCorrupt) {
			t.Errorf("%+v, %v", out, err)
		}
		m.forgotten(t)

		m.signIn(t)
		m.edit(t, "sessions", "version", 2)
		if _, err := m.process().Logout(t.Context()); !is[*cache.NewerError](err) {
			t.Errorf("of a later format: %v", err)
		}
	})
}

// What cannot be removed is said, next to what the provider did.
func TestNotForgotten(t *testing.T) {
	for revoked, words := range map[bool]string{true: "revoked at the provider", false: "had ended at the provider"} {
		e := &session.NotForgottenError{Revoked: revoked, Err: errors.New("a full disk")}
		if text := e.Error(); !strings.Contains(text, words) || !strings.Contains(text, "a full disk") ||
			!is[*session.StorageError](e) {
			t.Errorf("%v", e)
		}
	}
}

// Check asks the provider, and nobody else.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault providertest.Fault
		fails func(error) bool
	}{
		{name: "good"},
		{name: "ended", fault: refuses("invalid_grant"), fails: is[*session.LoginRequiredError]},
		{name: "a person is needed", fault: refuses("login_required"), fails: is[*session.LoginRequiredError]},
		{name: "down", fault: providertest.Fault{Status: 503}, fails: is[*flows.UnavailableError]},
		{name: "refused", fault: refuses("invalid_client"), fails: is[*flows.OAuthError]},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(time.Second)
				m.Fault(providertest.RefreshToken, c.fault)
				if err := m.process().Check(t.Context()); (err != nil) != (c.fails != nil) || c.fails != nil && !c.fails(err) {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, m.Requests().RefreshToken, 0)
			})
		})
	}
	t.Run("nobody", func(t *testing.T) {
		bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
			if err := m.process().Check(t.Context()); !is[*session.LoginRequiredError](err) {
				t.Errorf("it ended with %v", err)
			}
		})
	})
}

// A session is found by what is stored of it alone, whatever was asked for.
func TestAt(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.request.Label = "work"
		m.signIn(t)
		entries, _, err := m.store().List()
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		m.request.Label = ""
		p := m.process()
		if _, err := p.Stored(); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("under another name: %v", err)
		}
		p.At(entries[0])
		if e, err := p.Stored(); err != nil || e.Session.Account != "alice@corp.example" {
			t.Errorf("%+v, %v", e, err)
		}
		if c, good, err := p.Cached(access); err != nil || !good || c.Token.IsZero() {
			t.Errorf("its token: %v, %v", good, err)
		}
		if _, err := p.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		m.request.Label = "work"
		m.forgotten(t)
	})
}
