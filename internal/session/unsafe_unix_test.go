//go:build unix

package session_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/providertest"
)

// A cached answer takes no lock, no network, no keyring and no client, and never
// comes near the durable secret: all of that is unusable here.
func TestCachedTakesNothingElse(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		chain := func(p *process) session.Need { return p.exchanged("orders") }
		if p := m.process(); p.token(t, chain(p)) == "" {
			t.Fatal("nothing was exchanged")
		}
		for _, name := range []string{"sessions", "locks", "providers", "latches"} {
			path := filepath.Join(m.dir, name)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/", path); err != nil { // unsafe to whoever comes near it
				t.Fatal(err)
			}
		}
		m.meet = func(r *http.Request, _ sender) (*http.Response, error) {
			t.Errorf("it sends %s %s", r.Method, r.URL)
			return nil, errors.New("there is no network")
		}
		p := m.process(func(p *process) {
			p.Store.UseKeyring = true
			p.NewClient = func(context.Context) (flows.Client, error) {
				t.Error("it asks for the client")
				return flows.Client{}, errors.New("there is none")
			}
		})
		for name, need := range map[string]session.Need{"access": access, "id": id, "derived": chain(p)} {
			if c, good, err := p.Cached(need); err != nil || !good || c.Token.IsZero() {
				t.Errorf("%s: %v, %v", name, good, err)
			}
			if c, err := p.Credential(t.Context(), need); err != nil || c.Token.IsZero() {
				t.Errorf("%s, where the cached one is asked for again: %v", name, err)
			}
		}
	})
}

// A session that others can read is used by nobody, and no sign-in is begun over
// it.
func TestUnsafeSession(t *testing.T) {
	bubble(t, providertest.Config{}, func(t *testing.T, m *machine) {
		m.signIn(t)
		time.Sleep(expired)
		if err := os.Chmod(m.file(t, "sessions"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := m.process().get(t.Context(), access); !is[*cache.UnsafeError](err) {
			t.Errorf("it ended with %v", err)
		}
		m.requests(t, 0, 0)
	})
}
