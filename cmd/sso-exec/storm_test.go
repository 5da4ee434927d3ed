package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// soaking is whether the proofs run at full length. What they start does not see that.
var soaking = func() func() bool {
	soak := os.Getenv("SSO_EXEC_SOAK") != ""
	os.Unsetenv("SSO_EXEC_SOAK")
	return func() bool { return soak }
}()

// bench is a provider and a home for the built binary to run with.
type bench struct {
	idp *providertest.Provider
	bin string
	dir string // the cache
	env []string
	cwd string // empty: where the tests run
}

func newBench(t testing.TB, c providertest.Config) *bench {
	t.Helper()
	if c.AccessTokenLifetime == 0 {
		c.AccessTokenLifetime = time.Hour
	}
	b := &bench{idp: providertest.New(t, c), bin: binary(t), dir: filepath.Join(t.TempDir(), "cache")}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, b.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "IDP_CA=" + ca,
		"SSO_EXEC_ISSUER=" + b.idp.Issuer(), "SSO_EXEC_CLIENT_ID=cli", "SSO_EXEC_CA_FILE=" + ca,
		"SSO_EXEC_CACHE_DIR=" + b.dir,
	}
	return b
}

// outcome is how one process ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func (b *bench) run(args ...string) outcome {
	cmd := exec.Command(b.bin, args...)
	cmd.Env, cmd.Dir = b.env, b.cwd
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := outcome{0, stdout.String(), stderr.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		o.code = exit.ExitCode()
	} else if err != nil {
		o = outcome{-1, "", err.Error()}
	}
	return o
}

func (b *bench) mustRun(t testing.TB, args ...string) outcome {
	t.Helper()
	o := b.run(args...)
	if o.code != 0 {
		t.Fatalf("sso-exec %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o
}

// storm runs n processes at once.
func (b *bench) storm(n int, args ...string) []outcome {
	outcomes := make([]outcome, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			<-start
			outcomes[i] = b.run(args...)
		})
	}
	close(start)
	wg.Wait()
	return outcomes
}

// expire makes every stored token one that has ended.
func (b *bench) expire(t testing.TB) {
	t.Helper()
	b.shift(t, -3*time.Hour)
}

// shift moves the times of every stored token.
func (b *bench) shift(t testing.TB, by time.Duration) {
	t.Helper()
	b.shiftIn(t, "tokens", by)
}

