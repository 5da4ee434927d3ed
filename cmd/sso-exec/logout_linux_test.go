package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
		b.leftNothing(t, fmt.Sprintf("round %d", round))
	}
}

// TestLogoutDuringExchanges: nor is anything kept of what the session's token was
// exchanged for meanwhile, however late that comes.
func TestLogoutDuringExchanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
	role := []string{"--exchange-audience", "cli", "--exchange-token-type", "jwt", "--sts-endpoint", sts.URL(),
		"--role-arn", "arn:aws:iam::123456789012:role/dev"}
	kinds := [][]string{{"token", "--exchange-audience", "cluster-a"}, {"kube", "--exchange-audience", "cluster-b"},
		append([]string{"aws"}, role...)}
	n := 30
	if soaking() {
		n = 100
	}
	asked := 0
	for round, at := range []func() bool{ // when the person signs out
		func() bool { return b.idp.Requests().TokenExchange > 0 }, // it is not answered yet
		func() bool {
			derived, _ := filepath.Glob(filepath.Join(b.dir, "derived", "*", "*"))
			return len(derived) > 0
		},
		func() bool { return sts.Requests() > asked },
	} {
		asked = sts.Requests()
		b.mustRun(t, "login", "--browser", "testbrowser")
		b.idp.ResetRequests()
		slow := providertest.Fault{Delay: 300 * time.Millisecond, AfterProcessing: true}
		b.idp.Fault(providertest.TokenExchange, slow)
		sts.Fault(slow)
		var all []*proc
		for i := range n {
			all = append(all, b.start(t, append(kinds[i%len(kinds)], "--interactive", "never", "--force")...))
		}
		until(t, "the storm is where it should be", at)
		out := b.start(t, "logout").wait(t)
		if out.code != 0 || !strings.Contains(out.stdout, "revoked at the provider, and forgotten here") {
			t.Fatalf("round %d: logout: %+v", round, out)
		}
		for _, p := range all {
			if o := p.wait(t); o.code != 0 && o.code != exitLogin && o.code != exitOther || o.code != 0 && o.stdout != "" {
				t.Errorf("round %d: exit code %d, stdout %q, stderr %q", round, o.code, o.stdout, o.stderr)
			}
		}
		b.leftNothing(t, fmt.Sprintf("round %d", round))
		b.idp.ClearFaults()
		sts.ClearFaults()
	}
}

// leftNothing holds that no session is left that works, neither here nor at the
// provider.
func (b *bench) leftNothing(t *testing.T, when string) {
	t.Helper()
	for name := range files(t, b.dir) {
		if dir, _, _ := strings.Cut(name, "/"); dir != "locks" && dir != "providers" {
			t.Errorf("%s: %s is left", when, name)
		}
	}
	for _, token := range b.idp.RefreshTokens() {
		if b.idp.Alive(token) {
			t.Errorf("%s: a refresh token still works at the provider", when)
		}
	}
	if n := b.idp.Reuses(); n != 0 {
		t.Fatalf("%s: %d reuses", when, n)
	}
}
