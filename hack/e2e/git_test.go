package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// gitServer is git's own http backend behind https, which takes every token but those
// that it refuses.
type gitServer struct {
	*httptest.Server
	mu      sync.Mutex
	refused map[string]bool
	seen    []string // schemes of the requests' Authorization; "-": none
	token   string   // the last one that was taken
}

func newGitServer(t *testing.T, root string) *gitServer {
	s := &gitServer{refused: map[string]bool{}}
	backend := &cgi.Handler{Path: mustTool(t, "git"), Args: []string{"-c", "safe.directory=*", "http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=alice"}, InheritEnv: []string{"PATH"}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if scheme == "Basic" {
			plain, _ := base64.StdEncoding.DecodeString(text)
			text, _ = strings.CutPrefix(string(plain), "oauth2:")
		}
		s.mu.Lock()
		good := text != "" && !s.refused[text]
		s.seen = append(s.seen, scheme)
		if good {
			s.token = text
		}
		s.mu.Unlock()
		if !good {
			w.Header().Add("WWW-Authenticate", `Basic realm="git"`)
			w.Header().Add("WWW-Authenticate", `Bearer realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestGit: clone and push over https with the helper that setup git writes; a refused
// token is renewed by the next command; another host gets none.
func TestGit(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	git := gitIn(place{c: c}, mustTool(t, "git"))
	want := "Basic" // 2.46 and later ask for Bearer
	if minor := strings.Split(git("version").ok(), "."); len(minor) > 1 && len(minor[1]) == 2 && minor[1] >= "46" {
		want = "Bearer"
	}
	testGit(t, c, git, want)
}

// TestAllGitBearer is the same with the git of Debian 13.
func TestAllGitBearer(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	at := machine(c)
	debian := mustTool(t, "trixie")
	for _, path := range []string{"/usr", "/etc/ld.so.cache"} {
		at.root.Over[path] = debian + path
	}
	testGit(t, c, gitIn(at, "/usr/bin/git"), "Bearer")
}

// gitIn runs git at a place.
func gitIn(at place, program string) func(args ...string) *command {
	at = at.with("GIT_SSL_CAINFO="+ca.caFile, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	return func(args ...string) *command { return at.start(program, args...) }
}

func testGit(t *testing.T, c *client, git func(args ...string) *command, scheme string) {
	root := t.TempDir()
	server := newGitServer(t, root)
	c.signIn()
	at, _ := url.Parse(server.URL)
	c.start("git", nil, "init", "-q", "--bare", filepath.Join(root, "repo.git")).ok()
	c.start("git", nil, "--git-dir", filepath.Join(root, "repo.git"), "config", "http.receivepack", "true").ok()

	setup := append([]string{"setup"}, c.args("git", "--host", at.Host, "--interactive", "never", "--yes")...)
	c.start("sso-exec", nil, setup...).ok()

	git("clone", "-q", server.URL+"/repo.git", "work").ok()
	git("-C", "work", "commit", "-q", "--allow-empty", "-m", "first").ok()
	git("-C", "work", "push", "-q", "origin", "HEAD:main").ok()
	if out := git("ls-remote", server.URL+"/repo.git").ok(); !strings.Contains(out, "refs/heads/main") {
		t.Errorf("ls-remote: %q", out)
	}
	server.mu.Lock()
	for _, seen := range server.seen {
		if seen != "" && seen != scheme {
			t.Errorf("sent as %s, want %s", seen, scheme)
		}
	}
	if !slices.Contains(server.seen, scheme) {
		t.Errorf("requests: %q, want %s", server.seen, scheme)
	}
	server.refused[server.token] = true
	server.mu.Unlock()

	c.dex.ResetRequests()
	if res := git("ls-remote", server.URL+"/repo.git").wait(); res.code == 0 {
		t.Error("the token was refused, and git went on")
	}
	c.requests(map[string]int{})
	var next []*command
	for range 5 {
		next = append(next, git("ls-remote", server.URL+"/repo.git"))
	}
	for _, one := range next {
		one.ok()
	}
	c.requests(map[string]int{"POST /token": 1})

	server.mu.Lock()
	server.seen = nil
	server.mu.Unlock()
	if res := git("ls-remote", "https://localhost:"+at.Port()+"/repo.git").wait(); res.code == 0 {
		t.Error("another host was served")
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if got := strings.Join(server.seen, ""); len(server.seen) == 0 || got != "" {
		t.Errorf("another host's requests: %q", server.seen)
	}
	if _, err := os.Stat(filepath.Join(c.home, ".git-credentials")); err == nil {
		t.Error("git has stored the token")
	}
}
