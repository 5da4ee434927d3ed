package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestHintsInANewShell: a command that a hint names does what it says in a shell that
// has only HOME and PATH, and another working directory.
func TestHintsInANewShell(t *testing.T) {
	hint := regexp.MustCompile(`(?:run|switch|again|see|it): (sso-exec .*)`)
	issuer := func(b *bench) string { return "--issuer=" + b.idp.Issuer() }
	for _, c := range []struct {
		name string
		env  []string // of the failing command alone
		make func(t *testing.T, b *bench, home string) []string
		code int
	}{
		{name: "flags", code: 3, make: func(_ *testing.T, b *bench, _ string) []string {
			return []string{"kube", issuer(b), "--client-id=cli", "--ca-file=ca dir/$(x) it's.pem", "--session=a 'b' \"c\" $d",
				"--browser=testbrowser", "--flow=pkce", "--interactive=never"}
		}},
		{name: "variables", code: 3,
			env: []string{"SSO_EXEC_CA_FILE=ca dir/$(x) it's.pem", "SSO_EXEC_CLIENT_ID=cli", "SSO_EXEC_FLOW=pkce",
				"SSO_EXEC_BROWSER=testbrowser", "SSO_EXEC_SCOPE=email,groups", "SSO_EXEC_SESSION=two words",
				"SSO_EXEC_CACHE_DIR=my cache", "SSO_EXEC_INTERACTIVE=never"},
			make: func(_ *testing.T, b *bench, _ string) []string {
				return []string{"token", issuer(b)}
			}},
		{name: "other base directories", code: 3,
			env: []string{"XDG_CACHE_HOME=HOME/elsewhere", "XDG_CONFIG_HOME=HOME/conf", "SSO_EXEC_INTERACTIVE=never"},
			make: func(t *testing.T, b *bench, home string) []string {
				b.profile(t, filepath.Join(home, "conf", "sso-exec", "config.yaml"))
				return []string{"kube"}
			}},
		{name: "a config file that is named", code: 3, env: []string{"SSO_EXEC_INTERACTIVE=never"},
			make: func(t *testing.T, b *bench, home string) []string {
				b.profile(t, filepath.Join(home, "work", "my conf.yaml"))
				return []string{"kube", "--config", "my conf.yaml", "--profile", "corp"}
			}},
		{name: "an ended session, by flags", code: 1, env: []string{"SSO_EXEC_CACHE_DIR=my cache"},
			make: func(t *testing.T, b *bench, _ string) []string {
				b.mustRun(t, "login", issuer(b), "--client-id=cli", "--ca-file=ca dir/$(x) it's.pem",
					"--scope=email", "--session=two words", "--browser=testbrowser", "--flow=pkce", "--cache-dir=my cache")
				b.idp.Fault(providertest.Token, providertest.Fault{Status: 400, Body: `{"error":"odd"}`, Times: 1})
				return []string{"status", "--check"}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Config{Scopes: []string{"openid", "offline_access", "email", "groups"}})
			home := t.TempDir()
			work := filepath.Join(home, "work")
			if err := os.MkdirAll(filepath.Join(work, "ca dir"), 0o700); err != nil {
				t.Fatal(err)
			}
			ca := filepath.Join(work, "ca dir", "$(x) it's.pem")
			if err := os.WriteFile(ca, b.idp.CAPEM(), 0o600); err != nil {
				t.Fatal(err)
			}
			bare := []string{"PATH=" + filepath.Dir(b.bin) + ":" + os.Getenv("PATH"), "HOME=" + home, "IDP_CA=" + ca}
			b.cwd, b.env = work, bare
			args := c.make(t, b, home)
			for _, kv := range c.env {
				b.env = append(b.env, strings.ReplaceAll(kv, "HOME/", home+"/"))
			}
			o := b.run(args...)
			found := hint.FindStringSubmatch(o.stderr + o.stdout)
			if o.code != c.code || found == nil {
				t.Fatalf("exit code %d, no hint: %s", o.code, o.stderr)
			}
			cmd := exec.Command("sh", "-c", found[1])
			cmd.Env, cmd.Dir = bare, "/"
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Signed in to ") {
				t.Fatalf("%s: %v\n%s", found[1], err, out)
			}
			if o := b.run(args...); o.code != 0 {
				t.Errorf("%q after %s: exit code %d: %s", args, found[1], o.code, o.stderr)
			}
		})
	}
}

// profile writes a config file with the default profile corp.
func (b *bench) profile(t testing.TB, path string) {
	t.Helper()
	text := "version: 1\ndefault-profile: corp\nprofiles:\n  corp: {issuer: \"" + b.idp.Issuer() + "\", client-id: cli, " +
		"ca-file: \"../work/ca dir/$(x) it's.pem\", browser: testbrowser, flow: pkce}\n"
	if filepath.Base(filepath.Dir(path)) == "sso-exec" {
		text = strings.Replace(text, "../work", "../../work", 1)
	}
	_ = os.MkdirAll(filepath.Dir(path), 0o700)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
