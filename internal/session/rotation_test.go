package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: a rotated refresh token is on disk before anything else is done with
// the response, however odd the rest of that is. An interrupt waits for that.

func TestRotatedTokenIsKept(t *testing.T) {
	with := func(members ...any) func(map[string]any) {
		return func(answer map[string]any) {
			for i := 0; i < len(members); i += 2 {
				answer[members[i].(string)] = members[i+1]
			}
		}
	}
	for _, c := range []struct {
		name   string
		edit   func(map[string]any)
		tamper providertest.Tamper
		jwks   providertest.Fault
		fails  func(error) bool // nil: the answer will do
	}{
		{name: "signature", tamper: providertest.BadSignature, fails: is[*flows.VerifyError]},
		{name: "alg none", tamper: providertest.AlgNone, fails: is[*flows.VerifyError]},
		{name: "issuer", tamper: providertest.WrongIssuer, fails: is[*flows.VerifyError]},
		{name: "audience", tamper: providertest.WrongAudience, fails: is[*flows.VerifyError]},
		{name: "at_hash", tamper: providertest.WrongATHash, fails: is[*flows.VerifyError]},
		{name: "times", tamper: providertest.Expired, fails: is[*flows.VerifyError]},
		{name: "no JWT", edit: with("id_token", "nonsense"), fails: is[*flows.VerifyError]},
		{name: "keys out of reach", tamper: providertest.UnknownKey, jwks: providertest.Fault{Status: 503},
			fails: is[*flows.UnavailableError]},
		{name: "no access token", edit: providertest.Without("access_token"), fails: is[*flows.UnavailableError]},
		{name: "access token a number", edit: with("access_token", 7), fails: is[*flows.UnavailableError]},
		{name: "token type", edit: with("token_type", "DPoP"), fails: is[*flows.VerifyError]},
		{name: "an error next to it", edit: with("error", "server_error"), fails: is[*flows.OAuthError]},
		{name: "invalid_grant next to it", edit: with("error", "invalid_grant"), // what came is gone on with, once
			fails: is[*flows.UnavailableError]},
		{name: "nothing else", edit: func(answer map[string]any) {
			for name := range answer {
				if name != "refresh_token" {
					delete(answer, name)
				}
			}
		}, fails: is[*flows.UnavailableError]},
		{name: "life a text", edit: with("expires_in", "soon")},
		{name: "life a fraction", edit: with("expires_in", 299.5)},
		{name: "life an object", edit: with("expires_in", map[string]any{})},
		{name: "all of another type", edit: with("expires_in", []int{1}, "scope", 3, "token_type", nil, "id_token", false)},
		{name: "no ID token", edit: providertest.Without("id_token")},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				before := m.session(t)
				time.Sleep(expired)
				m.Edit(providertest.RefreshToken, c.edit)
				m.TamperIDToken(1, c.tamper)
				m.Fault(providertest.JWKS, c.jwks)
				_, err := m.process().get(t.Context(), access)
				if c.fails == nil && err != nil || c.fails != nil && (err == nil || !c.fails(err)) {
					t.Errorf("it ended with %v (%T)", err, err)
				}
				m.kept(t)
				if after := m.session(t); after.Subject != before.Subject || after.RefreshToken.Equal(before.RefreshToken) {
					t.Errorf("stored before: %v, after: %v", before, after)
				}

				m.Edit(providertest.RefreshToken, nil)
				m.ClearFaults()
				time.Sleep(time.Second)
				m.ResetRequests()
				m.process().token(t, forced(access))
				m.requests(t, 1, 0)
				if m.Reuses() > 0 {
					t.Error("a token was sent that had been replaced")
				}
			})
		})
	}
}

