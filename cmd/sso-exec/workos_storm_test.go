package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/hosted"
)

// newWorkOSBench is a bench whose provider is WorkOS's stand-in.
func newWorkOSBench(t *testing.T, organizations string) (*bench, *hosted.World, *hosted.WorkOS) {
	t.Helper()
	w := hosted.New(t)
	idp := hosted.OpenWorkOS(w)
	w.SetOption("organizations", organizations)
	b := &bench{bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "IDP_CA=" + w.CAFile, "HTTPS_PROXY=" + w.Proxy, "DISPLAY=:0",
		"SSO_EXEC_ISSUER=https://api.workos.com", "SSO_EXEC_CLIENT_ID=" + hosted.WorkOSClient, "SSO_EXEC_CA_FILE=" + w.CAFile,
		"SSO_EXEC_CACHE_DIR=" + b.dir, "SSO_EXEC_BROWSER=testbrowser",
	}
	return b, w, idp
}

// organizationIn reads org_id of a token.
func organizationIn(token string) string {
	var claims struct {
		Organization string `json:"org_id"`
	}
	credential.PeekClaims(credential.NewSecret(strings.TrimSpace(token)), &claims)
	return claims.Organization
}

// refreshTokenOf is that of the one stored session.
func refreshTokenOf(t *testing.T, b *bench) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, "sessions", "*.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d sessions, want one: the organizations share it (%v)", len(names), err)
	}
	var rec struct{ RefreshToken string }
	doc, err := os.ReadFile(names[0])
	if err != nil || json.Unmarshal(doc, &rec) != nil {
		t.Fatal(err)
	}
	return rec.RefreshToken
}

// TestStormOfOrganizations: many processes at once across three organizations of
// one session: its refresh token is replaced by one process at a time, for each
// organization once, and nobody gets a token of another one.
func TestStormOfOrganizations(t *testing.T) {
	b, _, idp := newWorkOSBench(t, "org_a=Acme,org_b=Bolt,org_c=Cog")
	b.mustRun(t, "login", "--organization", "org_a")
	n, rounds := 30, 2
	if soaking() {
		n, rounds = 100, 10
	}
	for round := range rounds {
		b.expire(t)
		before := idp.Counts()
		outcomes := b.ofThree(n)
		tokens := map[string]bool{}
		for i, o := range outcomes {
			want := "org_" + string("abc"[i%3])
			if got := organizationIn(o.stdout); o.code != 0 || got != want {
				t.Errorf("round %d: exit code %d, a token of %q, want %q; stderr %q", round, o.code, got, want, o.stderr)
			}
			tokens[o.stdout] = true
		}
		if c := idp.Counts(); c.Rotations-before.Rotations != 3 || len(tokens) != 3 {
			t.Errorf("round %d: %d rotations and %d tokens, want one for each organization", round, c.Rotations-before.Rotations,
				len(tokens))
		}
	}
	if c := idp.Counts(); c.Reuses != 0 || c.Replays != 0 || c.AtOnce != 0 || c.SignIns != 1 {
		t.Errorf("%+v", c)
	}
	if !idp.Live(refreshTokenOf(t, b)) {
		t.Error("the stored refresh token is not live")
	}
}

// ofThree runs n processes at once, for three organizations in turn.
func (b *bench) ofThree(n int) []outcome {
	outcomes, start := make([]outcome, n), make(chan struct{})
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			<-start
			outcomes[i] = b.run("token", "--organization", "org_"+string("abc"[i%3]))
		})
	}
	close(start)
	wg.Wait()
	return outcomes
}

