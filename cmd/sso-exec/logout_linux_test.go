package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestLogoutDuringRefreshes: whoever refreshes while somebody signs out, nothing
// is left that works, neither here nor at the provider.
func TestLogoutDuringRefreshes(t *testing.T) {
	b := newBench(t, providertest.Config{})
	for round := range 5 {
		b.mustRun(t, "login", "--browser", "testbrowser")
		b.expire(t)
		var wg sync.WaitGroup
		var out outcome
		wg.Go(func() { out = b.run("logout") })
		answers := b.storm(20, "kube", "--interactive", "never", "--force")
		wg.Wait()
		if out.code != 0 || !strings.Contains(out.stdout, "revoked at the provider, and forgotten here") {
			t.Fatalf("round %d: logout: %+v", round, out)
		}
		for _, o := range answers {
			if o.code != 0 && o.code != exitLogin {
				t.Errorf("round %d: exit code %d, stderr %q", round, o.code, o.stderr)
			}
		}
		for name := range files(t, b.dir) {
			if dir, _, _ := strings.Cut(name, "/"); dir != "locks" && dir != "providers" {
				t.Errorf("round %d: %s is left", round, name)
			}
		}
		for _, token := range b.idp.RefreshTokens() {
			if b.idp.Alive(token) {
				t.Errorf("round %d: a refresh token still works at the provider", round)
			}
		}
		if n := b.idp.Reuses(); n != 0 {
			t.Fatalf("round %d: %d reuses", round, n)
		}
	}
}
