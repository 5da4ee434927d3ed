package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/providertest/awssso"
)

// newCenterBench is a bench at an IAM Identity Center, with the AWS CLI's file being made.
func newCenterBench(t *testing.T) (*bench, *awssso.Server) {
	t.Helper()
	c, err := awssso.Start(awssso.Config{Accounts: map[string][]string{
		"111111111111": {"admin", "dev"}, "222222222222": {"dev"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSO_EXEC_CACHE_DIR=" + b.dir,
		"SSO_EXEC_START_URL=https://d-1234567890.awsapps.com/start", "SSO_EXEC_SSO_REGION=eu-central-1",
		"AWS_ENDPOINT_URL_SSO_OIDC=" + c.OIDC, "AWS_ENDPOINT_URL_SSO=" + c.Portal,
		"SSO_EXEC_AWS_CLI_CACHE=write", "SSO_EXEC_BROWSER=testbrowser"}
	return b, c
}

// TestCenterStorm: thirty processes at once ask for the keys of three roles in two
// accounts: at first one client, one page and one set of keys a role; when all have
// ended, one refresh.
func TestCenterStorm(t *testing.T) {
	b, c := newCenterBench(t)
	roles := []string{"111111111111/admin", "111111111111/dev", "222222222222/dev"}
	storm := func(what string, args ...string) {
		t.Helper()
		c.Reset()
		answers := map[string]map[string]bool{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				account, role, _ := strings.Cut(roles[i%len(roles)], "/")
				o := b.run(append([]string{"aws", "--account-id", account, "--role-name", role}, args...)...)
				var doc struct{ AccountID string }
				if err := json.Unmarshal([]byte(o.stdout), &doc); o.code != 0 || err != nil || doc.AccountID != account {
					t.Errorf("%s: %s: %+v", what, role, o)
				}
				mu.Lock()
				defer mu.Unlock()
				if answers[account+role] == nil {
					answers[account+role] = map[string]bool{}
				}
				answers[account+role][o.stdout] = true
			})
		}
		wg.Wait()
		for of, all := range answers {
			if len(all) != 1 {
				t.Errorf("%s: %s has %d answers", what, of, len(all))
			}
		}
	}
	storm("nobody has signed in")
	if got := fmt.Sprint(c.Count("client/register"), c.Count("authorize"),
		c.Count("federation/credentials")); got != "1 1 3" {
		t.Errorf("clients, pages and keys: %s; %q", got, c.Requests())
	}
	b.expire(t)
	b.shiftIn(t, "derived", -3*1e9*3600)
	ended := theirFile(t, b)
	if err := editJSON(ended, func(doc map[string]any) { doc["expiresAt"] = "2020-01-02T03:04:05Z" }); err != nil {
		t.Fatal(err)
	}
	storm("all have ended", "--interactive", "never")
	if got := fmt.Sprint(c.Count("refresh_token"), c.Count("federation/credentials"), len(c.Requests())); got != "1 3 4" {
		t.Errorf("refreshes, keys, all: %s; %q", got, c.Requests())
	}
	storm("cached", "--interactive", "never")
	if all := c.Requests(); len(all) > 0 {
		t.Errorf("cached: %q", all)
	}
	var doc map[string]any
	text, err := os.ReadFile(theirFile(t, b))
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil || doc["expiresAt"] == "2020-01-02T03:04:05Z" {
		t.Errorf("the AWS CLI's file: %v, %v", doc["expiresAt"], err)
	}
	if v := c.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// theirFile is the one file of the AWS CLI.
func theirFile(t *testing.T, b *bench) string {
	t.Helper()
	for _, kv := range b.env {
		if home, ok := strings.CutPrefix(kv, "HOME="); ok {
			names, err := filepath.Glob(filepath.Join(home, ".aws", "sso", "cache", "*"))
			if err != nil || len(names) != 1 {
				t.Fatalf("files of the AWS CLI: %q, %v", names, err)
			}
			return names[0]
		}
	}
	t.Fatal("no home")
	return ""
}
