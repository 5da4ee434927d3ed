package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// This file is package managers and Google's auth library, as make e2e-all has them.

// packageServer serves files to whoever has a token, as Bearer or as the password of
// oauth2, and accepts what is published.
type packageServer struct {
	*httptest.Server
	basic bool
	files map[string]string

	mu        sync.Mutex
	tokens    map[string]int
	published []string
}

func newPackageServer(t *testing.T, basic bool) *packageServer {
	s := &packageServer{basic: basic, files: map[string]string{}, tokens: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s.basic {
			var user string
			user, token, ok = r.BasicAuth()
			ok = ok && user == "oauth2"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		text, there := s.files[r.URL.Path]
		switch {
		case !ok || token == "":
			w.Header().Set("WWW-Authenticate", `Basic realm="packages"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		case r.Method == http.MethodPut:
			s.published = append(s.published, r.URL.Path)
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"ok":true}`))
		case !there:
			http.NotFound(w, r)
		default:
			kind := "application/octet-stream"
			if strings.HasPrefix(text, "{") {
				kind = "application/json"
			} else if strings.HasPrefix(text, "<") {
				kind = "text/html"
			}
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text))
		}
		s.tokens[token]++
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *packageServer) host() string { return strings.TrimPrefix(s.URL, "http://") }

// heard are the tokens that it was shown since.
func (s *packageServer) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for token := range s.tokens {
		all = append(all, token)
	}
	s.tokens = map[string]int{}
	return all
}

