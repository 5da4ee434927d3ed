package sso_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// patience ends a test that has failed.
const patience = 30 * time.Second

// roleVariable makes this binary a program that uses the library: it prints a token.
const roleVariable = "SSO_TEST_ROLE"

// stateVariable says where the audit trail is.
var stateVariable = map[bool]string{true: "LocalAppData", false: "XDG_STATE_HOME"}[runtime.GOOS == "windows"]

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "http"): // the browser of the tests
		if _, err := http.Get(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv(roleVariable) != "":
		os.Exit(program())
	}
	state, err := os.MkdirTemp("", "sso-test") // or the trail of who tests would have it
	if err == nil {
		err = os.Setenv(stateVariable, state)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(state)
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

var built string // the directory of the built command

// program is a program that uses the library, with the settings that the command
// would take from the same variables; or one that holds a lock until its stdin ends.
func program() int {
	if key, ok := strings.CutPrefix(os.Getenv(roleVariable), "hold "); ok {
		lock, err := cache.Open(os.Getenv("SSO_EXEC_CACHE_DIR"), nil).Lock(context.Background(), cache.LockRefresh, key)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer lock.Unlock()
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	}
	c := &sso.Client{Issuer: os.Getenv("SSO_EXEC_ISSUER"), ClientID: "cli", CacheDir: os.Getenv("SSO_EXEC_CACHE_DIR"),
		Browser: os.Getenv("SSO_EXEC_BROWSER"), Interactive: os.Getenv("SSO_EXEC_INTERACTIVE")}
	t, err := c.TokenSource(context.Background()).Token()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(t.AccessToken)
	return 0
}

// command builds sso-exec, once.
var command = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sso-test")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "sso-exec")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/sso-exec").CombinedOutput(); err != nil {
		return path, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// world is a provider, an API that accepts its tokens, and a machine to sign in on.
type world struct {
	*providertest.Provider
	dir    string
	api    *httptest.Server
	pages  atomic.Int32 // that were opened
	tokens chan string  // that the API was sent, oldest first; empty for none

	mu     sync.Mutex
	refuse func(*http.Request) (challenge string) // nil: the API accepts everything
}

func newWorld(t *testing.T, config providertest.Config) *world {
	t.Helper()
	config.PlainHTTP = true
	if config.AccessTokenLifetime == 0 {
		config.AccessTokenLifetime = time.Hour
	}
	w := &world{Provider: providertest.New(t, config), dir: filepath.Join(t.TempDir(), "cache"),
		tokens: make(chan string, 1000)}
	w.api = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	w.api.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that a test has cut
	w.api.StartTLS()
	t.Cleanup(w.api.Close)
	return w
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.tokens <- strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		if challenge := w.refuse(r); challenge != "" {
			rw.Header().Set("WWW-Authenticate", challenge)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
	}
	fmt.Fprintf(rw, "%s %s", r.Method, body)
}

// refuses has the API refuse requests from now on.
func (w *world) refuses(by func(*http.Request) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = by
}

// client is a program's. Its person approves every page at once.
func (w *world) client(change ...func(*sso.Client)) *sso.Client {
	c := &sso.Client{Issuer: w.Issuer(), ClientID: "cli", CacheDir: w.dir, CAData: certificate(w.api),
		OpenBrowser: w.approve(w.Provider)}
	for _, f := range change {
		f(c)
	}
	return c
}

// approve is a browser before a person who approves everything at once.
func (w *world) approve(p *providertest.Provider) func(context.Context, string) error {
	return func(_ context.Context, page string) error {
		w.pages.Add(1)
		go func() {
			if resp, err := p.Client().Get(page); err == nil {
				resp.Body.Close()
			}
		}()
		return nil
	}
}

// certificate is a test server's, as CAData.
func certificate(s *httptest.Server) string {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(block))
}

// nobody has nobody there to ask.
func nobody(c *sso.Client) { c.Interactive = "never" }

// plain trusts no extra root, which would be part of the session's key.
func plain(c *sso.Client) { c.CAData = "" }

func (w *world) login(t *testing.T, change ...func(*sso.Client)) {
	t.Helper()
	if _, err := w.client(change...).Login(t.Context()); err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	w.ResetRequests()
	w.pages.Store(0)
}

func token(t *testing.T, c *sso.Client) string {
	t.Helper()
	got, err := c.TokenSource(t.Context()).Token()
	if err != nil {
		t.Fatalf("no token: %v", err)
	}
	return got.AccessToken
}

// age moves the times of every stored token into the past.
func (w *world) age(t *testing.T, by time.Duration) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(w.dir, "tokens"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc map[string]any
		if err := json.Unmarshal(raw, &doc); err != nil {
			return err
		}
		for k, v := range doc {
			if text, ok := v.(string); ok {
				if at, err := time.Parse(time.RFC3339, text); err == nil {
					doc[k] = at.Add(-by).Format(time.RFC3339Nano)
				}
			}
		}
		if raw, err = json.Marshal(doc); err != nil {
			return err
		}
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program in this world: the command, or this binary as a program that
// uses the library.
func (w *world) run(t testing.TB, env []string, name string, args ...string) (stdout, stderr string, code int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(w.dir),
		"SSO_EXEC_ISSUER=" + w.Issuer(), "SSO_EXEC_CLIENT_ID=cli", "SSO_EXEC_CACHE_DIR=" + w.dir,
		"SSO_EXEC_BROWSER=" + self, "GOCOVERDIR=" + t.TempDir()}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// library runs a program that uses the library.
func (w *world) library(t testing.TB, env ...string) (stdout, stderr string, code int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return w.run(t, append(env, roleVariable+"=token"), self)
}

// command runs sso-exec.
func (w *world) command(t testing.TB, args ...string) (stdout, stderr string, code int) {
	bin, err := command()
	if err != nil {
		t.Fatal(err)
	}
	return w.run(t, nil, bin, args...)
}

// within fails if f has not ended in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("did not end within %v: %s", patience, what)
	}
}

func (w *world) refreshes() int { return w.Requests().RefreshToken }
