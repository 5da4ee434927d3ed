package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// preference begins a file of kubectl's own settings.
const preference = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"

// TestSetupKube counts a new user's way: from an issuer and a client ID to a
// list of namespaces in two commands and one sign-in.
func TestSetupKube(t *testing.T) {
	server := cluster(t)
	allowNamespaces(t, server)
	c := newClient(t, provider)
	file := filepath.Join(c.home, ".kube", "config")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	// As kind or an administrator hands it out: the cluster, and nobody.
	given := "# from the platform team\napiVersion: v1\nkind: Config\nclusters:\n- name: kind\n  cluster:\n    server: " +
		server + "\n    certificate-authority: " + ca.caFile + "\n"
	if err := os.WriteFile(file, []byte(given), 0o600); err != nil {
		t.Fatal(err)
	}
	kuberc := filepath.Join(c.home, ".kube", "kuberc")
	if err := os.WriteFile(kuberc, []byte(preference), 0o600); err != nil {
		t.Fatal(err)
	}
	onPath := "PATH=" + filepath.Dir(mustTool(t, "sso-exec")) + ":" + os.Getenv("PATH")
	provider.ResetRequests()

	setup := c.start("sso-exec", []string{onPath}, "setup", "kube", "--issuer", provider.Issuer, "--client-id", clientID,
		"--scope", "email,groups", "--user", "corp", "--context", "corp", "--cluster", "kind", "--yes",
		"--ca-file", ca.caFile, "--flow", "pkce", "--browser", c.browser).ok() // of these tests alone
	if !strings.Contains(setup, "kubectl --context=corp get ns\n") {
		t.Errorf("it does not say what to run: %q", setup)
	}
	kubectl := c.start("kubectl", []string{onPath}, "--context=corp", "get", "ns", "-o", "name")
	c.visit(c.url(kubectl))
	if names := kubectl.ok(); !strings.Contains(names, "namespace/default\n") {
		t.Errorf("kubectl lists %q", names)
	}
	if n := provider.Requests()["POST /token"]; n != 1 {
		t.Errorf("%d requests for a token, want 1", n)
	}

	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), given) {
		t.Errorf("the file did not stay as it was: %v\n%s", err, text)
	}
	if !strings.Contains(string(text), "command: sso-exec\n") {
		t.Errorf("the command is not the plain name, though PATH leads to it:\n%s", text)
	}

	// The line that is shown for kuberc is what kubectl wants there, and needs.
	lines := strings.Split(strings.TrimSpace(setup), "\n")
	for line, works := range map[string]bool{lines[len(lines)-1]: true, "- name: another": false} {
		text := preference + "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n" + line + "\n"
		if err := os.WriteFile(kuberc, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		res := c.start("kubectl", []string{onPath}, "--context=corp", "get", "ns").wait()
		if (res.code == 0) != works || !works &&
			!strings.Contains(res.stderr, "not permitted by the credential plugin allowlist") {
			t.Errorf("with %q in kuberc: exit code %d, %s", line, res.code, res.stderr)
		}
	}

	c.start("sso-exec", []string{onPath}, "setup", "kube", "--remove", "--user", "corp", "--context", "corp", "--yes").ok()
	if text, err := os.ReadFile(file); err != nil || string(text) != given {
		t.Errorf("removed, but: %v\n%s", err, text)
	}
}

// allowNamespaces lets alice list namespaces. The cluster has no administrator,
// so the binding is put where the API server watches for it.
func allowNamespaces(t *testing.T, server string) {
	t.Helper()
	role := object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": object{"name": "e2e-setup", "uid": "e2e-setup", "creationTimestamp": "2026-01-01T00:00:00Z"},
		"roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
			"name": "system:aggregate-to-view"},
		"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": prefix + alice.Email}},
	}
	value, err := json.Marshal(role)
	if err != nil {
		t.Fatal(err)
	}
	put, err := json.Marshal(object{
		"key":   base64.StdEncoding.EncodeToString([]byte("/registry/clusterrolebindings/e2e-setup")),
		"value": base64.StdEncoding.EncodeToString(value),
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(etcdURL(t)+"/v3/kv/put", "application/json", bytes.NewReader(put))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("etcd: %s", resp.Status)
	}
	// Somebody else's kubectl waits until the API server has seen it.
	c := newClient(t, provider)
	token := c.signIn()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		res := c.start("kubectl", nil, "--server="+server, "--certificate-authority="+ca.caFile, "--token="+token, "get",
			"ns").wait()
		if res.code == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("alice may still not list namespaces: %s", res.stderr)
		}
	}
}

