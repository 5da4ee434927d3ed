package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// fileRegistry is a server behind https that wants a bearer token for its files, and takes
// every one but those that it refuses.
type fileRegistry struct {
	*httptest.Server
	open  func(path string) bool // what it shows to everybody; nil: nothing
	files map[string]string      // by their paths

	mu      sync.Mutex
	refused map[string]bool
	asked   int    // with a token
	token   string // the last one that was taken
}

func newFileRegistry(t *testing.T, open func(string) bool) *fileRegistry {
	s := &fileRegistry{files: map[string]string{}, refused: map[string]bool{}, open: open}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		defer s.mu.Unlock()
		if bearer {
			s.asked++
		}
		good := bearer && token != "" && !s.refused[token]
		if good {
			s.token = token
		}
		text, there := s.files[r.URL.Path]
		switch {
		case !good && (open == nil || !open(r.URL.Path)):
			w.Header().Set("WWW-Authenticate", `Cargo login_url="https://registry.example/me"`)
			http.Error(w, "no", http.StatusUnauthorized)
		case !there:
			http.NotFound(w, r)
		case strings.HasPrefix(text, "X-Terraform-Get: "):
			w.Header().Set("X-Terraform-Get", strings.TrimPrefix(text, "X-Terraform-Get: "))
			w.WriteHeader(http.StatusNoContent)
		default:
			if strings.HasPrefix(text, "{") {
				w.Header().Set("Content-Type", "application/json")
			}
			_, _ = w.Write([]byte(text))
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// host is 127.0.0.1 with the port.
func (s *fileRegistry) host() string { return strings.TrimPrefix(s.URL, "https://") }

// refuse has the last token be refused from now on.
func (s *fileRegistry) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[s.token] = true
}

// tokens is how many requests came with a token.
func (s *fileRegistry) tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// archive is a .tar.gz.
func archive(t *testing.T, files ...[2]string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// setUp runs sso-exec setup for a tool and a host.
func (c *client) setUp(tool, host string) {
	c.t.Helper()
	setup := append([]string{"setup"}, c.args(tool, "--host", host, "--interactive", "never", "--yes")...)
	c.start("sso-exec", nil, setup...).ok()
}

// TestCargo: a crate comes from a registry that wants a token for all that it has, by the
// provider that setup cargo writes; a registry on another host gets none.
func TestCargo(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	s, other := newFileRegistry(t, nil), newFileRegistry(t, nil)
	crate := archive(t, [2]string{"foo-1.0.0/Cargo.toml", "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n"},
		[2]string{"foo-1.0.0/src/lib.rs", ""})
	for _, s := range []*fileRegistry{s, other} {
		s.files["/index/config.json"] = fmt.Sprintf(`{"dl":"%s/dl","api":"%s","auth-required":true}`, s.URL, s.URL)
		s.files["/index/3/f/foo"] = fmt.Sprintf(
			`{"name":"foo","vers":"1.0.0","deps":[],"cksum":"%x","features":{},"yanked":false}`,
			sha256.Sum256([]byte(crate))) + "\n"
		s.files["/dl/foo/1.0.0/download"] = crate
	}
	config := fmt.Sprintf("[registries.corp]\nindex = \"sparse+%s/index/\"\n\n"+
		"[registries.other]\nindex = \"sparse+%s/index/\"\n",
		s.URL, other.URL)
	c.write(".cargo/config.toml", config)
	manifest := "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\n" +
		"foo = { version = \"1\", registry = \"%s\" }\n"
	for _, name := range []string{"corp", "other"} {
		c.write(name+"/Cargo.toml", fmt.Sprintf(manifest, name))
		c.write(name+"/src/lib.rs", "")
	}
	fetch := func(name string) *command {
		return c.start("cargo", []string{"CARGO_HTTP_CAINFO=" + ca.caFile, "CARGO_HTTP_CHECK_REVOKE=false",
			"PATH=" + filepath.Dir(mustTool(t, "rustc")) + ":" + os.Getenv("PATH")},
			"fetch", "--manifest-path", filepath.Join(c.home, name, "Cargo.toml"))
	}
	fresh := func() {
		if err := os.RemoveAll(filepath.Join(c.home, ".cargo", "registry")); err != nil {
			t.Fatal(err)
		}
	}
	c.setUp("cargo", s.host())

	// nobody signed in: cargo says which command to run
	if res := fetch("corp").wait(); res.code == 0 || !strings.Contains(res.stderr, "to sign in, run: ") {
		t.Fatalf("%+v", res)
	}
	c.signIn()
	fetch("corp").ok()
	if s.tokens() < 3 {
		t.Errorf("%d requests with a token", s.tokens())
	}
	fresh()
	c.dex.ResetRequests()
	fetch("corp").ok()
	c.requests(map[string]int{})

	// a token that is refused: cargo does not call the helper again
	s.refuse()
	fresh()
	if res := fetch("corp").wait(); res.code == 0 || !strings.Contains(res.stderr, "token rejected") {
		t.Errorf("%+v", res)
	}
	c.start("sso-exec", nil, c.args("token", "--for", s.URL, "--host", s.host(), "--force")...).ok()
	fetch("corp").ok()
	c.requests(map[string]int{"POST /token": 1})

	// a registry on another host: not by setup, and not by the provider for all of them
	text, err := os.ReadFile(filepath.Join(c.home, ".cargo", "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, ours, _ := strings.Cut(string(text), "credential-provider = ")
	ours, _, _ = strings.Cut(ours, "\n")
	c.write(".cargo/config.toml", string(text)+"[registry]\nglobal-credential-providers = [\"corp\"]\n"+
		"[credential-alias]\ncorp = "+
		ours+"\n")
	if res := fetch("other").wait(); res.code == 0 || other.tokens() != 0 {
		t.Errorf("another host: %d requests with a token, %+v", other.tokens(), res)
	}
	c.write(".cargo/config.toml", string(text))
	c.start("sso-exec", nil, "setup", "cargo", "--remove", "--yes").ok()
	if back, err := os.ReadFile(filepath.Join(c.home, ".cargo", "config.toml")); err != nil || string(back) != config {
		t.Errorf("%s, %v", back, err)
	}
}

// TestAllTerraform: a module comes from a private registry, by the helper that setup
// terraform writes; another host gets no token.
func TestAllTerraform(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	open := func(path string) bool { return strings.HasPrefix(path, "/.well-known/") || path == "/c.tar.gz" }
	s, other := newFileRegistry(t, open), newFileRegistry(t, open)
	for _, s := range []*fileRegistry{s, other} {
		s.files["/.well-known/terraform.json"] = `{"modules.v1":"/v1/modules/"}`
		s.files["/v1/modules/a/b/c/versions"] = `{"modules":[{"versions":[{"version":"1.0.0"}]}]}`
		s.files["/v1/modules/a/b/c/1.0.0/download"] = "X-Terraform-Get: " + s.URL + "/c.tar.gz"
		s.files["/c.tar.gz"] = archive(t, [2]string{"main.tf", "output \"x\" { value = 1 }\n"})
	}
	for name, s := range map[string]*fileRegistry{"corp": s, "other": other} {
		c.write(name+"/main.tf", fmt.Sprintf("module \"m\" {\n  source  = \"%s/a/b/c\"\n  version = \"1.0.0\"\n}\n",
			s.host()))
	}
	terraform := func(args ...string) *command {
		return c.start("terraform", []string{"SSL_CERT_FILE=" + ca.caFile, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"},
			args...)
	}
	get := func(name string) *command { return terraform("-chdir="+name, "get", "-no-color", "-update") }
	c.write(".terraformrc", "disable_checkpoint = true\n")
	c.setUp("terraform", s.host())

	// nobody signed in: terraform goes on without a token, and keeps what it heard to itself
	if res := get("corp").wait(); res.code == 0 || !strings.Contains(res.stderr, "401 Unauthorized") || s.tokens() != 0 {
		t.Fatalf("%+v", res)
	}
	c.signIn()
	c.dex.ResetRequests()
	get("corp").ok()
	if s.tokens() == 0 {
		t.Error("no request with a token")
	}
	c.requests(map[string]int{})

	s.refuse()
	if res := get("corp").wait(); res.code == 0 {
		t.Error("the token was refused, and terraform went on")
	}
	c.start("sso-exec", nil, slices.Concat(c.args("terraform", "--host", s.host(), "--force"),
		[]string{"get", s.host()})...).ok()
	get("corp").ok()
	c.requests(map[string]int{"POST /token": 1})

	if res := get("other").wait(); res.code == 0 || other.tokens() != 0 {
		t.Errorf("another host: %d requests with a token, %+v", other.tokens(), res)
	}
	if res := terraform("logout", "-no-color", s.host()).wait(); res.code == 0 ||
		!strings.Contains(res.stderr, "nothing is kept for terraform") {
		t.Errorf("logout: %+v", res)
	}
	get("corp").ok()
}
