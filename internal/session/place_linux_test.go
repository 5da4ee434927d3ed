package session_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/providertest"
)

// Where there is no place for a lock, the choice of the flow is told, so that not
// each of many processes opens a browser; the credential is had all the same, and
// that nothing is kept is said once.
func TestNoPlaceForALock(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.dir = "/proc/nowhere/cache"
		var noLock []bool
		p := m.process(chooses(&noLock))
		p.token(t, access)
		p.token(t, access)
		mentions(t, p.warnings(), "nothing can be stored")
		if !slices.Equal(noLock, []bool{false, true, false, true}) {
			t.Errorf("the choice is told %v", noLock)
		}
		m.requests(t, 0, 2)
		if _, err := p.Logout(t.Context()); !errors.Is(err, cache.ErrNotExist) {
			t.Errorf("logout: %v", err)
		}
	})
}

// A keyring that was named and is out of reach keeps anybody from being asked, and
// a refresh from being sent; what is still valid serves.
func TestKeyringOutOfReach(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	keyring := func(p *process) { p.Store.UseKeyring = true }
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		if err := m.process(keyring).Login(t.Context()); !is[*cache.KeyringError](err) {
			t.Errorf("a sign-in: %v", err)
		}
		m.requests(t, 0, 0)
		m.signIn(t)
		m.edit(t, "sessions", "refreshTokenIn", cache.InKeyring)
		time.Sleep(nearEnd)
		p := m.process(keyring)
		p.token(t, access)
		mentions(t, p.warnings(), "keyring")
		time.Sleep(expired)
		if _, err := m.process(keyring).get(t.Context(), access); !is[*cache.KeyringError](err) {
			t.Errorf("a refresh: %v", err)
		}
		m.requests(t, 0, 0)
	})
}
