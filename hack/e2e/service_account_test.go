package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// admin runs kubectl as the cluster's own user.
func (c *client) admin(server string, args ...string) *command {
	c.t.Helper()
	return c.start("kubectl", nil,
		append([]string{"--server", server, "--certificate-authority", ca.caFile, "--token", adminToken}, args...)...)
}

// account makes a service account for one test.
func (c *client) account(server, name string) {
	c.t.Helper()
	if made := c.admin(server, "create", "serviceaccount", name).wait(); made.code != 0 &&
		!strings.Contains(made.stderr, "already exists") {
		c.t.Fatal(made.stderr)
	}
}

// mint asks the API server for a token as the kubelet does (TokenRequest).
func (c *client) mint(server, account, audience string) string {
	c.t.Helper()
	return strings.TrimSpace(c.admin(server, "create", "token", account, "--audience", audience, "--duration", "10m").ok())
}

// publish lets everybody read the cluster's keys, as clusters do whose tokens
// others take.
func publish(t *testing.T, server string) {
	t.Helper()
	made := newClient(t, provider).admin(server, "create", "clusterrolebinding", "published-keys",
		"--clusterrole=system:service-account-issuer-discovery", "--group=system:unauthenticated").wait()
	if made.code != 0 && !strings.Contains(made.stderr, "already exists") {
		t.Fatal(made.stderr)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // the API server has to hear of it
		resp, err := insider().Get(server + "/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not publish its keys: %s", resp.Status)
		}
	}
}

// projected is a volume in which the kubelet keeps a token: a link to a link to
// the directory that has the newest.
type projected struct {
	t     *testing.T
	dir   string
	turns int
}

func project(t *testing.T, token string) *projected {
	t.Helper()
	v := &projected{t: t, dir: t.TempDir()}
	v.put(token)
	if err := os.Symlink(filepath.Join("..data", "token"), v.path()); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *projected) path() string { return filepath.Join(v.dir, "token") }

// put swaps the link and removes what it led to (Kubernetes'
// pkg/volume/util/atomic_writer.go).
func (v *projected) put(token string) {
	v.turns++
	current, swap := filepath.Join(v.dir, "..data"), filepath.Join(v.dir, "..data_tmp")
	old, _ := os.Readlink(current)
	name := "..turn_" + strconv.Itoa(v.turns)
	err := os.Mkdir(filepath.Join(v.dir, name), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(v.dir, name, "token"), []byte(token), 0o644)
	}
	if err == nil {
		err = os.Symlink(name, swap)
	}
	if err == nil {
		err = os.Rename(swap, current)
	}
	if err == nil && old != "" {
		err = os.RemoveAll(filepath.Join(v.dir, old))
	}
	if err != nil {
		v.t.Error(err)
	}
}

// wantUser looks at whom the API server sees.
func wantUser(t *testing.T, review, name string) {
	t.Helper()
	var self struct {
		Status struct {
			UserInfo struct{ Username string }
		}
	}
	if err := json.Unmarshal([]byte(review), &self); err != nil {
		t.Fatalf("%v: %s", err, review)
	}
	if got := self.Status.UserInfo.Username; got != name {
		t.Errorf("the API server sees %q, want %q", got, name)
	}
}

// TestServiceAccount: a pod's projected token is what kubectl shows to the API
// server, which made it; for another audience it is worth nothing there.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	c := newClient(t, provider)
	c.account(server, "deploy")
	volume := project(t, c.mint(server, "deploy", server))
	args := []string{"kube", "--flow", "workload", "--subject-token-from", "kubernetes:" + volume.path(), "--cache-dir",
		c.cache}
	kubeconfig := c.kubeconfig(server, "v1", args)
	wantUser(t, c.whoami(kubeconfig).ok(), "system:serviceaccount:default:deploy")
	wantUser(t, c.whoami(kubeconfig).ok(), "system:serviceaccount:default:deploy")

	elsewhere := project(t, c.mint(server, "deploy", "https://elsewhere.example"))
	wrong := append(slices.Clone(args), "--subject-token-from", "kubernetes:"+elsewhere.path())
	// What the token is for can be said, and is then checked before anything is asked.
	c.sso(append(wrong, "--subject-token-audience", server)...).refused(2, "audience", "serviceAccountToken: {path: token")
	refused := c.whoami(c.kubeconfig(server, "v1", wrong)).wait()
	if refused.code == 0 || !strings.Contains(refused.stderr, "Unauthorized") &&
		!strings.Contains(refused.stderr, "logged in") {
		t.Errorf("with a token for another audience kubectl ended with %d: %s", refused.code, refused.stderr)
	}

	// status tells whose it is, and that it is a service.
	if shown := c.sso("status", "--cache-dir", c.cache).ok(); !strings.Contains(shown,
		"system:serviceaccount:default:deploy") || !strings.Contains(shown, "service") {
		t.Errorf("status: %s", shown)
	}
}

// TestServiceAccountRotates: while the kubelet swaps tokens all the time, twenty
// processes at once read them, and each gets a whole one.
func TestServiceAccountRotates(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	c := newClient(t, provider)
	c.account(server, "rotates")
	var tokens []string
	for range 3 {
		tokens = append(tokens, c.mint(server, "rotates", server))
	}
	volume := project(t, tokens[0])
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-done:
				return
			default:
				volume.put(tokens[i%len(tokens)])
			}
		}
	})
	var all []*command
	for i := range 20 {
		args := []string{"kube", "--flow", "workload", "--subject-token-from", "kubernetes:" + volume.path()}
		if i%2 == 0 { // half of them share, and half read for themselves
			args = append(args, "--cache-dir", c.cache, "--force")
		} else {
			args = append(args, "--store", "none", "--cache-dir", filepath.Join(c.home, strconv.Itoa(i)))
		}
		all = append(all, c.sso(args...))
	}
	for _, one := range all {
		if token := execToken(t, one.ok()); !slices.Contains(tokens, token) {
			t.Error("a token that nobody wrote")
		}
	}
	close(done)
	swapping.Wait()

	volume.put(tokens[1])
	forced := c.kubeconfig(server, "v1",
		[]string{"kube", "--flow", "workload", "--subject-token-from", "kubernetes:" + volume.path(), "--cache-dir", c.cache,
			"--force"})
	wantUser(t, c.whoami(forced).ok(), "system:serviceaccount:default:rotates")
}
