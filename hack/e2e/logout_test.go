package e2e

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestLogout uses what was stored before a sign-out afterwards, at the provider.
func TestLogout(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	c.signIn()
	c.run("kube", "--force").ok()
	had := c.stored()
	if !p.active(had.RefreshToken) || !p.active(had.AccessToken) {
		t.Fatal("the tokens are not good before")
	}

	p.forget()
	said := c.run("logout").ok()
	if !strings.Contains(said, alice.Email) || !strings.Contains(said, "revoked at the provider") {
		t.Errorf("it says: %q", said)
	}
	p.requests(map[string]int{"POST /token/revocation": 2})
	p.revoked(had)
	c.nothingLeft()
	c.wantNobodySignedIn()

	p.forget()
	c.run("logout", "--require-revoke").ok() // there is nobody left to sign out
	p.requests(map[string]int{})
	c.signIn()
}

// TestLogoutByID needs no flags that the session itself can tell.
func TestLogoutByID(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	var had []tokenAnswer
	var ids []string
	for _, label := range []string{"one", "other", "third"} {
		c.signIn("--session", label)
		for _, s := range c.status() {
			if s.Label == label {
				ids = append(ids, s.ID)
			}
		}
		issued := p.answers()
		had = append(had, issued[len(issued)-1])
	}
	if len(ids) != 3 {
		t.Fatalf("the IDs are %q", ids)
	}
	short := []string{"--ca-file", ca.caFile, "--cache-dir", c.cache}

	c.sso(append([]string{"logout", ids[1]}, short...)...).ok()
	p.revoked(had[1])
	if left := c.status(); len(left) != 2 || !p.active(had[0].RefreshToken) || !p.active(had[2].RefreshToken) {
		t.Errorf("of the others there are %d sessions", len(left))
	}
	if res := c.sso(append([]string{"logout", ids[1]}, short...)...).wait(); res.code != 2 || res.stdout != "" {
		t.Errorf("an ID that is not there any more: ended with %d: %q", res.code, res.stdout)
	}

	c.sso(append([]string{"logout", "--all"}, short...)...).ok()
	p.revoked(had[0])
	p.revoked(had[2])
	c.nothingLeft()
}

// TestLogoutDuringRefresh: a sign-out comes while a refresh is on its way and
// others wait for it. Whatever the order, nothing of what was ever issued works.
func TestLogoutDuringRefresh(t *testing.T) {
	t.Parallel()
	var signedIn atomic.Bool
	var once sync.Once
	arrived, goOn := make(chan struct{}), make(chan struct{})
	p := newCertified(t, certifiedOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if signedIn.Load() && r.URL.Path == "/token" {
				once.Do(func() { close(arrived); <-goOn }) // what has rotated is not answered yet
			}
		})
	}})
	c := p.member()
	c.signIn()
	signedIn.Store(true)
	var all []*command
	refreshing := func() {
		for range 20 {
			all = append(all, c.run("token", "--force", "--interactive", "never"))
		}
	}
	refreshing()
	await(t, arrived, "no refresh")
	logout := c.run("logout", "--require-revoke")
	refreshing()
	select { // it has to wait; if it doesn't, it is to be done before the answer comes
	case <-logout.done:
	case <-time.After(2 * time.Second):
	}
	close(goOn)
	if said := logout.ok(); !strings.Contains(said, "revoked at the provider") {
		t.Errorf("it says: %q", said)
	}
	answered := 0
	for _, one := range all {
		switch res := one.wait(); {
		case res.code == 0 && res.stdout != "":
			answered++
			if p.active(strings.TrimSpace(res.stdout)) {
				t.Error("a token that was given out still works")
			}
		case res.code != 3 || res.stdout != "":
			t.Errorf("one ended with %d: %q: %s", res.code, res.stdout, res.stderr)
		}
	}
	t.Logf("%d of %d had a token from before", answered, len(all))
	for _, issued := range p.answers() {
		p.revoked(issued)
	}
	if n := len(p.answers()); n < 2 {
		t.Errorf("the token endpoint answered %d times: nobody has refreshed", n)
	}
	c.nothingLeft()
	c.wantNobodySignedIn()
}

// TestLogoutKeyring: where the refresh token is stored in a Secret Service, that is
// asked for it once more, and has nothing in the end.
func TestLogoutKeyring(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	service := newSecretService(t, "pw")
	run := func(name string, more ...string) *command {
		words := c.args(name, append(append(askConsent, "--store", "keyring"), more...)...)
		return c.start("sso-exec", service.env[len(service.env)-1:], words...)
	}
	kube := run("kube", c.pkce()...)
	c.visit(c.url(kube))
	kube.ok()
	had := c.stored()
	if _, had.RefreshToken = service.one(); !p.active(had.RefreshToken) {
		t.Fatal("what the keyring has is not the refresh token")
	}
	run("logout", "--require-revoke").ok()
	p.revoked(had)
	c.nothingLeft()
	if n := len(service.entries()); n != 0 {
		t.Errorf("%d entries are left in the keyring", n)
	}
}