// shiftIn moves the times in the files of a directory of the cache, if it is there.
func (b *bench) shiftIn(t testing.TB, dir string, by time.Duration) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(b.dir, dir), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		return editJSON(path, func(doc map[string]any) {
			for k, v := range doc {
				if at, err := time.Parse(time.RFC3339, asString(v)); err == nil {
					doc[k] = at.Add(by).Format(time.RFC3339Nano)
				}
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func asString(v any) string {
	s, _ := v.(string)
	return s
}

// checkAll checks that every process printed an ExecCredential.
func checkAll(t *testing.T, outcomes []outcome) {
	t.Helper()
	tokens := map[string]int{}
	for _, o := range outcomes {
		var doc struct{ Status struct{ Token string } }
		if o.code != 0 || json.Unmarshal([]byte(o.stdout), &doc) != nil || doc.Status.Token == "" {
			t.Errorf("exit code %d, stdout %q, stderr %q", o.code, o.stdout, o.stderr)
			continue
		}
		tokens[doc.Status.Token]++
	}
	if len(tokens) != 1 {
		t.Errorf("%d different tokens; everybody should have the winner's", len(tokens))
	}
}

// stormSize is how many processes run at once: fewer under CI's race detector
// than in make soak.
func stormSize() (processes, rounds int) {
	if soaking() {
		return 200, 20
	}
	return 100, 2
}

// TestStormOfRefreshes: many processes at once on an expired token, at a
// provider that takes a second use of a refresh token for theft and ends the
// session.
func TestStormOfRefreshes(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	n, rounds := stormSize()
	for range rounds {
		b.expire(t)
		b.idp.ResetRequests()
		checkAll(t, b.storm(n, "kube"))
		if c := b.idp.Requests(); c.RefreshToken != 1 || c.All != 1 {
			t.Errorf("requests: %+v, want one refresh", c)
		}
	}
	if b.idp.Reuses() != 0 || b.idp.ActiveFamilies() != 1 {
		t.Errorf("%d reuses, %d sessions alive", b.idp.Reuses(), b.idp.ActiveFamilies())
	}
	trail := b.mustRun(t, "audit", "show", "-o", "json").stdout
	if n := strings.Count(trail, `"event": "refresh"`); n != rounds || strings.Count(trail, `"event": `) != rounds+1 {
		t.Errorf("%d refreshes are recorded, want %d, and one sign-in:\n%s", n, rounds, trail)
	}
}

// TestStormOfForce: the same with --force. One token that is stored after a
// process began is new enough for it; a process that begins later rightly asks
// again, so the provider is slow here, and how many share one is not exact.
func TestStormOfForce(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.idp.Fault("refresh_token", providertest.Fault{Delay: 2 * time.Second})
	b.idp.ResetRequests()
	const n = 20
	for _, o := range b.storm(n, "kube", "--force") {
		if o.code != 0 {
			t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
		}
	}
	if c := b.idp.Requests(); c.RefreshToken == 0 || c.RefreshToken >= n || b.idp.Reuses() != 0 {
		t.Errorf("requests: %+v, %d reuses: nobody shared a refresh", c, b.idp.Reuses())
	}
}

// TestStormOfSignIns: nobody has signed in, and many processes want a browser.
func TestStormOfSignIns(t *testing.T) {
	b := newBench(t, providertest.Config{})
	checkAll(t, b.storm(50, "kube", "--browser", "testbrowser"))
	if c := b.idp.Requests(); c.Authorize != 1 || c.AuthorizationCode != 1 || c.Discovery != 1 {
		t.Errorf("requests: %+v, want one sign-in", c)
	}
}

// TestStormOfLogins: login, too, opens one page for all that ask at once.
func TestStormOfLogins(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.idp.Fault("authorize", providertest.Fault{Delay: 2 * time.Second})
	for _, o := range b.storm(10, "login", "--browser", "testbrowser") {
		if o.code != 0 || !strings.Contains(o.stderr, " as alice.") {
			t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
		}
	}
	// Those that began after it was done rightly ask again.
	if c := b.idp.Requests(); c.Authorize == 0 || c.Authorize >= 10 {
		t.Errorf("%d pages were opened for 10 logins", c.Authorize)
	}
}

// TestStormOfDenials: the sign-in is denied, and those who waited for it are
// denied too, with one page opened.
func TestStormOfDenials(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.idp.DenyLogins("access_denied")
	b.idp.Fault("authorize", providertest.Fault{Delay: 2 * time.Second})
	for _, o := range b.storm(50, "kube", "--browser", "testbrowser") {
		if o.code != exitDenied && o.code != exitLogin || o.stdout != "" || !strings.Contains(o.stderr, "sso-exec login") {
			t.Errorf("exit code %d, stdout %q, stderr %q", o.code, o.stdout, o.stderr)
		}
	}
	if c := b.idp.Requests(); c.Authorize != 1 {
		t.Errorf("requests: %+v, want one page", c)
	}
}

func encodeCA(pem []byte) string { return base64.StdEncoding.EncodeToString(pem) }

// TestStormNearTheEnd: near its end a token is renewed by one process, while the
// others go on with what they have.
func TestStormNearTheEnd(t *testing.T) {
	b := newBench(t, providertest.Config{})
	b.mustRun(t, "login", "--browser", "testbrowser")
	b.shift(t, -(time.Hour - 40*time.Second)) // within any process's window, above --min-ttl
	b.idp.Fault("refresh_token", providertest.Fault{Delay: 2 * time.Second})
	b.idp.ResetRequests()
	for _, o := range b.storm(50, "kube", "--min-ttl", "5s") {
		if o.code != 0 || o.stderr != "" {
			t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
		}
	}
	if c := b.idp.Requests(); c.RefreshToken != 1 || c.All != 1 {
		t.Errorf("requests: %+v, want one refresh", c)
	}
}
