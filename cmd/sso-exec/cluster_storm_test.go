package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

// execToken is the token of an ExecCredential.
func execToken(t *testing.T, o outcome) string {
	t.Helper()
	var doc struct{ Status struct{ Token string } }
	if err := json.Unmarshal([]byte(o.stdout), &doc); o.code != 0 || err != nil || doc.Status.Token == "" {
		t.Errorf("%v: %+v", err, o)
	}
	return doc.Status.Token
}

// TestEKSStorm: twenty processes at once for two clusters ask for a role's keys once, and
// make one token for each; and once more when they have ended.
func TestEKSStorm(t *testing.T) {
	b := newBench(t, providertest.Config{})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: b.idp, Region: "eu-central-1"})
	b.env = append(b.env, "SSO_EXEC_STS_ENDPOINT="+sts.URL(), "AWS_REGION=eu-central-1",
		"SSO_EXEC_ROLE_ARN=arn:aws:iam::123456789012:role/dev", "SSO_EXEC_INTERACTIVE=never")
	b.mustRun(t, "login", "--browser", "testbrowser", "--interactive", "auto")
	for round := 1; round <= 2; round++ {
		b.idp.ResetRequests()
		tokens := map[string]bool{}
		for _, cluster := range []string{"a", "b"} {
			for _, o := range b.storm(10, "eks", "--cluster", cluster) {
				token := execToken(t, o)
				tokens[token] = true
				arn, err := sts.Identify(token, cluster)
				if err != nil || !strings.HasSuffix(arn, ":assumed-role/dev/alice") {
					t.Errorf("%s sees %q, %v", cluster, arn, err)
				}
			}
		}
		if n, c := len(sts.Issued()), b.idp.Requests(); n != round || len(tokens) != 2 || c.Authorize+c.RefreshToken > 0 {
			t.Errorf("round %d: %d sets of keys, %d tokens, %+v", round, n, len(tokens), c)
		}
		b.shiftIn(t, "derived", -3*time.Hour)
	}
}

// TestGKEStorm: twenty processes at once ask Google's STS once; so do they again when its
// token has ended, and refresh once when the ID token has too.
func TestGKEStorm(t *testing.T) {
	w := hosted.New(t)
	for _, name := range []string{"entra", "google-sts"} {
		if err := w.Open(name); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSO_EXEC_CACHE_DIR=" + b.dir,
		"HTTPS_PROXY=" + w.Proxy, "SSO_EXEC_CA_FILE=" + w.CAFile, "IDP_CA=" + w.CAFile, "SSO_EXEC_BROWSER=testbrowser",
		"SSO_EXEC_ISSUER=https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
		"SSO_EXEC_CLIENT_ID=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "SSO_EXEC_WORKFORCE_PROVIDER=corp-pool/corp"}
	const sts, refresh = "POST sts.googleapis.com/v1/token",
		"POST login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token"
	asked := func() map[string]int {
		n := map[string]int{}
		for _, at := range w.Requests() {
			n[at]++
		}
		return n
	}
	for round, want := range []struct{ sts, token int }{{1, 1}, {2, 1}, {3, 2}} {
		tokens := map[string]bool{}
		for _, o := range b.storm(20, "gke") {
			tokens[execToken(t, o)] = true
		}
		if n := asked(); n[sts] != want.sts || n[refresh] != want.token || len(tokens) != 1 {
			t.Errorf("round %d: %d tokens, %v", round, len(tokens), n)
		}
		if b.shiftIn(t, "derived", -3*time.Hour); round == 1 {
			b.expire(t)
		}
	}
}

// TestGCPStorm: thirty libraries at once with one output file: it is an answer whenever it
// is read, and nothing else is left there.
func TestGCPStorm(t *testing.T) {
	b := newBench(t, providertest.Config{})
	dir := t.TempDir()
	config, out := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "out.json")
	const pool = "//iam.googleapis.com/locations/global/workforcePools/p/providers/q"
	if err := os.WriteFile(config, []byte("version: 1\ndefault-profile: corp\nprofiles:\n  corp:\n    gcp-audiences: ["+
		pool+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "SSO_EXEC_CONFIG="+config, "SSO_EXEC_PROFILE=corp", "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE="+pool,
		"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=urn:ietf:params:oauth:token-type:id_token",
		"GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE="+out)
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.expire(t)
	b.idp.ResetRequests()
	for _, o := range b.storm(30, "gcp") {
		if o.code != 0 || o.stderr != "" || !strings.HasPrefix(o.stdout, `{"version":1,"success":true,`) {
			t.Errorf("%+v", o)
		}
		if text, err := os.ReadFile(out); err != nil || string(text) != o.stdout {
			t.Errorf("%q, %v", text, err)
		}
	}
	left, err := os.ReadDir(dir)
	if c := b.idp.Requests(); err != nil || len(left) != 2 || c.RefreshToken != 1 || b.idp.Reuses() != 0 {
		t.Errorf("%v, %v, %+v", left, err, c)
	}
}