// What verifies the answer may ask for the provider's keys: at that moment the
// token is stored already.
func TestRotatedTokenIsKeptFirst(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		asked := false
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/keys") {
				asked = true
				m.kept(t)
				if tokens := m.tokens(t); time.Until(tokens.ExpiresAt) > 0 {
					t.Error("its access token is stored before the answer is verified")
				}
			}
			return send()
		}
		if err := m.RotateKeys(); err != nil {
			t.Fatal(err)
		}
		m.process().token(t, access)
		if !asked {
			t.Error("the keys were not asked for")
		}
		m.requests(t, 1, 0)
	})
}

// At a first sign-in nothing is stored before it is verified.
func TestSignInThatDoesNotVerify(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.TamperIDToken(1, providertest.BadSignature)
		if _, err := m.process().get(t.Context(), access); !is[*flows.VerifyError](err) {
			t.Errorf("it ended with %v", err)
		}
		if _, err := m.store().Session(m.request.SessionKey()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("a session is stored: %v", err)
		}
		if _, err := m.store().Tokens(m.request.SessionKey(), m.request.TokenKey()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("tokens are stored: %v", err)
		}
	})
}

// An interrupt during a refresh ends the call with its cause, but only after what
// came is stored.
func TestInterruptDuringRefresh(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		ctx, cancel := context.WithCancelCause(t.Context())
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if !isRefresh(r) {
				return send()
			}
			res, err := send()
			cancel(errInterrupt)
			time.Sleep(5 * time.Second)
			return res, err
		}
		began := time.Now()
		_, err := m.process().get(ctx, access)
		if waited := time.Since(began); !errors.Is(err, errInterrupt) || waited != 5*time.Second {
			t.Errorf("after %v: %v", waited, err)
		}
		m.kept(t)
		m.meet = nil
		m.process().token(t, access)
		m.requests(t, 1, 0) // what the interrupted one brought serves
	})
}

// It waits for one HTTP time-out at most, and nothing is sent after it.
func TestInterruptDuringRefreshThatHangs(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		ctx, cancel := context.WithCancelCause(t.Context())
		sent := 0
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			if isRefresh(r) {
				sent++
				cancel(errInterrupt)
			}
			return hangs(r, send)
		}
		began := time.Now()
		_, err := m.process().get(ctx, access)
		if waited := time.Since(began); !errors.Is(err, errInterrupt) || waited != httpTimeout || sent != 1 {
			t.Errorf("after %v and %d requests: %v", waited, sent, err)
		}
		m.kept(t)
	})
}

// One that comes before the token is spent keeps it from being sent.
func TestInterruptBeforeRefresh(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		ctx, cancel := context.WithCancelCause(t.Context())
		p := m.process()
		p.NewClient = func(context.Context) (flows.Client, error) {
			cancel(errInterrupt)
			return flows.Client{ID: "cli"}, nil
		}
		if _, err := p.get(ctx, access); !errors.Is(err, errInterrupt) {
			t.Errorf("it ended with %v", err)
		}
		m.requests(t, 0, 0)
	})
}

// An answer that was lost is asked for once more with the same token, which a
// provider with some grace answers.
func TestLostAnswer(t *testing.T) {
	bubble(t, providertest.Config{RotationGrace: time.Minute}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		m.Fault(providertest.RefreshToken, providertest.Fault{Drop: true, AfterProcessing: true, Times: 1})
		m.process().token(t, access)
		m.requests(t, 2, 0)
		if !m.Alive(m.session(t).RefreshToken.Reveal()) {
			t.Error("what is stored does not work")
		}
	})
}

// No refresh token leaves for another host than the one that issued it.
func TestTokenEndpointMoved(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(25 * time.Hour / 2)
		if err := m.store().WriteProvider(m.process().ProviderKey, &cache.Provider{}); err != nil { // not of today
			t.Fatal(err)
		}
		m.Edit(providertest.Discovery, providertest.With("token_endpoint", "http://127.0.0.1:1/token"))
		_, err := m.process().get(t.Context(), access)
		if !is[*flows.VerifyError](err) || !strings.Contains(err.Error(), "not sent there") {
			t.Errorf("it ended with %v", err)
		}
		m.requests(t, 0, 0)
		m.kept(t)
	})
}
