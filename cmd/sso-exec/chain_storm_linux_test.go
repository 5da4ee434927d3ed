package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// newChainBench is a bench with a role that assumes a second and that a third: its
// arguments are chain's.
func newChainBench(t *testing.T) (b *bench, sts *providertest.STS, chain []string) {
	t.Helper()
	b = newBench(t, providertest.Config{})
	sts = providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp})
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "SSO_EXEC_ROLE_ARN="+someRole)
	b.mustRun(t, "login", "--browser", "testbrowser")
	return b, sts, []string{"aws", "--interactive", "never", "--chain-role-arn", "arn:aws:iam::210987654321:role/b",
		"--chain-role-arn", "arn:aws:iam::345678901234:role/c"}
}

// chained are the keys that came of a chain.
func chained(t *testing.T, o outcome) (id string) {
	t.Helper()
	var doc struct{ AccessKeyID, AccountID string }
	if err := json.Unmarshal([]byte(o.stdout), &doc); o.code != 0 || err != nil || doc.AccountID != "345678901234" {
		t.Errorf("%+v", o)
	}
	return doc.AccessKeyID
}

// TestChainStorm: thirty processes ask for the last role of a chain at once: one request a
// link, when nothing is cached and when all has ended; then none.
func TestChainStorm(t *testing.T) {
	b, sts, chain := newChainBench(t)
	for _, c := range []struct {
		what      string
		refreshes int
		requests  int
	}{{"nothing is cached", 0, 3}, {"all has ended", 1, 3}, {"cached", 0, 0}} {
		if c.refreshes > 0 {
			b.expire(t)
			b.shiftIn(t, "derived", -3*time.Hour)
		}
		b.idp.ResetRequests()
		before, ids := sts.Requests(), map[string]bool{}
		for _, o := range b.storm(30, chain...) {
			ids[chained(t, o)] = true
		}
		if got := fmt.Sprint(b.idp.Requests().RefreshToken, sts.Requests()-before, len(ids)); got !=
			fmt.Sprint(c.refreshes, c.requests, 1) {
			t.Errorf("%s: refreshes, requests to STS, answers: %s", c.what, got)
		}
	}
}

// TestChainKilled: a process is killed while STS works on the first, the second, the third
// link. The next one asks for the links that are not kept, and for no other.
func TestChainKilled(t *testing.T) {
	b, sts, chain := newChainBench(t)
	for link := 1; link <= 3; link++ {
		b.shiftIn(t, "derived", -3*time.Hour)
		sts.Fault(providertest.Fault{Delay: 300 * time.Millisecond, AfterProcessing: true})
		before := sts.Requests()
		p := b.start(t, chain...)
		until(t, "a request", func() bool { return sts.Requests() == before+link })
		p.signal(syscall.SIGKILL)
		if o := p.wait(t); o.code != 128+9 || o.stdout != "" {
			t.Errorf("link %d: %+v", link, o)
		}
		sts.ClearFaults()
		b.locksFree(t)
		before = sts.Requests()
		chained(t, b.run(chain...))
		if got, want := sts.Requests()-before, 3-(link-1); got != want {
			t.Errorf("killed at link %d: the next one sent %d requests, want %d", link, got, want)
		}
		if o := b.run(chain...); strings.Contains(o.stderr, "passed over") {
			t.Errorf("link %d: %s", link, o.stderr)
		}
	}
}
