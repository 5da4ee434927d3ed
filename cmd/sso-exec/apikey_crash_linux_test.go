//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCrashDuringAPIKeyRotate: the same before each call on the disk.
func TestCrashDuringAPIKeyRotate(t *testing.T) {
	t.Parallel()
	k := newKeyBench(t)
	traced(t, k.bench)
	k.create(t, "ci")
	old := files(t, k.dir)
	first := k.workos.liveKeys()
	tr := &tracer{bench: k.bench, args: []string{"apikey", "rotate", "ci", "--grace", "0"}}
	tr.sweep(t, func(string) {
		restore(t, k.dir, old)
		k.workos.mu.Lock()
		defer k.workos.mu.Unlock()
		again := first[0]
		k.workos.keys = []*issuedKey{&again}
	}, func(what string) {
		k.storedWorks(t, what, "ci")
		k.mustRun(t, "apikey", "rotate", "ci", "--grace", "0")
		k.oneLiveKey(t, what+", and the rotation after it", "ci")
	})
	k.noViolations(t)
}

// TestAPIKeyDiskErrors: where the new key cannot be stored, it is deleted again,
// and the old one works.
func TestAPIKeyDiskErrors(t *testing.T) {
	k := newKeyBench(t)
	traced(t, k.bench)
	k.create(t, "ci")
	hit := 0
	for _, fault := range []string{"renameat:error=ENOSPC", "fsync:error=EIO", "fsync:error=ENOSPC",
		"renameat:error=EROFS"} {
		for n := 1; n <= 6; n++ {
			tr := &tracer{bench: k.bench, args: []string{"apikey", "rotate", "ci", "--grace", "0"}}
			o, calls := tr.run(t, fmt.Sprintf("%s:when=%d", fault, n), "")
			if slices.ContainsFunc(calls, func(e event) bool { return e.injected }) {
				hit++
				if o.code != exitStorage {
					t.Errorf("%s %d: exit code %d: %s", fault, n, o.code, o.stderr)
				}
				if live := len(k.workos.liveKeys()); live != 1 && !strings.Contains(o.stderr, "may not outlive") &&
					!strings.Contains(o.stderr, "may still work") {
					t.Errorf("%s %d: %d keys live: %s", fault, n, live, o.stderr)
				}
			}
			k.storedWorks(t, fmt.Sprintf("%s %d", fault, n), "ci")
			k.mustRun(t, "apikey", "rotate", "ci", "--grace", "0")
			k.oneLiveKey(t, fmt.Sprintf("after %s %d", fault, n), "ci")
		}
	}
	if hit < 4 {
		t.Errorf("only %d errors struck", hit)
	}
}

// TestCanaryAPIKey: no command but token and show lets out more of a key than its
// mask, at any log level, and whatever WorkOS or a check URL sends back.
func TestCanaryAPIKey(t *testing.T) {
	k := newKeyBench(t)
	secret := "sk_live_" + strings.Repeat("CANARY", 6) + "wxyz"
	second := "sk_live_" + strings.Repeat("SECOND", 6) + "wxyz"
	k.workos.goodChecks = []string{secret}
	texts := 0
	scan := func(what string, o outcome) {
		t.Helper()
		for _, in := range []string{o.stdout, o.stderr} {
			texts++
			for _, v := range append(k.workos.issuedKeys(), secret, second) {
				for _, part := range append(spellings("api key", v), v[10:len(v)-6]) {
					if strings.Contains(in, part) {
						t.Errorf("%s: a key is in it: %q", what, in)
					}
				}
			}
		}
	}
	log := filepath.Join(t.TempDir(), "log")
	call := func(stdin string, args ...string) {
		t.Helper()
		p := k.begin(t, stdin, append(args, "--log-level", "debug", "--log-file", log)...)
		scan(strings.Join(args, " "), p.wait(t))
	}
	check := k.workos.server.URL + "/check"
	call(secret, "apikey", "set", "x", "--header", "X-API-Key", "--check-url", check)
	call(secret, "apikey", "set", "x")
	call(secret+" ", "apikey", "set", "y")
	call(secret+"\n"+second, "apikey", "set", "y")
	call("", "apikey", "list")
	call("", "apikey", "list", "-o", "json")
	call("", "apikey", "show", "x")
	call("", "apikey", "validate", "x")
	call(second, "apikey", "rotate", "x")
	call(second, "apikey", "rotate", "x", "--unchecked")
	workos := []string{"--provider", "workos", "--organization", "org_ACME", "--with", "env", "--api-url",
		k.workos.server.URL}
	call("", append([]string{"apikey", "create", "ci"}, workos...)...)
	call("", append([]string{"apikey", "list"}, workos...)...)
	call("", "apikey", "validate", "ci")
	call("", "apikey", "rotate", "ci")
	call("", "apikey", "revoke", "x", "--yes")
	// What was sent comes back in words.
	ci := storedAPIKey(filepath.Join(k.dir, "apikeys"), "ci")
	for _, body := range []string{`{"code":"bad","message":"` + k.workos.env + " " + ci + `"}`,
		`{"error":"` + ci + `","error_description":"` + k.workos.env + `"}`,
		`{"message":"m","errors":["` + ci + `",{"code":"` + k.workos.env + `"}]}`, ci + k.workos.env} {
		for _, status := range []int{400, 401, 404, 503} {
			k.workos.breakAll(&standInFault{status: status, times: -1, body: body})
			call("", "apikey", "validate", "ci")
			call("", "apikey", "revoke", "ci", "--yes", "--expire-in", "1h")
		}
	}
	k.workos.breakAll(nil)
	call("", "apikey", "revoke", "ci", "--yes")
	b, err := os.ReadFile(log)
	if err != nil || !bytes.Contains(b, []byte("request")) {
		t.Errorf("the log is %.200q, %v", b, err)
	}
	scan("the log", outcome{stdout: string(b)})
	for name, raw := range files(t, filepath.Join(k.dir, "locks")) {
		scan("locks/"+name, outcome{stdout: string(raw)})
	}
	if texts < 60 {
		t.Errorf("only %d texts were searched", texts)
	}
}