// withProfile is a person's machine with a profile, signed in.
func withProfile(t *testing.T, more string) *client {
	c := newClient(t, newDex(t, dex.Options{}))
	c.write(".config/sso-exec/config.yaml", fmt.Sprintf("version: 1\ndefault-profile: corp\nprofiles:\n  corp:\n"+
		"    issuer: %s\n    client-id: %s\n    scopes: [email, profile, groups]\n    ca-file: %s\n    cache-dir: %s\n    %s\n",
		c.dex.Issuer, clientID, ca.caFile, c.cache, more))
	for _, file := range []string{".config", ".config/sso-exec", ".config/sso-exec/config.yaml"} {
		if err := os.Chmod(filepath.Join(c.home, file), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.signIn()
	c.dex.ResetRequests()
	return c
}

// TestAllPip: a package comes from a private index, with the token as the password;
// another index gets none.
func TestAllPip(t *testing.T) {
	s, other := newPackageServer(t, true), newPackageServer(t, true)
	for _, s := range []*packageServer{s, other} {
		const wheel = "e2e_hello-1.0-py3-none-any.whl"
		s.files["/simple/e2e-hello/"] = "<a href=\"/files/" + wheel + "\">" + wheel + "</a>"
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, text := range map[string]string{"e2e_hello.py": "", "e2e_hello-1.0.dist-info/RECORD": "",
			"e2e_hello-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: e2e-hello\nVersion: 1.0\n",
			"e2e_hello-1.0.dist-info/WHEEL":    "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"} {
			f, err := z.Create(name)
			if err == nil {
				_, err = f.Write([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		s.files["/files/"+wheel] = b.String()
	}
	c := withProfile(t, `hosts: ["`+s.host()+`"]`)
	c.start("sso-exec", nil, "setup", "keyring", "--profile", "corp", "--yes").ok()
	if err := os.Mkdir(filepath.Join(c.home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(mustTool(t, "sso-exec"), filepath.Join(c.home, "bin", "keyring")); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + filepath.Join(c.home, "bin") + ":" + os.Getenv("PATH")
	pip := func(s *packageServer, env ...string) result {
		return c.start("python3", append(env, path, "PIP_DISABLE_PIP_VERSION_CHECK=1"), "-m", "pip", "download",
			"--no-deps", "--no-cache-dir", "--no-color", "--retries", "0", "--index-url", "http://oauth2@"+s.host()+"/simple/",
			"-d", "out", "e2e-hello").wait()
	}
	if res := pip(s); res.code != 0 {
		t.Fatalf("%+v", res)
	}
	if _, err := os.Stat(filepath.Join(c.home, "out", "e2e_hello-1.0-py3-none-any.whl")); err != nil {
		t.Error(err)
	}
	token := strings.TrimSpace(c.start("sso-exec", nil, "token").ok())
	if got := s.heard(); !slices.Equal(got, []string{token}) {
		t.Errorf("the index heard %d tokens, or another", len(got))
	}
	if res := pip(other); res.code == 0 || len(other.heard()) > 0 {
		t.Errorf("another index: %+v", res)
	}
	c.requests(map[string]int{})
}

// TestAllNPM: npm, yarn and pnpm get packages from a private registry, and npm publishes;
// the user config with the token is gone afterwards.
func TestAllNPM(t *testing.T) {
	s, other := newPackageServer(t, false), newPackageServer(t, false)
	for _, s := range []*packageServer{s, other} {
		tgz := archive(t, [2]string{"package/package.json", `{"name":"e2e-hello","version":"1.0.0"}`})
		s.files["/e2e-hello/-/e2e-hello-1.0.0.tgz"] = tgz
		doc, err := json.Marshal(map[string]any{"name": "e2e-hello", "dist-tags": map[string]string{"latest": "1.0.0"},
			"versions": map[string]any{"1.0.0": map[string]any{"name": "e2e-hello", "version": "1.0.0",
				"dist": map[string]string{"tarball": s.URL + "/e2e-hello/-/e2e-hello-1.0.0.tgz",
					"shasum": fmt.Sprintf("%x", sha1.Sum([]byte(tgz)))}}}})
		if err != nil {
			t.Fatal(err)
		}
		s.files["/e2e-hello"] = string(doc)
	}
	c := withProfile(t, `hosts: ["`+s.host()+`"]`)
	token := strings.TrimSpace(c.start("sso-exec", nil, "token").ok())
	modules := filepath.Join(filepath.Dir(mustTool(t, "node")), "packages", "node_modules")
	managers := map[string][]string{
		"npm":   {mustTool(t, "npm"), "install"},
		"yarn":  {mustTool(t, "node"), filepath.Join(modules, "yarn", "bin", "yarn.js"), "install", "--non-interactive"},
		"pnpm":  {mustTool(t, "node"), filepath.Join(modules, "pnpm", "bin", "pnpm.cjs"), "install"},
		"pnpm9": {mustTool(t, "node"), filepath.Join(modules, "pnpm9", "bin", "pnpm.cjs"), "install"},
		"pnpm12": {filepath.Join(modules, "@pnpm", "exe.linux-"+strings.Replace(runtime.GOARCH, "amd64", "x64", 1), "pnpm"),
			"install"},
	}
	env := []string{"npm_config_update_notifier=false", "npm_config_fund=false", "npm_config_audit=false"}
	project := func(name string, s *packageServer) {
		c.write(name+"/package.json", `{"name":"p","version":"1.0.0","dependencies":{"e2e-hello":"1.0.0"}}`)
		c.write(name+"/.npmrc", "registry="+s.URL+"/\nalways-auth=true\n")
	}
	in := func(name string, s *packageServer, words ...string) result {
		script := "cd " + name + " && exec \"$@\""
		return c.start("sso-exec", env, slices.Concat([]string{"run", "--npm", s.URL + "/", "--", "sh", "-c", script, "sh"},
			words)...).wait()
	}
	for name, words := range managers {
		project(name, s)
		if res := in(name, s, words...); res.code != 0 {
			t.Errorf("%s: %+v", name, res)
			continue
		}
		if _, err := os.Stat(filepath.Join(c.home, name, "node_modules", "e2e-hello", "package.json")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.heard(); !slices.Equal(got, []string{token}) {
			t.Errorf("%s: the registry heard %d tokens, or another", name, len(got))
		}
	}
	if res := in("npm", s, managers["npm"][0], "publish"); res.code != 0 || !slices.Equal(s.published, []string{"/p"}) {
		t.Errorf("publish: %q, %+v", s.published, res)
	}
	if left, _ := filepath.Glob(filepath.Join(c.cache, "run", "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	s.heard()

	// pnpm by its own helper; another registry gets nothing
	c.start("sso-exec", nil, "setup", "pnpm", "--profile", "corp", "--yes",
		"--command", mustTool(t, "sso-exec")).ok()
	for _, version := range []string{"pnpm9", "pnpm", "pnpm12"} {
		project("helper-"+version, s)
		project("other-"+version, other)
		new := c.home + "/new-" + version // pnpm keeps packages there
		pnpm := func(name string) result {
			words := slices.Concat([]string{"-c", "exec \"$@\"", "bash"}, managers[version],
				[]string{"--dir", name + "-" + version})
			return c.start("bash", append(env, "XDG_CACHE_HOME="+new, "XDG_DATA_HOME="+new), words...).wait()
		}
		if res := pnpm("helper"); res.code != 0 {
			t.Errorf("%s: %+v", version, res)
		}
		if got := s.heard(); !slices.Equal(got, []string{token}) {
			t.Errorf("%s: the registry heard %d tokens, or another", version, len(got))
		}
		if res := pnpm("other"); res.code == 0 || len(other.heard()) > 0 {
			t.Errorf("%s at another registry: %+v", version, res)
		}
	}
	c.requests(map[string]int{})
}

// TestAllGCP: Google's auth library for JavaScript exchanges our ID token at a stand-in
// of Google's STS, by the credentials that setup gcp writes; no other audience gets one.
func TestAllGCP(t *testing.T) {
	const pool = "//iam.googleapis.com/locations/global/workforcePools/corp/providers/login"
	var asked []map[string]string
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := map[string]string{"path": r.URL.Path}
		_ = r.ParseForm()
		for name := range r.PostForm {
			q[name] = r.PostForm.Get(name)
		}
		asked = append(asked, q)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"ya29.federated","issued_token_type":` +
			`"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`))
	}))
	t.Cleanup(sts.Close)
	c := withProfile(t, "audit: on")
	c.start("sso-exec", nil, "setup", "gcp", "--profile", "corp", "--yes", "--gcp-audience", pool, "--user-project",
		"pays",
		"--gcp-config", "gcp.json", "--command", mustTool(t, "sso-exec")).ok()
	text, err := os.ReadFile(filepath.Join(c.home, "gcp.json"))
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(text), "https://sts.googleapis.com/v1/token", sts.URL+"/v1/token", 1)
	library := func(text string) result {
		file := c.write("used.json", text)
		return c.start("node", []string{"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1",
			"GOOGLE_APPLICATION_CREDENTIALS=" + file,
			"GOOGLE_CLOUD_PROJECT=pays"}, filepath.Join(filepath.Dir(mustTool(t, "node")), "packages", "gcp.mjs")).wait()
	}
	if res := library(own); res.code != 0 || res.stdout != "ya29.federated\n" {
		t.Fatalf("%+v", res)
	}
	id := strings.TrimSpace(c.start("sso-exec", nil, "token", "--token-type", "id").ok())
	want := map[string]string{"path": "/v1/token", "audience": pool, "subject_token": id,
		"grant_type":         "urn:ietf:params:oauth:grant-type:token-exchange",
		"subject_token_type": "urn:ietf:params:oauth:token-type:id_token", "options": `{"userProject":"pays"}`}
	for name, value := range want {
		if len(asked) != 1 || asked[0][name] != value {
			t.Errorf("%s: %q, want %q", name, asked, value)
		}
	}
	// a hostile file: another's audience, and somebody's file to write to
	victim := c.write("victim", "mine\n")
	for _, hostile := range []string{
		strings.Replace(own, "workforcePools/corp", "workforcePools/evil", 1),
		strings.Replace(own, `"timeout_millis"`, `"output_file": "`+victim+`", "timeout_millis"`, 1),
	} {
		if res := library(hostile); res.code == 0 || strings.Contains(res.stderr, id) || len(asked) != 1 {
			t.Errorf("%d requests, %+v", len(asked), res)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "mine\n" {
		t.Errorf("%q, %v", text, err)
	}
	c.requests(map[string]int{})
}
