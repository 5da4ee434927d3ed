package session_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/internal/session"
)

// Tokens of GitHub's OAuth apps have no end, and no refresh token next to them: they
// serve until the provider takes them no more, which a check asks.
func TestTokenWithoutEnd(t *testing.T) {
	world := hosted.New(t)
	if err := world.Open("github"); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]http.Handler{}
	for _, host := range []string{"github.com", "api.github.com"} {
		world.Around(host, func(h http.Handler) http.Handler { hosts[host] = h; return h })
	}
	m := &machine{dir: t.TempDir() + "/cache", dialect: dialect.Named("github"),
		request: cache.Request{Issuer: "https://github.com", ClientID: "Ov23li0123456789abcd", Identity: credential.Human},
		server:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hosts[r.Host].ServeHTTP(w, r) })}
	synctest.Test(t, func(t *testing.T) {
		first := m.process(absent).token(t, access)
		time.Sleep(1000 * time.Hour)
		if got := m.process(absent).token(t, access); got != first || m.asked.Load() != 1 {
			t.Errorf("got %q, and a person was asked %d times", got, m.asked.Load())
		}
		if err := m.process().Check(t.Context()); err != nil {
			t.Error(err)
		}
		m.meet = func(r *http.Request, send sender) (*http.Response, error) {
			return answer(http.NotFoundHandler(), r)
		}
		if err := m.process().Check(t.Context()); err == nil || is[*session.LoginRequiredError](err) {
			t.Errorf("nonsense: %v", err)
		}
		if got := m.process(absent).token(t, access); got != first {
			t.Error("and it costs the token")
		}
		m.meet = nil
		world.SetOption("revoked", "yes")
		err := m.process().Check(t.Context())
		if !is[*session.LoginRequiredError](err) || !strings.Contains(err.Error(), "ended") {
			t.Errorf("revoked: %v", err)
		}
		world.SetOption("revoked", "")
		m.process(absent).token(t, access)
		if m.asked.Load() != 2 {
			t.Errorf("a person was asked %d times", m.asked.Load())
		}
	})
	if v := world.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}