func etcdURL(t *testing.T) string {
	t.Helper()
	componentsMu.Lock()
	defer componentsMu.Unlock()
	for _, c := range components {
		for _, arg := range c.cmd.Args {
			if url, ok := strings.CutPrefix(arg, "--listen-client-urls="); ok && c.name == "etcd" {
				return url
			}
		}
	}
	t.Fatal("etcd does not run")
	return ""
}

// TestSetupKubeShapes writes a user, then a context, into kubeconfigs of many
// shapes, and removes them. Real kubectl says what is in them; next to that, no
// byte moves.
func TestSetupKubeShapes(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			if s.text != "" {
				if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m := kubeMachine{t, newClient(t, provider), []string{"KUBECONFIG=" + file}}
			want := m.view()
			setup := []string{"--issuer", "https://login.example.com", "--client-id", "kubernetes", "--user", "corp"}
			m.setup(setup...)
			one := readKubeconfig(t, file)
			wantInserted(t, s.text, one, s.lost)
			want["users"] = append(entries(want["users"]), m.user())
			m.want(want)

			m.setup(setup...)
			if again := readKubeconfig(t, file); again != one {
				t.Errorf("run again, it changed:\n%s\n%s", one, again)
			}

			clusters := entries(want["clusters"])
			if len(clusters) > 0 {
				m.setup(append(setup, "--context", "corp", "--cluster", "one", "--namespace", "web")...)
				two := readKubeconfig(t, file)
				wantInserted(t, one, two, s.lost)
				want["contexts"] = append(entries(want["contexts"]),
					object{"name": "corp", "context": object{"cluster": "one", "user": "corp", "namespace": "web"}})
				m.want(want)
			}
		})
	}
}

// TestSetupKubeUndone: what one run has done, --remove undoes to the byte.
func TestSetupKubeUndone(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		if s.name == "absent" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
				t.Fatal(err)
			}
			m := kubeMachine{t, newClient(t, provider), []string{"KUBECONFIG=" + file}}
			setup := []string{"--issuer", "https://login.example.com", "--client-id", "kubernetes", "--user", "corp"}
			remove := []string{"--remove", "--user", "corp"}
			if strings.Contains(s.text, "one.example") {
				setup = append(setup, "--context", "corp", "--cluster", "one", "--use-context")
				remove = append(remove, "--context", "corp")
			}
			m.setup(setup...)
			m.setup(remove...)
			if got := readKubeconfig(t, file); got != s.text {
				t.Errorf("it is not what it was:\n%q\n%q", s.text, got)
			}
		})
	}
}

