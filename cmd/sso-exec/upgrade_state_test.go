//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

var keepState = flag.String("keep-state", "", "the version whose state TestStateOfReleases makes, such as 0.1")

// What is asked of the state of each release, and what has to be in the answer.
// OF is the kept state's version. Nothing is at the servers' addresses any more.
var askedOfState = []struct{ args, want string }{
	{"token --profile corp", "accessToken-of-OF"},
	{"token --profile corp --token-type id", "idToken-of-OF"},
	{"token --profile corp --for https://git.corp.example", "accessToken-of-OF"},
	{"kube --profile corp", "idToken-of-OF"},
	{"whoami corp", "alice"},
	{"status --profile corp", "alice"},
	{"token --profile billing", "accessToken-of-OF"},
	{"aws --profile dev", "accessKeyId-of-OF"},
	{"token --api-key acme", "sk_live_of-OF"},
	{"profile list", "billing"},
	{"config view --profile dev", "role/dev"},
	{"audit show", "sign-in"},
}

// TestStateOfReleases reads what each released version left: configuration, cache and
// audit trail, in testdata/state-VERSION. The state of the version that is to be
// released is made by
//
//	go test ./cmd/sso-exec -run TestStateOfReleases -keep-state 0.1
func TestStateOfReleases(t *testing.T) {
	if *keepState != "" {
		makeState(t, *keepState)
	}
	kept, err := filepath.Glob("testdata/state-*")
	if err != nil || len(kept) == 0 {
		t.Fatal("no state of a release", err)
	}
	for _, dir := range kept {
		b := newBench(t, providertest.Config{})
		home := b.stateHome(t)
		if err := os.CopyFS(home, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		closeToOthers(t, home)
		b.setenv("SSO_EXEC_INTERACTIVE", "never")
		made, err := os.ReadFile(filepath.Join(home, "made"))
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(made)))
		if err != nil {
			t.Fatal(err)
		}
		for _, below := range []string{"tokens", "derived"} {
			b.shiftIn(t, below, time.Since(at))
		}
		for _, c := range askedOfState {
			o := b.run(strings.Fields(c.args)...)
			want := strings.ReplaceAll(c.want, "OF", strings.TrimPrefix(filepath.Base(dir), "state-"))
			if o.code != 0 || !strings.Contains(o.stdout, want) || o.stderr != "" {
				t.Errorf("%s: %s: exit code %d, stdout %q, stderr %q", dir, c.args, o.code, o.stdout, o.stderr)
			}
		}
	}
}

// stateHome gives b a home without any settings in variables.
func (b *bench) stateHome(t *testing.T) string {
	home := filepath.Join(t.TempDir(), "home")
	b.dir = filepath.Join(home, "cache", "sso-exec")
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_STATE_HOME=" + filepath.Join(home, "state")}
	return home
}

func closeToOthers(t *testing.T, dir string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700) //nolint:gosec // a directory
		}
		return os.Chmod(path, 0o600)
	}); err != nil {
		t.Fatal(err)
	}
}

// makeState writes what this version leaves, with names instead of its secrets.
func makeState(t *testing.T, version string) {
	b := newBench(t, providertest.Config{PlainHTTP: true, Clients: []providertest.Client{{ID: "cli", Secret: "hush"}}})
	sts := httptest.NewServer(&anySTS{status: 200, body: keysUntil(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))})
	defer sts.Close()
	home := b.stateHome(t)
	config := "version: 1\ndefault-profile: corp\nprofiles:\n  base:\n    issuer: " + b.idp.Issuer() +
		"\n    client-id: cli\n    client-secret-file: hush\n  corp:\n    extends: base\n    scopes: [email]\n" +
		"    hosts: [git.corp.example]\n  billing:\n    extends: base\n    flow: client-credentials\n  dev:\n" +
		"    extends: base\n    aws:\n      role-arn: " + someRole + "\n      sts-endpoint: " + sts.URL + "\n"
	for name, text := range map[string]string{"config.yaml": config, "hush": "hush\n"} {
		path := filepath.Join(home, "config", "sso-exec", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, profile := range []string{"corp", "dev"} {
		b.mustRun(t, "login", profile, "--browser", "testbrowser")
	}
	if o := b.asked("sk_live_of-"+version, "apikey", "set", "acme", "--header", "X-API-Key"); o.code != 0 {
		t.Fatal(o.stderr)
	}
	for _, c := range askedOfState {
		if !strings.HasPrefix(c.args, "token --api-key") {
			b.mustRun(t, strings.Fields(c.args)...)
		}
	}
	for _, passing := range []string{"answers", "locks"} { // an answer names inodes, a lock a process
		if err := os.RemoveAll(filepath.Join(b.dir, passing)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range b.files(t, "*/*.json") {
		nameSecrets(t, path, home, version)
	}
	for _, path := range b.files(t, "*/*/*.json") {
		nameSecrets(t, path, home, version)
	}
	made := time.Now().UTC().Format(time.RFC3339) + "\n"
	if err := os.WriteFile(filepath.Join(home, "made"), []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("testdata", "state-"+version)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(home)); err != nil {
		t.Fatal(err)
	}
	t.Logf("made %s", dir)
}

// nameSecrets puts names instead of secrets, and of the home.
func nameSecrets(t *testing.T, path, home, version string) {
	t.Helper()
	if err := editJSON(path, func(doc map[string]any) {
		for k, v := range doc {
			inner, _ := v.(map[string]any)
			for key := range inner {
				if isSecret(key) {
					inner[key] = key + "-of-" + version
				}
			}
			if isSecret(k) && asString(v) != "" {
				doc[k] = k + "-of-" + version
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	data = bytes.ReplaceAll(data, []byte(home), []byte("/home/alice"))
	err = errors.Join(err, os.WriteFile(path, data, 0o600)) //nolint:gosec // made here
	if err != nil || !json.Valid(data) || strings.Contains(string(data), "eyJ") {
		t.Fatalf("%s: %v: %s", path, err, data)
	}
}

func isSecret(key string) bool {
	switch key {
	case "accessToken", "refreshToken", "idToken", "token", "accessKeyId", "secretAccessKey", "sessionToken":
		return true
	}
	return false
}
