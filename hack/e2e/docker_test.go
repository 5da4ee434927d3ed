package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// registry is docker-registry behind https, with its token server at the same host, as
// crane wants it. That signs in whoever brings a token of Dex's as a password, or as
// the registry's own refresh token, but those that it refuses.
type registry struct {
	host    string
	mu      sync.Mutex
	refused map[string]bool
	seen    []string // how somebody signed in: "Basic oauth2accesstoken", "refresh_token", "-": nobody
	token   string   // the last one that was good
}

func newRegistry(t *testing.T) *registry {
	r := &registry{refused: map[string]bool{}}
	behind, err := net.Listen("tcp", "127.0.0.1:0") // which port is free
	if err != nil {
		t.Fatal(err)
	}
	at := behind.Addr().String()
	behind.Close()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: at})
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/token" {
			r.serveToken(w, q)
			return
		}
		q.Header.Set("X-Forwarded-Proto", "https")
		proxy.ServeHTTP(w, q)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	front.StartTLS()
	t.Cleanup(front.Close)
	r.host = "localhost:" + front.URL[strings.LastIndexByte(front.URL, ':')+1:]

	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n"+
		"http: {addr: %q}\nauth: {token: {realm: https://%s/token, service: e2e, issuer: e2e, rootcertbundle: %s}}\n",
		filepath.Join(dir, "data"), at, r.host, ca.caFile)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(mustTool(t, "docker-registry"), "serve", config)
	p, err := spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.signal(9) })
	for range 100 {
		if conn, err := net.Dial("tcp", at); err == nil {
			conn.Close()
			return r
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the registry does not start")
	return nil
}

func (r *registry) serveToken(w http.ResponseWriter, q *http.Request) {
	_ = q.ParseForm()
	user, token, basic := q.BasicAuth()
	how := "Basic " + user
	if !basic {
		how, token = "refresh_token", q.Form.Get("refresh_token")
	}
	if token == "" {
		how = "-"
	}
	good := token != "" && isOfDex(token)
	r.mu.Lock()
	good = good && !r.refused[token]
	r.seen = append(r.seen, how)
	if good {
		r.token = token
	}
	r.mu.Unlock()
	if !good {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}`)
		return
	}
	access := []map[string]any{}
	for _, scope := range strings.Fields(strings.Join(q.Form["scope"], " ")) {
		if f := strings.Split(scope, ":"); len(f) == 3 {
			access = append(access, map[string]any{"type": f[0], "name": f[1], "actions": strings.Split(f[2], ",")})
		}
	}
	now := time.Now().Unix()
	signed := sign(map[string]any{"iss": "e2e", "sub": "alice", "aud": "e2e", "iat": now, "nbf": now - 5,
		"exp": now + 300, "jti": rand.Text(), "access": access})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": signed, "access_token": signed, "expires_in": 300})
}

// isOfDex asks Dex whose token it is.
func isOfDex(token string) bool {
	q, err := http.NewRequest(http.MethodGet, provider.Issuer+"/userinfo", nil)
	if err != nil {
		return false
	}
	q.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(q)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// sign makes a JWT that the registry trusts by the certificate in it.
func sign(claims any) string {
	leaf, err := x509.ParseCertificate(ca.server.Certificate[0])
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	head, _ := json.Marshal(map[string]any{"typ": "JWT", "alg": "ES256",
		"x5c": []string{base64.StdEncoding.EncodeToString(leaf.Raw)}})
	body, _ := json.Marshal(claims)
	text := b64(head) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, ca.server.PrivateKey.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		panic(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig)
}

// logins returns how people signed in since it was asked last.
func (r *registry) logins() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := map[string]int{}
	for _, how := range r.seen {
		count[how]++
	}
	r.seen = nil
	return count
}

// refuse has the registry refuse the last good token from now on.
func (r *registry) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[r.token] = true
}

// anImage writes the smallest image, as an OCI layout.
func anImage(t *testing.T, dir string) {
	t.Helper()
	blob := func(content []byte) map[string]any {
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		path := filepath.Join(dir, "blobs", "sha256", sum)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"digest": "sha256:" + sum, "size": len(content)}
	}
	as := func(kind string, blob map[string]any) map[string]any {
		blob["mediaType"] = "application/vnd.oci.image." + kind
		return blob
	}
	var layer bytes.Buffer
	zip := gzip.NewWriter(&layer)
	tar := make([]byte, 1024) // one without files ends at once
	_, _ = zip.Write(tar)
	_ = zip.Close()
	config, _ := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "rootfs": map[string]any{
		"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(tar))}}})
	manifest, _ := json.Marshal(map[string]any{"schemaVersion": 2,
		"mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config":    as("config.v1+json", blob(config)),
		"layers":    []any{as("layer.v1.tar+gzip", blob(layer.Bytes()))}})
	entry := as("manifest.v1+json", blob(manifest))
	entry["annotations"] = map[string]string{"org.opencontainers.image.ref.name": "v1"}
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{entry}})
	for name, text := range map[string]string{"index.json": string(index),
		"oci-layout": `{"imageLayoutVersion":"1.0.0"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// dockerClient is a person who is signed in, has run setup docker, and has pushed an
// image.
func dockerClient(t *testing.T, r *registry, username string) (*client, func(name string, args ...string) *command) {
	c := newClient(t, provider)
	c.signIn()
	path := filepath.Join(c.home, ".config", "sso-exec", "config.yaml")
	hosts := "[" + r.host + "]"
	if username != "" {
		hosts = "{\"" + r.host + "\": {username: " + username + "}}"
	}
	profile := fmt.Sprintf("version: 1\nprofiles:\n  corp:\n    issuer: %s\n    client-id: %s\n    interactive: never\n"+
		"    scopes: [email, profile, groups]\n    ca-file: %s\n    cache-dir: %s\n    hosts: %s\n", provider.Issuer,
		clientID, ca.caFile, c.cache, hosts)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(c.home, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(mustTool(t, "sso-exec"), filepath.Join(bin, "docker-credential-sso-exec")); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) *command {
		return c.start(name, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "SSL_CERT_FILE=" + ca.caFile,
			"XDG_RUNTIME_DIR=" + c.home}, args...)
	}
	run("sso-exec", "setup", "docker", "--profile", "corp", "--yes").ok()
	image := filepath.Join(c.home, "image")
	anImage(t, image)
	run("skopeo", "--insecure-policy", "copy", "-q", "oci:"+image+":v1", "docker://"+r.host+"/team/app:v1").ok()
	return c, run
}

// TestDocker: skopeo pushes and pulls with the helper that setup docker writes; after
// docker's erase a refused token is renewed; another registry gets none.
func TestDocker(t *testing.T) {
	r := newRegistry(t)
	c, run := dockerClient(t, r, "")
	inspect := []string{"inspect", "--raw", "docker://" + r.host + "/team/app:v1"}
	if out := run("skopeo", inspect...).ok(); !strings.Contains(out, "manifest.v1+json") {
		t.Errorf("inspect: %q", out)
	}
	if got := r.logins(); got["Basic oauth2accesstoken"] == 0 || len(got) != 1 {
		t.Errorf("signed in as %v", got)
	}
	r.refuse()
	if res := run("skopeo", inspect...).wait(); res.code == 0 {
		t.Error("the token was refused, and skopeo went on")
	}
	erase := "printf " + r.host + " | docker-credential-sso-exec erase"
	run("bash", "-c", erase+" && "+erase).ok()
	var running []*command
	for range 5 {
		running = append(running, run("skopeo", inspect...))
	}
	for _, one := range running {
		one.ok()
	}
	r.logins()

	// Another name of the same registry: docker's config has the helper, the profile does
	// not have the host.
	other := strings.Replace(r.host, "localhost", "127.0.0.1", 1)
	config := filepath.Join(c.home, ".docker", "config.json")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte(r.host), []byte(other)), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := run("skopeo", "inspect", "--raw", "docker://"+other+"/team/app:v1").wait(); res.code == 0 ||
		strings.Contains(res.stderr, "sso-exec") {
		t.Errorf("another host: %+v", res)
	}
	if got := r.logins(); !maps.Equal(got, map[string]int{"-": got["-"]}) {
		t.Errorf("another host was signed in to: %v", got)
	}
}

// TestAllDocker: the other clients of registries, with the token as a password and as
// the registry's own refresh token.
func TestAllDocker(t *testing.T) {
	r := newRegistry(t)
	for username, how := range map[string]string{"": "Basic oauth2accesstoken", "<token>": "refresh_token"} {
		c, run := dockerClient(t, r, username)
		r.logins()
		image := r.host + "/team/app:v1"
		store := func(name string) string { return filepath.Join(c.home, name) }
		for _, words := range [][]string{
			{"skopeo", "inspect", "--raw", "docker://" + image},
			{"podman", "--storage-driver", "vfs", "--root", store("root"), "--runroot", store("run"), "pull", "-q", image},
			{"crane", "digest", image},
			{"oras", "manifest", "fetch", "--plain-http=false", image},
			{"docker", "manifest", "inspect", "--insecure", image},
		} {
			if words[0] == "docker" && username != "" { // which signs in by Basic, with the name <token>
				continue
			}
			run(words[0], words[1:]...).ok()
			if got := r.logins(); got[how] == 0 {
				t.Errorf("%s signed in as %v, want %s", words[0], got, how)
			}
		}
		// Nobody signed in: each names the command to run.
		run("sso-exec", "logout", "corp").wait()
		for _, words := range [][]string{
			{"skopeo", "inspect", "docker://" + image}, {"crane", "digest", image},
			{"docker", "manifest", "inspect", "--insecure", image},
		} {
			if res := run(words[0], words[1:]...).wait(); res.code == 0 || !strings.Contains(res.stderr, "sso-exec login") {
				t.Errorf("%s, with nobody signed in: %+v", words[0], res)
			}
		}
	}
}