// TestStormOfOrganizationsSignIns: nobody has signed in, and many processes want
// tokens of three organizations: one page is opened.
func TestStormOfOrganizationsSignIns(t *testing.T) {
	b, _, idp := newWorkOSBench(t, "org_a=Acme,org_b=Bolt,org_c=Cog")
	for i, o := range b.ofThree(15) {
		if want := "org_" + string("abc"[i%3]); o.code != 0 || organizationIn(o.stdout) != want {
			t.Errorf("exit code %d, a token of %q, want %q; stderr %q", o.code, organizationIn(o.stdout), want, o.stderr)
		}
	}
	if c := idp.Counts(); c.SignIns != 1 || c.Reuses != 0 || c.AtOnce != 0 {
		t.Errorf("%+v, want one sign-in", c)
	}
}

// TestKilledBeforeTheAnswer: a process is killed after its refresh was made and
// before it heard of it. The next one sends the same token, within the window, and
// is answered with tokens of the organization that the first one asked for: it
// keeps the refresh token, takes none of those for its own, and asks once more.
func TestKilledBeforeTheAnswer(t *testing.T) {
	b, w, idp := newWorkOSBench(t, "org_a=Acme,org_b=Bolt")
	b.mustRun(t, "login", "--organization", "org_a")
	b.expire(t)
	w.SetOption("lose", "all")
	cmd := exec.Command(b.bin, "token", "--organization", "org_a")
	cmd.Env = b.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); idp.Counts().Lost == 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	w.SetOption("lose", "")
	if c := idp.Counts(); c.Lost == 0 || c.Rotations != 1 {
		t.Fatalf("%+v: the process was killed too late", c)
	}
	o := b.mustRun(t, "token", "--organization", "org_b")
	if organizationIn(o.stdout) != "org_b" {
		t.Errorf("a token of %q", organizationIn(o.stdout))
	}
	if o := b.mustRun(t, "token", "--organization", "org_a"); organizationIn(o.stdout) != "org_a" {
		t.Errorf("a token of %q", organizationIn(o.stdout))
	}
	if c := idp.Counts(); c.Reuses != 0 || c.SignIns != 1 || !idp.Live(refreshTokenOf(t, b)) {
		t.Errorf("%+v", c)
	}
}

// TestWorkOSCanary: whatever WorkOS hands out, and a pending authentication token
// above all, is found in no output, no log and no file but its own.
func TestWorkOSCanary(t *testing.T) {
	b, w, idp := newWorkOSBench(t, "org_a=Acme,org_b=Bolt")
	logs := t.TempDir()
	said := &strings.Builder{}
	run := func(args ...string) {
		t.Helper()
		o := b.run(append(args, "--log-level", "debug", "--log-file", filepath.Join(logs, fmt.Sprint(len(said.String()))))...)
		said.WriteString(o.stderr)
		if args[0] != "token" {
			said.WriteString(o.stdout)
		}
	}
	run("login") // a choice of organizations
	w.SetOption("sso", "org_b")
	run("login", "--organization", "org_b")
	run("login", "--organization", "org_a")
	run("token", "--organization", "org_b", "--interactive", "never")
	b.expire(t)
	run("token", "--organization", "org_a")
	run("status", "-o", "json")
	run("whoami", "-o", "json")
	run("login", "--flow", "device", "--organization", "org_a")
	for _, secret := range idp.Secrets() {
		if strings.Contains(said.String(), secret) {
			t.Errorf("it was said: %.12s…", secret)
		}
	}
	scan := func(dir string) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			doc, err := os.ReadFile(path)
			for _, secret := range idp.Secrets() {
				room := filepath.Base(filepath.Dir(path))
				own := strings.HasPrefix(secret, "refresh_") && room == "sessions" || strings.HasPrefix(secret, "eyJ") &&
					strings.Contains(filepath.ToSlash(path), "/tokens/")
				if !own && strings.Contains(string(doc), secret) {
					t.Errorf("%s: %.12s…", path, secret)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	scan(b.dir)
	scan(logs)
	if n := len(idp.Secrets()); n < 12 || !strings.Contains(said.String(), "sso_required") {
		t.Errorf("only %d secrets were handed out; said: %s", n, said)
	}
	run("logout", "--organization", "org_a")
	if idp.Counts().SignOuts == 0 {
		t.Error("the session was not signed out")
	}
}
