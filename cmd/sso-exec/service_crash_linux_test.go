package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

func servicePlace(t *testing.T) (*bench, []string) {
	t.Helper()
	b := newBench(t, providertest.Config{Clients: []providertest.Client{{ID: "cli", Secret: serviceSecret}}})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(serviceSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, []string{"kube", "--flow", "client-credentials", "--client-secret-file", secret}
}

// TestCrashDuringGrant: a service is killed before any call on its cache, from
// the first one on. Nothing is torn, and the next run works.
func TestCrashDuringGrant(t *testing.T) {
	t.Parallel()
	b, args := servicePlace(t)
	b = traced(t, b)
	tr := &tracer{bench: b, args: args}
	tr.sweep(t, func(string) { restore(t, b.dir, nil) }, func(what string) {
		b.intact(t, what, nil)
		b.works(t, what, args...)
		b.intact(t, what+", and the call after it", nil)
	})
}

// TestDiskErrorsDuringGrant: whatever the disk says, a service has its token.
// Nothing that lasts can be lost.
func TestDiskErrorsDuringGrant(t *testing.T) {
	b, args := servicePlace(t)
	b = traced(t, b)
	tr := &tracer{bench: b, args: args}
	_, ref := tr.run(t, "", "")
	runs := 0
	for _, ev := range ref {
		codes := faults[ev.call]
		if len(codes) == 0 || ev.path == "" || ev.call == "openat" && !strings.Contains(ev.name, "O_CREAT") ||
			ev.call == "close" {
			continue
		}
		if !soaking() {
			codes = codes[:1]
		}
		for _, code := range codes {
			restore(t, b.dir, nil)
			what := fmt.Sprintf("%s at %s", code, ev.name)
			o, calls := tr.run(t, fmt.Sprintf("%s:error=%s:when=1+", ev.call, code), ev.path)
			hit := false
			for _, c := range calls {
				hit = hit || c.injected
			}
			if !hit {
				continue
			}
			runs++
			if o.code != 0 || !document(o.stdout) {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q", what, o.code, o.stdout, o.stderr)
			}
			b.intact(t, what, nil)
			b.works(t, what, args...)
		}
	}
	t.Logf("%d runs with an error in a call on the cache", runs)
	if runs < 5 {
		t.Error("hardly any call was hit")
	}
}
