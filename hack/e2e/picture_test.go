package e2e

import (
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/hack/demo/approve"
	"github.com/sso-exec/sso-exec/hack/demo/dex"
)

// companyHost is where the provider of the picture is, for those that ask the proxy.
const companyHost = "login.corp.example"

// TestAllPicture is the picture of README.md: from a host name to kubectl and the AWS
// CLI, with one sign-in, as a terminal shows it. `make picture` keeps what it draws.
func TestAllPicture(t *testing.T) {
	person := dex.User{Email: "alice@corp.example", Password: "password", Name: "Alice", Groups: []string{"dev"}}
	company, err := dex.Start(t.Context(), dex.Options{ClientIDs: []string{clientID}, Users: []dex.User{person},
		Certificate: &ca.server, Issuer: "https://" + companyHost})
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(t, company.Address)
	servers := []string{"HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1,localhost"}

	trust := &authentication{name: "picture"}
	trust.trust(t, company.Issuer, clientID, "email")
	server, err := startAPIServer("picture", trust, servers...)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, provider)
	admin := func(args ...string) {
		c.start("kubectl", nil, append(args, "--server", server, "--certificate-authority", ca.caFile,
			"--token", adminToken)...).ok()
	}
	admin("create", "clusterrolebinding", "alice", "--clusterrole=system:aggregate-to-view", "--user="+prefix+person.Email)
	admin("create", "namespace", "shop")
	minio, s3, err := runMinIO("picture", map[string]string{clientID: company.Issuer}, servers...)
	if err == nil {
		err = minio.ready(s3 + "/minio/health/live")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"invoices", "reports"} {
		c.aws(s3, []string{"AWS_ACCESS_KEY_ID=" + rootUser, "AWS_SECRET_ACCESS_KEY=" + rootPassword}, "s3", "mb",
			"s3://"+bucket).ok()
	}
	c.write("kubeconfig", "apiVersion: v1\nkind: Config\nclusters:\n- name: dev\n  cluster:\n    server: "+server+
		"\n    certificate-authority: "+ca.caFile+"\n")
	aws := c.write("aws", "#!/bin/sh\nexec "+mustTarget(t, "aws")+" --endpoint-url "+s3+" \"$@\"\n")
	if err := os.Chmod(aws, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(mustTool(t, "sso-exec"))
	env := append(servers, "PATH="+c.home+":"+bin+":/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE="+ca.caFile,
		"KUBECONFIG="+filepath.Join(c.home, "kubeconfig"), "AWS_CONFIG_FILE="+filepath.Join(c.home, "aws-config"),
		"AWS_CA_BUNDLE="+ca.caFile, "AWS_EC2_METADATA_DISABLED=true")
	for _, args := range [][]string{
		{"provider", "corp", "--issuer", company.Issuer, "--client-id", clientID, "--scope", "email,groups", "--no-login"},
		{"kube", "--profile", "corp", "--context", "dev", "--cluster", "dev", "--use-context"},
		{"aws", "--profile", "corp", "--aws-profile", "dev", "--role-arn", roleARN(), "--sts-endpoint", s3},
	} {
		c.start("sso-exec", env, append(append([]string{"setup"}, args...), "--yes")...).ok()
	}

	at := machine(c)
	at.root.Binds = append(at.root.Binds, mustTarget(t, "aws"))
	window := newTmux(at.with(env...), 80, 24)
	window.shows("a shell", func(text string) bool { return text == "$" })
	window.press("kubectl get namespaces\r")
	var target, code string
	window.shows("a code", func(text string) bool {
		target, code = verificationURL.FindString(text), userCode.FindString(text)
		return target != "" && code != "" && strings.Contains(text, "Ctrl-C")
	})
	asked := window.visible("-e")
	through, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	_, err = approve.Browser{Email: person.Email, Password: person.Password, Roots: ca.roots,
		Proxy: http.ProxyURL(through)}.Visit(t.Context(), withCode(t, target, code))
	if err != nil {
		t.Fatal(err)
	}
	window.shows("the namespaces", func(text string) bool { return strings.HasSuffix(text, "\n$") })
	window.press("aws --profile dev s3 ls\r")
	window.shows("the buckets", func(text string) bool { return strings.HasSuffix(text, "reports\n$") })
	answered := window.visible("-e")
	t.Logf("%s\n%s", asked, answered)
	for _, words := range []string{"Signed in to " + companyHost + " as " + person.Email, "kube-system", "invoices"} {
		if !strings.Contains(answered, words) {
			t.Errorf("%q is not on the screen", words)
		}
	}
	dir := os.Getenv("E2E_PICTURE")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "terminal.svg"), drawn(asked, answered), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shows waits until the window does.
func (m *tmux) shows(what string, holds func(text string) bool) {
	m.t.Helper()
	text := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if text = strings.TrimRight(m.text(), "\n "); holds(text) {
			return
		}
	}
	m.t.Fatalf("the window does not show %s:\n%s", what, text)
}

// newProxy leads everybody who asks for a host to one address.
func newProxy(t *testing.T, to string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
		if err != nil || r.Method != http.MethodConnect {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		fmt.Fprint(here, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(there, here)
		io.Copy(here, there)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// drawn makes screens, with the sequences of their style, into one picture. All that
// is ever used of those is bold.
func drawn(screens ...string) []byte {
	const wide, high, margin = 8.4, 20, 20
	var body strings.Builder
	y, columns := 0, 0
	for _, screen := range screens {
		screen = strings.TrimSuffix(strings.TrimRight(screen, "\n "), "\n$")
		lines := strings.Split(screen, "\n")
		top := y
		y += 34
		var text strings.Builder
		for _, line := range lines {
			bold, x := false, 0
			part := func(s string) {
				n := utf8.RuneCountInString(s)
				if strings.TrimSpace(s) != "" {
					class := ""
					switch {
					case bold:
						class = ` class="b"`
					case x == 0 && strings.HasPrefix(s, "$ "):
						class = ` class="c"`
					}
					fmt.Fprintf(&text, `<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>`+"\n", margin+float64(x)*wide, y,
						float64(n)*wide, class, html.EscapeString(s))
				}
				x += n
				columns = max(columns, x)
			}
			from := 0
			for _, m := range sgr.FindAllStringSubmatchIndex(line, -1) {
				part(line[from:m[0]])
				bold, from = strings.Contains(";"+line[m[2]:m[3]]+";", ";1;"), m[1]
			}
			part(strings.TrimRight(line[from:], " "))
			y += high
		}
		fmt.Fprintf(&body, `<rect y="%d" width="100%%" height="%d" rx="10"/>`+"\n%s", top, y-top, text.String())
		y += margin
	}
	width := int(float64(columns)*wide) + 2*margin
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">
<style>
rect { fill: #f6f8fa; stroke: #d0d7de } text { fill: #1f2328; white-space: pre;
font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.b { font-weight: bold } .c { fill: #0550ae; font-weight: bold }
@media (prefers-color-scheme: dark) {
rect { fill: #161b22; stroke: #30363d } text { fill: #e6edf3 } .c { fill: #79c0ff } }
</style>
%s</svg>
`, width, y-margin, width, y-margin, body.String())
}
