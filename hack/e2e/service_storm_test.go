package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// gate holds token requests up until it opens.
type gate struct {
	open chan struct{}
	once sync.Once
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) lift() { g.once.Do(func() { close(g.open) }) }

func (g *gate) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" && r.URL.Path == "/token" {
			<-g.open
		}
		next.ServeHTTP(w, r)
	})
}

// TestServiceStorm: two hundred processes of one service are one token request,
// which is held up until the last of them has begun. (Not next to other tests, for
// their sake.)
func TestServiceStorm(t *testing.T) {
	const crowd = 200
	hold := newGate()
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient}, Wrap: hold.wrap})
	t.Cleanup(hold.lift)
	s := newService(t, p.issuer)
	secret := s.file("secret", []byte(secretOfBasic))
	var all []*command
	for range crowd {
		all = append(all, s.run("token", "basic", "--client-secret-file", secret))
	}
	hold.lift()
	answers := map[string]int{}
	for _, one := range all {
		answers[one.token()]++
	}
	p.tokenRequests(1)
	if len(answers) != 1 {
		t.Errorf("%d different tokens: %v", len(answers), answers)
	}
}

// TestServiceStormRefused: those who wait for a refusal get the same one, and
// nobody asks again in their place.
func TestServiceStormRefused(t *testing.T) {
	t.Parallel()
	hold := newGate()
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient}, Wrap: hold.wrap})
	t.Cleanup(hold.lift)
	s := newService(t, p.issuer)
	wrong := s.file("secret", []byte("guess"))
	var all []*command
	for range 20 {
		all = append(all, s.run("token", "basic", "--client-secret-file", wrong))
	}
	hold.lift()
	for _, one := range all {
		one.refused(1, "invalid_client")
	}
	p.tokenRequests(1)
}

// TestServiceApart: two services and a person of one client, in one cache
// directory and at one time, never get each other's tokens.
func TestServiceApart(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ES256")
	both := object{ // a person's client and a service's in one
		"client_id": "both", "client_secret": "the secret of both", "token_endpoint_auth_method": "client_secret_basic",
		"application_type": "native", "response_types": []string{"code"},
		"redirect_uris": []string{"http://127.0.0.1/callback"},
		"grant_types":   []string{"authorization_code", "refresh_token", "client_credentials"},
	}
	p := newCertified(t, certifiedOptions{Clients: []object{basicClient, both, keyClient("ec", key)}})
	s := service{newClient(t, &dex.Server{Issuer: p.issuer}), p.issuer}
	secret := s.file("secret", []byte("the secret of both"))
	person := append([]string{
		"token", "--issuer", p.issuer, "--ca-file", ca.caFile, "--cache-dir", s.cache, "--client-id", "both",
		"--client-secret-file", secret,
	}, append(askConsent, s.pkce()...)...)
	kinds := map[string][]string{
		"the person":          append(append([]string{}, person...), "--interactive", "never"),
		"the person's client": s.args("token", "both", "--client-secret-file", secret),
		"another service":     s.args("token", "ec", "--client-key-file", s.file("key", key.pkcs8)),
	}
	begin := s.sso(person...)
	s.visit(s.url(begin))
	alices := begin.token()

	p.forget()
	all := map[string][]*command{}
	for range 15 {
		for kind, args := range kinds {
			all[kind] = append(all[kind], s.sso(args...))
		}
	}
	owner := map[string]string{}
	for kind, those := range all {
		for _, one := range those {
			token := one.token()
			if of, ok := owner[token]; ok && of != kind {
				t.Errorf("%s and %s have one token", of, kind)
			}
			owner[token] = kind
		}
	}
	p.tokenRequests(2)
	if len(owner) != 3 || owner[alices] != "the person" {
		t.Errorf("%d tokens, the person's is of %q", len(owner), owner[alices])
	}
	s.noBrowser()

	shown := s.sso("status", "--cache-dir", s.cache, "-o", "json").ok()
	if people, services := strings.Count(shown, `"human"`),
		strings.Count(shown, `"service"`); people != 1 || services != 2 {
		t.Errorf("status shows %d people and %d services: %s", people, services, shown)
	}
	// The services' end is not the person's.
	s.sso(append([]string{"logout"}, kinds["the person's client"][1:]...)...).ok()
	if s.sso(kinds["the person"]...).token() != alices {
		t.Error("the person's token has changed")
	}
	if s.sso(kinds["another service"]...).token() == "" {
		t.Error("the other service has none")
	}
}
