package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestFirstHour goes a new user's way, of whom nothing but a host name is known: from
// nothing to kubectl in two commands and one sign-in. What the terminal shows is what
// docs/kubeconfig.md shows.
func TestFirstHour(t *testing.T) {
	person := dex.User{Email: "alice@corp.example", Password: "password", Name: "Alice", Groups: []string{"dev", "ops"}}
	company, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{"kubernetes"}, Users: []dex.User{person},
		Certificate: &ca.server, Issuer: "https://" + companyHost})
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(t, company.Address)
	servers := []string{"HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1,localhost"}
	trust := &authentication{name: "first-hour"}
	trust.trust(t, company.Issuer, "kubernetes", "email")
	server, err := startAPIServer("first-hour", trust, servers...)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, provider)
	admin := func(args ...string) string {
		return c.start("kubectl", nil, append(args, "--server", server, "--certificate-authority", ca.caFile, "--token",
			adminToken)...).ok()
	}
	admin("create", "clusterrolebinding", "dev", "--clusterrole=system:aggregate-to-view", "--group="+prefix+"dev")
	for deadline := time.Now().Add(time.Minute); strings.Count(admin("get", "ns", "-o", "name"), "\n") < 4; {
		if time.Now().After(deadline) {
			t.Fatal("a new cluster's namespaces are not there")
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.write("kubeconfig", "apiVersion: v1\nkind: Config\nclusters:\n- name: dev\n  cluster:\n    server: "+server+
		"\n    certificate-authority: "+ca.caFile+"\n")
	window := newTmux(machine(c).with(append(servers, "SSL_CERT_FILE="+ca.caFile,
		"KUBECONFIG="+filepath.Join(c.home, "kubeconfig"),
		"PATH="+filepath.Dir(mustTool(t, "sso-exec"))+":/usr/local/bin:/usr/bin:/bin")...), 80, 60)
	answer := func(asked, keys string) {
		t.Helper()
		window.shows(asked, func(text string) bool { return strings.HasSuffix(text, strings.TrimSpace(asked)) })
		window.press(keys)
	}

	answer("$", "sso-exec setup provider "+companyHost+"\r")
	answer("[email,groups]: ", "\r")
	answer("Client ID: ", "kubernetes\r")
	answer("[corp]: ", "\r")
	var target, code string
	window.shows("a code", func(text string) bool {
		target, code = verificationURL.FindString(text), userCode.FindString(text)
		return target != "" && code != "" && strings.Contains(text, "Ctrl-C")
	})
	through, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (approve.Browser{Email: person.Email, Password: person.Password, Roots: ca.roots,
		Proxy: http.ProxyURL(through)}).Visit(t.Context(), withCode(t, target, code)); err != nil {
		t.Fatal(err)
	}
	answer("[y/N] ", "y\r")
	answer("\n$", "sso-exec setup kube --profile corp --context dev --use-context\r")
	printed := c.start("sso-exec", nil, "setup", "kube", "--print-auth-config", "--profile", "corp").ok()
	for _, mapped := range []string{"url: " + company.Issuer, "- kubernetes", "claim: email", "claim: groups"} {
		if !strings.Contains(printed, mapped+"\n") { // as the cluster was told, and as it was previewed
			t.Errorf("the API server's configuration lacks %q:\n%s", mapped, printed)
		}
	}
	answer("[y/N] ", "y\r")
	answer("\n$", "kubectl get ns -o name\r")
	window.shows("the namespaces", func(text string) bool { return strings.HasSuffix(text, "namespace/kube-system\n$") })
	if n := company.Requests()["POST /token"]; n < 1 {
		t.Errorf("requests to Dex: %v", company.Requests())
	}

	var shown []string
	for line := range strings.Lines(strings.NewReplacer(c.home+"/kubeconfig", "/home/alice/.kube/config",
		c.home, "/home/alice", server, "https://kubernetes.corp.example", ca.caFile,
		"/home/alice/ca.crt").Replace(window.text())) {
		shown = append(shown, strings.TrimRight(line, " \n"))
	}
	screen := strings.TrimSuffix(strings.TrimRight(strings.Join(shown, "\n"), "\n"), "\n$")
	page, err := os.ReadFile("../../docs/kubeconfig.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```console\n"+screen+"\n```\n") {
		t.Errorf("docs/kubeconfig.md does not show this, which the terminal does:\n%s", screen)
	}
}
