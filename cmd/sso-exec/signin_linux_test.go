package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// notedPages has the browser write down each page instead of opening it, and returns
// how to read them.
func (b *bench) notedPages(t testing.TB) func() []string {
	t.Helper()
	dir := t.TempDir()
	list, program := filepath.Join(dir, "pages"), filepath.Join(dir, "browser")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$1\" >>'"+list+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.setenv("SSO_EXEC_BROWSER", program)
	return func() []string {
		text, _ := os.ReadFile(list)
		return strings.Fields(string(text))
	}
}

// query is that of a page's address.
func query(t testing.TB, page string) url.Values {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// latchOf returns how long the one latch holds others back; 0 if there is none.
func (b *bench) latchOf(t testing.TB) time.Duration {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, "latches", "*.json"))
	if err != nil || len(names) == 0 {
		return 0
	}
	var l struct{ FailedAt, Until time.Time }
	if text, err := os.ReadFile(names[0]); err != nil || json.Unmarshal(text, &l) != nil {
		t.Fatal(names, err)
	}
	return l.Until.Sub(l.FailedAt)
}

// TestDenialByAnybody: another user of the machine has read the state from the
// browser's command line, and sends an error to the listener. It is the answer for
// who waits for that sign-in. What comes later asks again, after ten seconds at most,
// however often he has done so.
func TestDenialByAnybody(t *testing.T) {
	for _, command := range []string{"kube", "login"} {
		for _, code := range []string{"access_denied", "unmet_authentication_requirements", "login_required", "server_error", "invalid_scope",
			"organization_selection_required", "no such code"} {
			t.Run(command+" "+code, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, providertest.Config{})
				pages := b.notedPages(t)
				for round := range 3 {
					p := b.start(t, command, "--flow", "pkce")
					until(t, "a page is opened", func() bool { return len(pages()) == round+1 || !p.running() })
					if len(pages()) != round+1 {
						t.Fatalf("round %d: no page: %s", round, p.wait(t).stderr)
					}
					asked := query(t, pages()[round])
					answer := url.Values{"error": {code}, "state": asked["state"], "iss": {b.idp.Issuer()}}
					resp, err := http.Get(asked.Get("redirect_uri") + "?" + answer.Encode())
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					o := p.wait(t)
					if o.code == 0 || o.stdout != "" || code == "access_denied" && o.code != 4 {
						t.Errorf("exit code %d, %q", o.code, o.stdout)
					}
					if held := b.latchOf(t); held > 10*time.Second {
						t.Errorf("round %d: later calls are held back for %v", round, held)
					}
					b.shiftIn(t, "latches", -10*time.Second)
				}
				b.mustRun(t, "kube", "--flow", "pkce", "--browser", "testbrowser")
			})
		}
	}
}

// TestDenialByProvider: what the provider says over TLS, and a person who does not
// answer, hold others back for longer each time.
func TestDenialByProvider(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		refuse bool
	}{
		"a device sign-in":   {[]string{"--flow", "device"}, true},
		"nobody answers":     {[]string{"--flow", "pkce", "--login-timeout", "1s"}, false},
		"nobody answers, in": {[]string{"--flow", "device", "--login-timeout", "1s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Config{})
			b.notedPages(t)
			for _, want := range []time.Duration{time.Minute, 2 * time.Minute} {
				p := b.start(t, append([]string{"kube"}, c.args...)...)
				if c.refuse {
					until(t, "a code is shown", func() bool { return len(b.idp.PendingUserCodes()) == 1 })
					if err := b.idp.DenyDevice(b.idp.PendingUserCodes()[0]); err != nil {
						t.Fatal(err)
					}
				}
				if o := p.wait(t); o.code != 4 {
					t.Errorf("exit code %d: %s", o.code, o.stderr)
				}
				if held := b.latchOf(t); held != want {
					t.Errorf("later calls are held back for %v, want %v", held, want)
				}
				b.shiftIn(t, "latches", -want)
			}
		})
	}
}
