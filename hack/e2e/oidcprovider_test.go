package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// certified is an oidc-provider of one test's own: stricter than Dex, and it
// revokes, introspects and ends its own sessions. https is the test's, which so
// sees what is asked and can hold it up.
type certified struct {
	t      *testing.T
	issuer string
	front  *httptest.Server
	client *http.Client

	mu     sync.Mutex
	seen   map[string]int // requests by method and path, as in "POST /token"
	issued []tokenAnswer  // by the token endpoint, in that order
}

// certifiedOptions is what a test may want otherwise.
type certifiedOptions struct {
	// FirstTTL is the life of the tokens of a sign-in, in whole seconds; those of a
	// refresh have an hour. 0: an hour too.
	FirstTTL   time.Duration
	RequirePAR bool
	ACRs       []string                        // how people can sign in, the weakest first
	Resources  []string                        // of which tokens can be had
	Wrap       func(http.Handler) http.Handler // around every request, to watch or to spoil it

	Clients []object         // of services, as RFC 7591 §2 has them
	Ahead   time.Duration    // of its clock
	MTLS    *certificateDoor // where clients with certificates come in; nil: nowhere
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
}

func newCertified(t *testing.T, o certifiedOptions) *certified {
	t.Helper()
	p := &certified{t: t, seen: map[string]int{}}
	p.client = &http.Client{Timeout: 30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}}}
	t.Cleanup(p.client.CloseIdleConnections)

	var port atomic.Value // of oidc-provider, once it listens
	var handler http.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "127.0.0.1:"+port.Load().(string)
		},
		ModifyResponse: p.record,
	}
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	p.front = httptest.NewUnstartedServer(p.count(handler))
	p.front.TLS = &tls.Config{Certificates: []tls.Certificate{ca.server}}
	p.front.StartTLS()
	t.Cleanup(p.front.Close)
	p.issuer = p.front.URL

	port.Store(p.startNode(o))
	return p
}

var listens = regexp.MustCompile(`(?m)^port (\d+)$`)

// startNode runs oidcprovider/provider.mjs until the end of the test, with the
// packages that hack/e2e/run has installed next to the other programs.
func (p *certified) startNode(o certifiedOptions) (port string) {
	p.t.Helper()
	ttl := time.Hour
	if o.FirstTTL != 0 {
		ttl = o.FirstTTL
	}
	about := object{"issuer": p.issuer, "firstTTL": ttl / time.Second, "clients": append([]object{}, o.Clients...),
		"ahead":      o.Ahead / time.Second,
		"requirePAR": o.RequirePAR, "acrs": append([]string{}, o.ACRs...), "resources": append([]string{}, o.Resources...)}
	if o.MTLS != nil {
		about["mtls"] = o.MTLS.settings()
	}
	settings, err := json.Marshal(about)
	if err != nil {
		p.t.Fatal(err)
	}
	program, err := os.Open(filepath.Join("oidcprovider", "provider.mjs"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer program.Close()
	var stdout, stderr output
	// A module from stdin finds its imports from the working directory.
	cmd := exec.Command(mustTool(p.t, "node"), "--input-type=module", "-", string(settings))
	cmd.Dir = mustTool(p.t, "oidcprovider")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, &stdout, &stderr
	node, err := spawn(cmd)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		node.stop()
		if p.t.Failed() {
			p.t.Logf("oidc-provider:\n%s", stderr.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if found := listens.FindStringSubmatch(stdout.String()); found != nil {
			if o.MTLS != nil {
				o.MTLS.lead(stdout.String())
			}
			return found[1]
		}
		select {
		case <-node.done:
			p.t.Fatalf("oidc-provider has ended: %v\n%s", node.err, stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.t.Fatalf("oidc-provider does not listen after a minute: %s", stderr.String())
	return ""
}

func (p *certified) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen[r.Method+" "+r.URL.Path]++
		p.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// record keeps what the token endpoint issues.
func (p *certified) record(resp *http.Response) error {
	if resp.Request.URL.Path != "/token" {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer tokenAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issued = append(p.issued, answer)
	return nil
}

// answers is what the token endpoint has said so far.
func (p *certified) answers() []tokenAnswer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]tokenAnswer{}, p.issued...)
}

// requests fails unless exactly these were sent since the last call.
func (p *certified) requests(want map[string]int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !maps.Equal(p.seen, want) {
		p.t.Errorf("requests to the provider: %v, want %v", p.seen, want)
	}
	p.seen = map[string]int{}
}

// forget starts the count again.
func (p *certified) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = map[string]int{}
}

// member is somebody with a machine of their own who uses this provider. It
// goes by the letter in giving a refresh token only to who was asked for consent
// (OpenID Connect Core §11), which a client has to want here.
type member struct{ *client }

var askConsent = []string{"--auth-param", "prompt=consent"}

func (p *certified) member() member {
	p.t.Helper()
	return member{newClient(p.t, &dex.Server{Issuer: p.issuer})} // a client needs no more of it
}

// run starts one of sso-exec's commands with all flags that it needs.
func (m member) run(command string, more ...string) *command {
	m.t.Helper()
	return m.sso(m.args(command, append(askConsent, more...)...)...)
}

// signIn is a whole sign-in with PKCE that no test is about; it returns the ID token.
func (m member) signIn(more ...string) string {
	m.t.Helper()
	kube := m.run("kube", m.pkce(more...)...)
	m.visit(m.url(kube))
	return execToken(m.t, kube.ok())
}

// post is a request as sso-exec's client sends it, without sso-exec.
func (p *certified) post(path string, form url.Values) (answer map[string]any) {
	p.t.Helper()
	form.Set("client_id", clientID)
	resp, err := p.client.PostForm(p.issuer+path, form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			p.t.Fatalf("%s: %v: %s", path, err, body)
		}
	}
	return answer
}

// active asks what the provider thinks of a token (RFC 7662 §2.2).
func (p *certified) active(token string) bool {
	p.t.Helper()
	answer := p.post("/token/introspection", url.Values{"token": {token}})
	active, ok := answer["active"].(bool)
	if !ok || token == "" {
		p.t.Fatalf("introspection of %d characters: %v", len(token), answer)
	}
	return active
}

// redeem uses a refresh token behind sso-exec's back. It returns the refusal.
func (p *certified) redeem(refreshToken string) (refusal string) {
	p.t.Helper()
	answer := p.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
	return fmt.Sprint(answer["error"], ": ", answer["error_description"])
}

// stored is what is stored in the files of a machine with one session.
func (c *client) stored() (t tokenAnswer) {
	c.t.Helper()
	var session struct {
		RefreshToken string `json:"refreshToken"`
	}
	var tokens struct {
		AccessToken string `json:"accessToken"`
		IDToken     string `json:"idToken"`
	}
	c.readOne("sessions/*.json", &session)
	c.readOne("tokens/*/*.json", &tokens)
	return tokenAnswer{tokens.AccessToken, tokens.IDToken, session.RefreshToken, ""}
}

func (c *client) readOne(pattern string, into any) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.cache, pattern))
	if err != nil || len(files) != 1 {
		c.t.Fatalf("%s: %d files: %v", pattern, len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}