// TestSetupKubeFiles: several files, links, and a file that is not to be written.
func TestSetupKubeFiles(t *testing.T) {
	t.Parallel()
	c := newClient(t, provider)
	const (
		first  = "apiVersion: v1\nkind: Config\nclusters:\n- {name: one, cluster: {server: https://one.example}}\n"
		second = "apiVersion: v1\nkind: Config\nusers:\n- name: corp # here\n  user: {}\n"
	)
	dir := t.TempDir()
	for path, text := range map[string]string{"a": first, "real": second, "ro": first} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	m := kubeMachine{t, c, []string{"KUBECONFIG=" + in("none") + "::" + in("a") + ":" + in("link") + ":" + in("a")}}
	want := m.view()
	setup := []string{"--issuer", "https://login.example.com", "--client-id", "kubernetes", "--user", "corp", "--context",
		"corp", "--cluster", "one", "--use-context"}
	m.setup(setup...)
	want["users"] = []any{m.user()}
	want["contexts"] = []any{object{"name": "corp", "context": object{"cluster": "one", "user": "corp"}}}
	want["current-context"] = "corp"
	m.want(want)
	if got := readKubeconfig(t, in("a")); !strings.HasPrefix(got, first) || strings.Contains(got, "exec") {
		t.Errorf("the first that is there: %s", got)
	}
	if got := readKubeconfig(t, in("real")); !strings.HasPrefix(got,
		"apiVersion: v1\nkind: Config\nusers:\n- name: corp # here\n  user:\n    exec:\n") {
		t.Errorf("behind the link: %s", got)
	}
	if to, err := os.Readlink(in("link")); err != nil || to != "real" {
		t.Errorf("the link: %q, %v", to, err)
	}
	if _, err := os.Stat(in("none")); err == nil {
		t.Error("a file was made that was not needed")
	}
	m.setup("--remove", "--user", "corp", "--context", "corp")
	if a, b := readKubeconfig(t, in("a")), readKubeconfig(t, in("real")); a != first || b != second {
		t.Errorf("undone:\n%s\n%s", a, b)
	}

	if err := os.Chmod(in("ro"), 0o400); err != nil {
		t.Fatal(err)
	}
	m.env = []string{"KUBECONFIG=" + in("ro")}
	if res := m.start(setup...).wait(); res.code != 6 || res.stdout != "" || !strings.Contains(res.stderr, "read-only") {
		t.Errorf("read-only: %+v", res)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 6 || readKubeconfig(t, in("ro")) != first { // with two backups
		t.Errorf("left behind: %v", entries)
	}
}

// TestSetupKubeAsked: Ctrl-C at the question ends it, and nothing is left; what
// another program writes meanwhile stays.
func TestSetupKubeAsked(t *testing.T) {
	t.Parallel()
	c := newClient(t, provider)
	file := filepath.Join(c.home, "config")
	const text = "apiVersion: v1\nkind: Config\nusers:\n- name: other\n  user: {token: canary}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func() *command {
		r := place{c: c}.onTerminal().start(mustTool(t, "sso-exec"), "setup", "kube", "--kubeconfig", file, "--issuer",
			"https://login.example.com", "--client-id", "kubernetes")
		r.eventually("nobody is prompted", func() bool { return strings.Contains(r.screen(), "Make this change? [y/N]") })
		return r
	}
	r := ask()
	r.press(ctrlC)
	if res := r.wait(); res.code != 130 || strings.Contains(r.seen(), "canary") {
		t.Errorf("after Ctrl-C: exit code %d, %s", res.code, r.seen())
	}
	r = ask()
	c.start("kubectl", []string{"KUBECONFIG=" + file}, "config", "set-credentials", "third", "--token=x").ok()
	third := readKubeconfig(t, file)
	r.press("y\r")
	if res := r.wait(); res.code != 1 || !strings.Contains(r.seen(), "somebody else changed it") {
		t.Errorf("changed meanwhile: exit code %d, %s", res.code, r.seen())
	}
	if got := readKubeconfig(t, file); got != third {
		t.Errorf("what kubectl wrote was lost: %s", got)
	}
	for _, left := range []string{".lock", ".bak"} {
		if _, err := os.Stat(file + left); err == nil {
			t.Errorf("%s is left", left)
		}
	}
	r = ask()
	r.press("y\r")
	if out := r.ok(); !strings.Contains(out, "Wrote ") {
		t.Errorf("it wrote nothing: %q, %s", out, r.seen())
	}
}

// TestSetupKubeAtOnce: many at once, among them kubectl, and no file is torn and
// no entry lost of those that say that they wrote it.
func TestSetupKubeAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, provider)
	file := filepath.Join(c.home, "config")
	m := kubeMachine{t, c, []string{"KUBECONFIG=" + file}}
	var all []*command
	for i := range 20 {
		all = append(all, m.start("--issuer", "https://login.example.com", "--client-id", "kubernetes", "--user",
			fmt.Sprint("user-", i)))
	}
	wrote := 0
	for i, r := range all {
		res := r.wait()
		switch {
		case res.code == 0:
			wrote++
			if !strings.Contains(readKubeconfig(t, file), fmt.Sprintf("- name: user-%d\n", i)) {
				t.Errorf("the entry of user-%d is lost", i)
			}
		case res.code != 1 || !strings.Contains(res.stderr, "somebody else changed it"):
			t.Errorf("exit code %d: %s", res.code, res.stderr)
		}
	}
	if wrote == 0 || len(entries(m.view()["users"])) != wrote {
		t.Errorf("%d wrote, and there are %v", wrote, m.view()["users"])
	}
}
