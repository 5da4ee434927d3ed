package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// What the tests of services share.

// secretOfBasic has what is encoded wrongly most often (RFC 6749 §2.3.1).
const secretOfBasic = "a+b%20c&d=e/f:g e2e-canary-secret-of-basic"

// basicClient is a service with a secret that its provider wants in the header.
var basicClient = object{
	"client_id": "basic", "client_secret": secretOfBasic, "token_endpoint_auth_method": "client_secret_basic",
	"grant_types": []string{"client_credentials", exchangeGrant}, "redirect_uris": []string{},
	"response_types": []string{},
}

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

// serviceClient is one that only gets tokens for itself.
func serviceClient(id, method string, more object) object {
	c := object{
		"client_id": id, "token_endpoint_auth_method": method,
		"grant_types": []string{"client_credentials"}, "redirect_uris": []string{}, "response_types": []string{},
	}
	for name, value := range more {
		c[name] = value
	}
	return c
}

// service is a machine on which no person is.
type service struct {
	*client
	issuer string
}

func newService(t *testing.T, issuer string) service {
	t.Helper()
	return service{newClient(t, &dex.Server{Issuer: issuer}), issuer}
}

// run starts one of sso-exec's commands as a client with these flags for what
// authenticates it.
func (s service) run(command, id string, more ...string) *command {
	s.t.Helper()
	return s.sso(s.args(command, id, more...)...)
}

// args is a whole command line of a service.
func (s service) args(command, id string, more ...string) []string {
	args := []string{command, "--issuer", s.issuer, "--ca-file", ca.caFile, "--cache-dir", s.cache, "--flow",
		"client-credentials"}
	if id != "" {
		args = append(args, "--client-id", id)
	}
	return append(args, more...)
}

// file keeps something in the service's home, mode 0600.
func (s service) file(name string, content []byte) string {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// refused waits for a command that has to fail with a code, nothing on stdout,
// and these words on stderr.
func (r *command) refused(code int, words ...string) string {
	r.t.Helper()
	res := r.wait()
	if res.code != code || res.stdout != "" {
		r.t.Errorf("ended with %d and %d bytes on stdout, want %d and none; stderr: %s", res.code, len(res.stdout), code,
			res.stderr)
	}
	for _, word := range words {
		if !strings.Contains(res.stderr, word) {
			r.t.Errorf("stderr lacks %q: %s", word, res.stderr)
		}
	}
	return res.stderr
}

// token waits for a command that has to print a token.
func (r *command) token() string {
	r.t.Helper()
	token := strings.TrimSuffix(r.ok(), "\n")
	if token == "" || strings.ContainsAny(token, " \n") {
		r.t.Fatalf("no token: %q", token)
	}
	return token
}

// claimsOf reads a JWT, unverified.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	if !credential.PeekClaims(credential.NewSecret(token), &claims) {
		t.Fatal("not a JWT")
	}
	return claims
}

// introspects asks as [basicClient] what the provider thinks of its token.
func (p *certified) introspects(token string) map[string]any {
	p.t.Helper()
	req, err := http.NewRequest("POST", p.issuer+"/token/introspection",
		strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("basic", url.QueryEscape(secretOfBasic))
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer["active"] == nil {
		p.t.Fatalf("introspection: %v, %v", answer, err)
	}
	return answer
}

// tokenRequests fails unless the token endpoint was asked that often since the
// count was reset, and starts it again.
func (p *certified) tokenRequests(want int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.seen["POST /token"]; got != want {
		p.t.Errorf("%d token requests, want %d (all: %v)", got, want, p.seen)
	}
	p.seen = map[string]int{}
}

// fetch gets a JSON document from one of the test's servers.
func fetch(t *testing.T, address string) []byte {
	t.Helper()
	resp, err := insider().Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", address, resp.Status, err, body.Bytes())
	}
	return body.Bytes()
}

// inShell is a line of bash that runs sso-exec as "$0" with the arguments "$@".
func (s service) inShell(line string, env []string, args ...string) *command {
	s.t.Helper()
	return s.start("bash", env, append([]string{"-c", line, mustTool(s.t, "sso-exec")}, args...)...)
}

// files are all that is below the cache directory, as one text.
func (s service) files() string {
	s.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(s.cache, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s\n%s\n", path, text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.String()
}
