package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// client is a person's machine: a home and a cache directory of its own, and
// the desk to which sso-exec hands the URLs that a browser would open.
type client struct {
	t           *testing.T
	dex         *dex.Server
	home, cache string
	browser     string // for --browser
	urls        chan string
}

func newClient(t *testing.T, at *dex.Server) *client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, dex: at, home: t.TempDir(), urls: make(chan string, 8)}
	c.cache = filepath.Join(c.home, "cache")
	desk := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		c.urls <- r.FormValue("url")
	}))
	t.Cleanup(desk.Close)
	c.browser = self + " " + handOver + " " + desk.URL
	return c
}

// newDex is a provider for one test, with settings or counts of its own.
func newDex(t *testing.T, o dex.Options) *dex.Server {
	t.Helper()
	o.ClientIDs, o.Users, o.Certificate = []string{clientID}, []dex.User{alice}, &ca.server
	s, err := dex.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// args is a whole command line: a complete set of flags needs no config file.
func (c *client) args(command string, more ...string) []string {
	return append([]string{
		command, "--issuer", c.dex.Issuer, "--client-id", clientID, "--scope", "email,profile,groups",
		"--ca-file", ca.caFile, "--cache-dir", c.cache,
	}, more...)
}

// pkce are the flags of a sign-in whose browser is the test.
func (c *client) pkce(more ...string) []string {
	return append([]string{"--flow", "pkce", "--browser", c.browser, "--login-timeout", "40s"}, more...)
}

// command is a running program and what it has written so far.
type command struct {
	*process
	t              *testing.T
	stdout, stderr output
	tty            *terminal // nil: it has none
	window         *tmux     // it runs in there; nil: it doesn't
	document       string    // the file that has stdout instead; or empty
}

type result struct {
	stdout, stderr string
	code           int
}

// start runs one of hack/e2e/.bin in an environment with nothing of the person who runs the tests.
func (c *client) start(name string, env []string, args ...string) *command {
	c.t.Helper()
	running := &command{t: c.t}
	cmd := exec.Command(mustTool(c.t, name), args...)
	cmd.Dir = c.home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home}, env...)
	cmd.Stdout, cmd.Stderr = &running.stdout, &running.stderr
	var err error
	if running.process, err = spawn(cmd); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { running.signal(syscall.SIGKILL) })
	return running
}

func (r *command) wait() result {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(90 * time.Second):
		r.signal(syscall.SIGKILL)
		r.t.Fatalf("%s did not end; stderr: %s", filepath.Base(r.cmd.Path), r.seen())
	}
	if exit, ok := errors.AsType[*exec.ExitError](r.err); r.err != nil && !ok {
		r.t.Fatal(r.err)
	} else if ok && !exit.Exited() {
		r.t.Fatalf("%s: %v", filepath.Base(r.cmd.Path), exit)
	}
	if r.tty != nil {
		r.tty.drain()
	}
	stdout := r.stdout.String()
	if r.document != "" {
		text, err := os.ReadFile(r.document)
		if err != nil {
			r.t.Fatal(err)
		}
		stdout += string(text)
	}
	return result{stdout, r.stderr.String(), r.cmd.ProcessState.ExitCode()}
}

// ok waits for a command that has to succeed, and returns its stdout.
func (r *command) ok() string {
	r.t.Helper()
	res := r.wait()
	if res.code != 0 {
		r.t.Fatalf("%s ended with %d\nstdout: %s\nstderr: %s", filepath.Base(r.cmd.Path), res.code, res.stdout, r.seen())
	}
	return res.stdout
}

// sso runs sso-exec.
func (c *client) sso(args ...string) *command {
	c.t.Helper()
	return c.start("sso-exec", nil, args...)
}

// url waits for the URL that sso-exec wants opened.
func (c *client) url(of *command) string {
	c.t.Helper()
	select {
	case u := <-c.urls:
		return u
	case <-of.done:
		c.t.Fatalf("ended with %v before a browser was opened; stderr: %s", of.err, of.stderr.String())
	case <-time.After(30 * time.Second):
		c.t.Fatalf("no browser was opened; stderr: %s", of.stderr.String())
	}
	return ""
}

// visit is alice with a browser that is not worth starting Chromium for.
func (c *client) visit(target string) approve.Page {
	c.t.Helper()
	page, err := approve.Browser{Email: alice.Email, Password: alice.Password, Roots: ca.roots}.Visit(c.t.Context(),
		target)
	if err != nil {
		c.t.Fatalf("signing in: %v", err)
	}
	return page
}

// signIn is a whole sign-in with PKCE that no test is about; it returns the ID token.
func (c *client) signIn() string {
	c.t.Helper()
	kube := c.sso(c.args("kube", c.pkce()...)...)
	c.visit(c.url(kube))
	return execToken(c.t, kube.ok())
}

// execToken reads the token out of an ExecCredential.
func execToken(t *testing.T, document string) string {
	t.Helper()
	var credential struct {
		Kind   string
		Status struct{ Token string }
	}
	if err := json.Unmarshal([]byte(document), &credential); err != nil || credential.Kind != "ExecCredential" ||
		credential.Status.Token == "" {
		t.Fatalf("no ExecCredential (%v): %q", err, document)
	}
	return credential.Status.Token
}

// requests fails unless Dex has seen exactly these since the count was reset.
func (c *client) requests(want map[string]int) {
	c.t.Helper()
	if got := c.dex.Requests(); !maps.Equal(got, want) {
		c.t.Errorf("requests to Dex: %v, want %v", got, want)
	}
}

// noSignIn fails if somebody had to sign in since the count was reset.
func (c *client) noSignIn() {
	c.t.Helper()
	for request, count := range c.dex.Requests() {
		if slices.ContainsFunc([]string{"/auth", "/device", "/token"}, func(path string) bool {
			return strings.HasPrefix(strings.Fields(request)[1], path)
		}) {
			c.t.Errorf("%s was asked %d times", request, count)
		}
	}
}

// output is a buffer that can be read while a program writes to it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// takeBack removes something that was written, if it was.
func (o *output) takeBack(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before, after, ok := strings.Cut(o.buf.String(), text)
	if ok {
		o.buf.Reset()
		o.buf.WriteString(before + after)
	}
	return ok
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
