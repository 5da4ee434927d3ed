//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// storms runs n processes at once, of three organizations in turn, each of which
// must get a token of its own.
func (b *bench) storms(t testing.TB, n int, also func(), args ...string) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for k := range n {
		org := []string{"org_A", "org_B", "org_C"}[k%3]
		wg.Go(func() {
			<-start
			o := b.run(append([]string{"token", "--profile", org}, args...)...)
			if got := orgOfJWT(strings.TrimSpace(o.stdout)); o.code != 0 || got != org {
				t.Errorf("%s: exit code %d, a token for %q\n%s", org, o.code, got, o.stderr)
			}
		})
	}
	if also != nil {
		wg.Go(func() { <-start; also() })
	}
	close(start)
	wg.Wait()
}

// TestOrganizationsStorm: the tokens of three organizations end together while a
// profile is being switched, to and fro and to one that is refused.
func TestOrganizationsStorm(t *testing.T) {
	b, i := newOrgBench(t)
	b.setenv("DISPLAY", ":0")
	b.mustRun(t, "login", "--profile", "org_A")
	b.setenv("DISPLAY", "")
	i.with(func() { i.refuse["org_Z"] = "access_denied" })
	for round := range 3 {
		if round > 0 {
			b.expire(t)
		}
		var switched, refused outcome
		b.storms(t, 30, func() {
			switched = b.run("org", "use", []string{"org_B", "org_C", "org_A"}[round], "--profile", "moves", "--yes")
			refused = b.run("org", "use", "org_Z", "--profile", "moves", "--yes")
		})
		if switched.code != 0 || refused.code != 1 {
			t.Errorf("switched: %d %s\nrefused: %d %s", switched.code, switched.stderr, refused.code, refused.stderr)
		}
		o := b.mustRun(t, "token", "--profile", "moves")
		if got, want := orgOfJWT(strings.TrimSpace(o.stdout)), []string{"org_B", "org_C", "org_A"}[round]; got != want {
			t.Errorf("after the switch the token is for %q, not for %q", got, want)
		}
		b.tokensOfOrgs(t)
	}
	if c := i.Counts(); c.Reuses != 0 || c.Replays != 0 || c.AtOnce != 0 || i.pages != 1 || c.Rotations > 3*3 {
		t.Errorf("three organizations in three rounds: %d pages, %+v", i.pages, c)
	}
	if !i.Live(b.storedToken(t)) {
		t.Error("the stored refresh token is not the live one")
	}
}

// TestOrganizationRefusedToOne: processes that wait for a refresh of another
// organization, which is refused, do not take that refusal for their own.
func TestOrganizationRefusedToOne(t *testing.T) {
	b, i := newOrgBench(t)
	b.setenv("DISPLAY", ":0")
	b.mustRun(t, "login", "--profile", "org_A")
	b.setenv("DISPLAY", "")
	b.expire(t)
	i.with(func() { i.refuse["org_B"] = "access_denied" })
	letGo := i.hold()
	first := b.start(t, "token", "--profile", "org_B")
	<-i.arrived
	var waiting []*proc
	for range 5 {
		waiting = append(waiting, b.start(t, "token", "--profile", "org_A"), b.start(t, "token", "--profile", "org_B"))
	}
	for _, p := range waiting { // each stands at the lock, and has said so
		until(t, "to wait", func() bool { return strings.Contains(p.stderr.String(), "waiting for another") })
	}
	letGo()
	if o := first.wait(t); o.code != 1 {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	for n, p := range waiting {
		o := p.wait(t)
		if want := n % 2; o.code != want {
			t.Errorf("exit code %d, want %d\n%s", o.code, want, o.stderr)
		}
	}
	if c := i.Counts(); c.Reuses != 0 || c.Replays != 0 || c.Rotations != 1 {
		t.Errorf("%+v", c)
	}
}

// TestKilledSwitch: org use is killed at the worst moment, when the provider has
// rotated the refresh token and the answer is on its way. The profile is as it
// was, and others go on: with what they have, and then by the token that was
// replaced, which the provider lets pass for a while.
func TestKilledSwitch(t *testing.T) {
	b, i := newOrgBench(t)
	b.setenv("DISPLAY", ":0")
	b.mustRun(t, "login", "--profile", "moves")
	b.setenv("DISPLAY", "")
	config := filepath.Join(b.env[slices.IndexFunc(b.env,
		func(kv string) bool { return strings.HasPrefix(kv, "HOME=") })][5:], ".config/sso-exec/config.yaml")
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	letGo := i.hold()
	p := b.start(t, "org", "use", "org_B", "--profile", "moves", "--yes")
	<-i.arrived
	p.signal(syscall.SIGKILL)
	p.wait(t)
	letGo()
	if after, _ := os.ReadFile(config); !bytes.Equal(after, before) {
		t.Errorf("the profile was changed:\n%s", after)
	}
	o := b.mustRun(t, "token", "--profile", "moves")
	if got := orgOfJWT(strings.TrimSpace(o.stdout)); got != "org_A" {
		t.Errorf("the token is for %q", got)
	}
	// The token that was replaced brings the answer that was lost, which is for
	// org_B: whoever wants one for org_A asks again with its successor.
	o = b.mustRun(t, "token", "--profile", "moves", "--force")
	if got := orgOfJWT(strings.TrimSpace(o.stdout)); got != "org_A" {
		t.Errorf("the token is for %q", got)
	}
	if c := i.Counts(); c.Replays != 1 || c.Reuses != 0 {
		t.Errorf("%+v", c)
	}
	b.mustRun(t, "org", "use", "org_B", "--profile", "moves", "--yes")
	o = b.mustRun(t, "token", "--profile", "moves")
	if got := orgOfJWT(strings.TrimSpace(o.stdout)); got != "org_B" {
		t.Errorf("the token is for %q", got)
	}
	b.tokensOfOrgs(t)
}
