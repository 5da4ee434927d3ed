package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// This file is Kubernetes' clients that are not client-go, as make e2e-all has them.

// kubernetesClients are programs that ask the API server three times who they are.
func kubernetesClients(t *testing.T) map[string]string {
	packages := filepath.Join(filepath.Dir(mustTool(t, "node")), "packages")
	return map[string]string{
		"python3": filepath.Join(packages, "whoami.py"), "node": filepath.Join(packages, "whoami.mjs"),
	}
}

// counted is a kubeconfig whose plugin says each time that it runs.
func (c *client) counted(name, server, version string, args []string) (env []string, calls func() int) {
	c.t.Helper()
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		return string(text)
	}
	log := c.write(name+".log", "")
	script := c.write(name+".sh", "#!/bin/sh\necho >>"+log+"\nexec "+mustTool(c.t, "sso-exec")+" \"$@\"\n")
	text := read(c.kubeconfig(server, version, args))
	file := c.write(name+".json", strings.Replace(text, mustTool(c.t, "sso-exec"), script, 1))
	return []string{"KUBECONFIG=" + file}, func() int { return len(read(log)) }
}

// TestAllKubernetesClients: the clients for Python and JavaScript sign a person in, and ask
// once for many requests; with nobody signed in, the command to sign in is shown.
func TestAllKubernetesClients(t *testing.T) {
	server := cluster(t)
	want := strings.Repeat(prefix+alice.Email+"\n", 3)
	for name, script := range kubernetesClients(t) {
		for _, version := range []string{"v1", "v1beta1"} {
			c := newClient(t, provider)
			env, calls := c.counted("signed-in", server, version, c.args("kube", c.pkce()...))
			first := c.start(name, env, script, "0")
			c.visit(c.url(first))
			for _, out := range []string{first.ok(), c.start(name, env, script, "0").ok()} {
				if out != want {
					t.Errorf("%s, %s: %q", name, version, out)
				}
			}
			if n := calls(); n != 2 {
				t.Errorf("%s, %s: the plugin ran %d times for two programs", name, version, n)
			}
		}
		c := newClient(t, provider)
		env, _ := c.counted("nobody", server, "v1", c.args("kube"))
		res := c.start(name, env, script, "0").wait()
		if !strings.Contains(res.stdout+res.stderr, "sso-exec login --issuer") || strings.Contains(res.stdout, alice.Email) {
			t.Errorf("%s, nobody signed in: %+v", name, res)
		}
	}
}

// TestAllKubernetesClientsRenew: a program that outlives the token asks again, and nobody
// is asked.
func TestAllKubernetesClientsRenew(t *testing.T) {
	const life = 20 * time.Second
	server := cluster(t)
	c := newClient(t, newDex(t, dex.Options{IDTokenLifetime: life}))
	trusts.trust(t, c.dex.Issuer, clientID, "email")
	trusts.trusted(t, server, c.signIn())
	c.dex.ResetRequests()
	wait := strconv.Itoa(int(life/time.Second) + 1)
	running, calls := map[string]*command{}, map[string]func() int{}
	for name, script := range kubernetesClients(t) {
		var env []string
		env, calls[name] = c.counted(name, server, "v1", c.args("kube"))
		running[name] = c.start(name, env, script, wait)
	}
	for name, one := range running {
		if out := one.ok(); out != strings.Repeat(prefix+alice.Email+"\n", 3) {
			t.Errorf("%s: %q, stderr: %s", name, out, one.stderr.String())
		}
		if n := calls[name](); n < 2 {
			t.Errorf("%s: the plugin ran %d times", name, n)
		}
	}
	if got := c.dex.Requests(); got["POST /token"] == 0 || got["GET /auth"] != 0 {
		t.Errorf("requests to Dex: %v", got)
	}
}

// TestAllHelm: Helm installs, lists and removes a release, signed in by what it starts; many
// requests ask the plugin once a run, and the provider once in all.
func TestAllHelm(t *testing.T) {
	server := cluster(t)
	c := newClient(t, provider)
	for _, words := range [][]string{
		{"create", "role", "e2e-helm", "--verb=*", "--resource=secrets,configmaps"},
		{"create", "rolebinding", "e2e-helm", "--role=e2e-helm", "--user=" + prefix + alice.Email},
	} {
		if res := c.admin(server, append(words, "-n", "default")...).wait(); res.code != 0 {
			t.Fatal(res.stderr)
		}
	}
	c.write("chart/Chart.yaml", "apiVersion: v2\nname: hello\nversion: 1.0.0\n")
	c.write("chart/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n"+
		"data: {text: \"{{ .Values.text }}\"}\n")
	env, calls := c.counted("helm", server, "v1", c.args("kube", c.pkce()...))
	helm := func(words ...string) *command { return c.start("helm", env, append(words, "-n", "default")...) }
	first := helm("install", "e2e", "chart", "--set", "text=one")
	c.visit(c.url(first))
	first.ok()
	provider.ResetRequests()
	helm("upgrade", "e2e", "chart", "--set", "text=two").ok()
	got := c.admin(server, "get", "configmap", "e2e", "-n", "default", "-o", "jsonpath={.data.text}").ok()
	if list := helm("list", "-q").ok(); strings.TrimSpace(list) != "e2e" || got != "two" {
		t.Errorf("releases %q, text %q", list, got)
	}
	helm("uninstall", "e2e").ok()
	c.requests(nil)
	if n := calls(); n != 4 {
		t.Errorf("the plugin ran %d times for four commands", n)
	}
	// Nobody signed in, and nobody to be asked: the command to sign in is shown.
	nobody := newClient(t, provider)
	env, _ = nobody.counted("nobody", server, "v1", nobody.args("kube"))
	if res := nobody.start("helm", env, "list").wait(); res.code == 0 ||
		!strings.Contains(res.stderr, "sso-exec login --issuer") {
		t.Errorf("nobody signed in: %+v", res)
	}
}
