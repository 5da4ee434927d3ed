package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestKubectl signs in with a real browser, then lives on the cache and on one
// refresh, as the API server sees it.
func TestKubectl(t *testing.T) {
	server := cluster(t)
	c := newClient(t, provider)
	kubeconfig := c.kubeconfig(server, "v1", c.args("kube", c.pkce()...))

	kubectl := c.whoami(kubeconfig)
	target := c.url(kubectl)
	browser := newChromium(t)
	browser.signIn(target)
	c.wantAlice(kubectl.ok())
	wantSignedIn(t, browser)

	provider.ResetRequests()
	c.wantAlice(c.whoami(kubeconfig).ok())
	c.requests(nil)

	// A refresh is one request, and wakes nobody.
	forced := c.kubeconfig(server, "v1", c.args("kube", c.pkce("--force")...))
	c.wantAlice(c.whoami(forced).ok())
	c.requests(map[string]int{"POST /token": 1})
}

// TestKubectlBeta is the exec stanza of older kubeconfigs.
func TestKubectlBeta(t *testing.T) {
	server := cluster(t)
	c := newClient(t, provider)
	kubeconfig := c.kubeconfig(server, "v1beta1", c.args("kube", c.pkce()...))
	kubectl := c.whoami(kubeconfig)
	c.visit(c.url(kubectl))
	c.wantAlice(kubectl.ok())
}

// kubeconfig writes one (JSON is YAML too) whose user is what sso-exec answers.
func (c *client) kubeconfig(server, version string, args []string) string {
	c.t.Helper()
	plugin := object{
		"apiVersion": "client.authentication.k8s.io/" + version,
		"command":    mustTool(c.t, "sso-exec"), "args": args,
	}
	if version == "v1" { // where it has no default
		plugin["interactiveMode"] = "IfAvailable"
	}
	text, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "e2e",
		"clusters": []object{{"name": "e2e", "cluster": object{"server": server, "certificate-authority": ca.caFile}}},
		"users":    []object{{"name": "e2e", "user": object{"exec": plugin}}},
		"contexts": []object{{"name": "e2e", "context": object{"cluster": "e2e", "user": "e2e"}}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	file, err := os.CreateTemp(c.home, "kubeconfig-")
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(text); err != nil {
		c.t.Fatal(err)
	}
	return file.Name()
}

func (c *client) whoami(kubeconfig string) *command {
	c.t.Helper()
	return c.start("kubectl", []string{"KUBECONFIG=" + kubeconfig}, "auth", "whoami", "-o", "json")
}

func (c *client) wantAlice(review string) {
	c.t.Helper()
	var self struct {
		Status struct {
			UserInfo struct {
				Username string
				Groups   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(review), &self); err != nil {
		c.t.Fatalf("%v: %s", err, review)
	}
	user := self.Status.UserInfo
	if user.Username != prefix+alice.Email {
		c.t.Errorf("the API server sees %q, want %q", user.Username, prefix+alice.Email)
	}
	for _, group := range alice.Groups {
		if !slices.Contains(user.Groups, prefix+group) {
			c.t.Errorf("the API server sees the groups %q, without %q", user.Groups, prefix+group)
		}
	}
}

// wantSignedIn looks at the page that the person is left with.
func wantSignedIn(t *testing.T, browser *chromium) {
	t.Helper()
	browser.shot("signed-in")
	text := browser.text()
	t.Logf("the page after the sign-in: %q", text)
	if !strings.Contains(strings.ToLower(text), "close") {
		t.Errorf("the page doesn't say that it can be closed: %q", text)
	}
	address, err := url.Parse(get(browser, chromedp.Location()))
	if err != nil {
		t.Fatal(err)
	}
	// RFC 9700, section 4.3: the code must not stay in the browser's history.
	if query := address.Query(); query.Has("code") || query.Has("state") {
		t.Errorf("the address bar still shows the code: %s%s?…", address.Host, address.Path)
	}
}

// TestHomeIsLeftAlone: with --cache-dir there is nothing else to write but the audit trail.
func TestHomeIsLeftAlone(t *testing.T) {
	c := newClient(t, newDex(t, dex.Options{}))
	c.signIn()
	var all []string
	for _, pattern := range []string{"*", ".*", ".local/*", ".local/.*", ".local/state/*", ".local/state/.*"} {
		found, err := filepath.Glob(filepath.Join(c.home, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	all = slices.Compact(all) // "*" finds hidden ones too
	local := filepath.Join(c.home, ".local")
	want := []string{local, filepath.Join(local, "state"), filepath.Join(local, "state", "sso-exec"), c.cache}
	if !slices.Equal(all, want) {
		t.Errorf("below the home directory: %q, want the cache and the audit trail alone", all)
	}
}