// TestLogoutUnreachable: a provider that can't be asked keeps nobody signed in
// here, but is not said to have revoked anything.
func TestLogoutUnreachable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failing bool // else it is gone
		flags   []string
		code    int
	}{
		"gone, a warning":    {false, nil, 0},
		"gone, required":     {false, []string{"--require-revoke"}, 5},
		"failing, a warning": {true, nil, 0},
		"failing, required":  {true, []string{"--require-revoke"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newCertified(t,
				certifiedOptions{Wrap: atRevocation(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					http.Error(w, "<h1>try later</h1>", http.StatusServiceUnavailable)
				})})
			m := p.member()
			m.signIn()
			had := m.stored()
			if !c.failing {
				p.front.Close()
			}
			res := m.run("logout", c.flags...).wait()
			if res.code != c.code {
				t.Errorf("ended with %d, want %d", res.code, c.code)
			}
			if said := res.stdout + res.stderr; !strings.Contains(said, "NOT revoked") || strings.Contains(said, "  revoked") {
				t.Errorf("it says %q", said)
			}
			if (res.stdout == "") != (c.code != 0) {
				t.Errorf("exit code %d, stdout %q", res.code, res.stdout)
			}
			if !strings.Contains(res.stderr, "not revoked at the provider") ||
				strings.Contains(res.stderr, "warning:") != (c.code == 0) {
				t.Errorf("stderr: %q", res.stderr)
			}
			m.nothingLeft()
			if c.failing && !p.active(had.RefreshToken) {
				t.Error("it was revoked after all: the test tests nothing")
			}
		})
	}
}

// TestLogoutInterrupted: who gives up while the provider is asked is signed in still.
func TestLogoutInterrupted(t *testing.T) {
	t.Parallel()
	var interrupted atomic.Bool
	asked := make(chan struct{}, 8)
	p := newCertified(t,
		certifiedOptions{Wrap: atRevocation(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if interrupted.Load() {
				next.ServeHTTP(w, r)
				return
			}
			io.Copy(io.Discard, r.Body) // only then is it seen that the client goes away
			asked <- struct{}{}
			<-r.Context().Done()
		})})
	c := p.member()
	c.signIn()
	had := c.stored()
	logout := c.run("logout")
	await(t, asked, "no revocation")
	logout.signal(syscall.SIGINT)
	if res := logout.wait(); res.code != 130 || res.stdout != "" {
		t.Errorf("ended with %d: %q", res.code, res.stdout)
	}
	interrupted.Store(true)
	if c.stored() != had {
		t.Error("the session is not as it was")
	}
	c.run("kube", "--force").ok()
	had = c.stored()
	c.run("logout", "--require-revoke").ok()
	p.revoked(had)
	c.nothingLeft()
}

// await waits until something has come to the provider.
func await(t *testing.T, came <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-came:
	case <-time.After(30 * time.Second):
		t.Fatal(otherwise + " has come to the provider")
	}
}

// atRevocation is what a provider does otherwise with revocations alone.
func atRevocation(do func(http.ResponseWriter, *http.Request, http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token/revocation" {
				do(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// revoked fails if any of these tokens still works at the provider.
func (p *certified) revoked(had tokenAnswer) {
	p.t.Helper()
	if p.active(had.RefreshToken) || p.active(had.AccessToken) {
		p.t.Error("a token is still active")
	}
	if refusal := p.redeem(had.RefreshToken); !strings.HasPrefix(refusal, "invalid_grant") {
		p.t.Errorf("the refresh token is answered with %q", refusal)
	}
	req, err := http.NewRequest(http.MethodGet, p.issuer+"/me", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+had.AccessToken)
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		p.t.Errorf("userinfo answers the access token with %s", resp.Status)
	}
}

// nothingLeft fails if a file of a session is left in the cache directory.
func (c *client) nothingLeft() {
	c.t.Helper()
	err := filepath.WalkDir(c.cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(c.cache, path)
		if err != nil {
			return err
		}
		switch top, _, _ := strings.Cut(rel, string(os.PathSeparator)); top {
		case "locks", "providers":
		default:
			c.t.Errorf("left behind: %s", rel)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
}

// wantNobodySignedIn fails if the machine still has something to answer with.
func (m member) wantNobodySignedIn() {
	m.t.Helper()
	for _, command := range []string{"kube", "token"} {
		if res := m.run(command, "--interactive", "never").wait(); res.code != 3 || res.stdout != "" {
			m.t.Errorf("%s ended with %d: %q: %s", command, res.code, res.stdout, res.stderr)
		}
	}
}
