package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// This file: places where nothing, or not everything, can be kept.

// blocked puts a file where a directory of the cache should be.
func blocked(t *testing.T, path string) {
	t.Helper()
	err := os.RemoveAll(path)
	if err == nil {
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// chooses notes what the choice of a flow is told of locks.
func chooses(noLock *[]bool) func(*process) {
	return func(p *process) {
		choose := p.Person.Choose
		p.Person.Choose = func(no bool) (flows.Choice, error) {
			*noLock = append(*noLock, no)
			return choose(no)
		}
	}
}

// Where nothing is to be kept, each call asks, and knows that others do.
func TestNothingIsKept(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		var noLock []bool
		p := m.process(chooses(&noLock), func(p *process) { p.Store = nil })
		p.token(t, access)
		p.token(t, access)
		if w := p.warnings(); len(w) > 0 || slices.Contains(noLock, false) {
			t.Errorf("the choice is told %v; warnings %q", noLock, w)
		}
		m.requests(t, 0, 2)
		_, logout := p.Logout(t.Context())
		_, organizations := p.Organizations()
		for what, err := range map[string]error{"logout": logout, "organizations": organizations} {
			if !errors.Is(err, cache.ErrNotExist) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := p.Check(t.Context()); !is[*session.LoginRequiredError](err) {
			t.Errorf("check: %v", err)
		}
	})
}

// Without a lock no refresh is sent: two at once would be one use of the token too
// many. Nor is a session touched that cannot be read, or written.
func TestNoRefreshWithoutALock(t *testing.T) {
	for _, kind := range []string{"locks", "sessions"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
				m.signIn(t)
				time.Sleep(3*time.Minute + 55*time.Second)
				blocked(t, filepath.Join(m.dir, kind))
				p := m.process()
				p.token(t, access) // near its end, and good
				p = m.process()
				p.token(t, rule(4*time.Minute))
				if w := strings.Join(p.warnings(), ""); !strings.Contains(w, "lasts only 1m5s") {
					t.Errorf("warnings: %q", w)
				}
				time.Sleep(expired)
				_, err := m.process().get(t.Context(), access)
				var storage *session.StorageError
				if !errors.As(err, &storage) || storage.Unwrap() == nil || !strings.Contains(err.Error(), storage.Err.Error()) {
					t.Errorf("it ended with %v", err)
				}
				m.requests(t, 0, 0)
				if _, err := m.process().Logout(t.Context()); err == nil {
					t.Error("a session that cannot be touched was logged out")
				}
			})
		})
	}
}

// Tokens that cannot be stored are handed out with a warning; the refresh token
// is kept.
func TestTokensThatCannotBeStored(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		blocked(t, filepath.Join(m.dir, "tokens"))
		p := m.process()
		p.token(t, access)
		mentions(t, p.warnings(), "the new tokens could not be stored")
		m.requests(t, 1, 0)
		m.kept(t)
	})
}

// Where a sign-in cannot be stored, none of the others would find it: the choice is
// told before anybody is asked.
func TestNoRoomForASignIn(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		if err := os.MkdirAll(m.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		blocked(t, filepath.Join(m.dir, "sessions"))
		var noLock []bool
		p := m.process(chooses(&noLock))
		err := p.Login(t.Context())
		if len(noLock) != 2 || !noLock[1] || m.asked.Load() > 1 {
			t.Errorf("the choice is told %v, and a person was asked %d times", noLock, m.asked.Load())
		}
		if err != nil && !is[*session.StorageError](err) {
			t.Errorf("it ended with %v", err)
		}
	})
}
