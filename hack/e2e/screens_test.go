package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// TestAllScreens is what commands show on terminals of 80 and of 40 columns. Words are not
// torn there, and what is longer than a line is one word, or a command to paste. The screens
// are saved where $E2E_SHOTS says.
func TestAllScreens(t *testing.T) {
	person := dex.User{Email: "alice@corp.example", Password: alice.Password, Name: "Alice",
		Groups: []string{"dev", "ops"}}
	company, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{clientID}, Users: []dex.User{person, alice},
		Certificate: &ca.server, Issuer: "https://" + companyHost})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, &dex.Server{Issuer: company.Issuer})
	c.write("kubeconfig", "apiVersion: v1\nkind: Config\nclusters:\n- name: dev\n  cluster:\n"+
		"    server: https://kubernetes.corp.example\n")
	proxy := newProxy(t, company.Address)
	env := []string{"HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1,localhost",
		"SSL_CERT_FILE=" + ca.caFile, "KUBECONFIG=" + filepath.Join(c.home, "kubeconfig"),
		"PATH=" + filepath.Dir(mustTool(t, "sso-exec")) + ":/usr/local/bin:/usr/bin:/bin"}
	for _, profile := range []string{"corp", "production-readonly"} {
		c.start("sso-exec", env, "setup", "provider", profile, "--issuer", company.Issuer, "--client-id", clientID,
			"--scope", "email,groups", "--no-login", "--yes").ok()
	}
	login := c.start("sso-exec", env, append([]string{"login", "corp"}, c.pkce()...)...)
	through, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (approve.Browser{Email: person.Email, Password: person.Password, Roots: ca.roots,
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Hostname() == companyHost {
				return through, nil
			}
			return nil, nil
		}}).Visit(t.Context(), c.url(login)); err != nil {
		t.Fatal(err)
	}
	login.ok()

	for _, columns := range []int{80, 40} {
		window := newTmux(machine(c).with(env...), columns, 200)
		for _, line := range []string{
			"--help", "login --help", "kube --help", "help settings", "setup provider " + companyHost + " --dry-run --yes",
			"setup provider " + companyHost + " --profile new --client-id cli --scope email --dry-run --yes",
			"setup kube --profile corp --context dev --dry-run", "status", "whoami", "whoami corp", "whoami nobody",
			"doctor corp", "doctor --profile corp", "profile list", "version", "kube --profile none", "token --issuer x",
			"token --oidc-issuer-url=https://login.corp.example/oauth2/default", "aws --profile corp --interactive never",
			"login --flow device --no-browser", "logout --help", "login --issuer x", "config view",
			"kube --profile production-readonly --issuer https://login.corp.example/a/very/long/issuer --interactive never",
			"audit", "config path", "config validate", "setup --help", "run --help", "exec --profile corp", "logout nobody",
			"setup aws --profile corp --role-arn arn:aws:iam::123456789012:role/dev --dry-run", "kube --profile prod",
			"kube --issuer http://login.corp.example --client-id cli", "login --issuer https://127.0.0.1:1 --client-id cli",
			"login --issuer https://login.corp.example/other --client-id cli", "login --issuer x --flow nonsense",
			"token --profile corp --interactive never --scope payments --audience https://payments.corp.example",
			"run --profile corp", "setup provider http://login.corp.example", "setup provider login.corp.example/other --yes",
		} {
			window.do("send-keys", "-R", "-t", "e2e")
			window.do("clear-history", "-t", "e2e")
			window.press("sso-exec " + line + "\r")
			window.shows("the end of "+line, func(text string) bool { return strings.HasSuffix(text, "\n$") })
			window.shot(fmt.Sprintf("screen-%d-%s", columns, strings.NewReplacer(" ", "_", "/", "_").Replace(line)))
			text := strings.Split(window.text(), "\n")
			for i, shown := range text {
				pasted := strings.Contains(shown, "sso-exec ") || strings.HasPrefix(shown, "+")
				long := slices.ContainsFunc(strings.Fields(shown), func(word string) bool { return len(word)+20 > columns })
				if i > 0 && utf8.RuneCountInString(shown) > columns && !pasted && !long {
					t.Errorf("%d columns, %s: %q in\n%s", columns, line, shown, window.text())
				}
			}
		}
	}
}
