package kubeconfig

import (
	"encoding/base64"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	at8000  = "--redirect-uri=http://localhost:8000"
	at18000 = "--redirect-uri=http://localhost:18000"
)

// What becomes of each flag of kubelogin, next to issuer and client.
func TestFromKubelogin(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		in, want string
		unmapped []string
	}{
		{"", at8000 + " " + at18000, nil},
		{"--oidc-extra-scope=email --oidc-extra-scope groups,profile --oidc-extra-scope=openid,offline_access,email",
			"--scope=email,groups,profile,offline_access " + at8000 + " " + at18000, nil},
		{"--oidc-client-secret=canary", at8000 + " " + at18000, []string{"--oidc-client-secret"}},
		{"--oidc-client-secret canary", at8000 + " " + at18000, []string{"--oidc-client-secret"}},
		{"--oidc-client-secret=", at8000 + " " + at18000, nil},
		{"--listen-address=127.0.0.1:12345 --listen-address=localhost:0",
			"--redirect-uri=http://localhost:12345 --redirect-uri=http://localhost:0", nil},
		{"--listen-address 127.0.0.1:1,[::1]:2", "--redirect-uri=http://localhost:1 --redirect-uri=http://localhost:2", nil},
		{"--listen-address=0.0.0.0:8000", at8000, []string{"--listen-address"}},
		{"--listen-address=:8000", at8000, []string{"--listen-address"}},
		{"--listen-address=localhost", "", []string{"--listen-address"}},
		{"--listen-port=8000,18000", at8000 + " " + at18000, nil},
		{"--oidc-redirect-url-hostname=127.0.0.1",
			"--redirect-uri=http://127.0.0.1:8000 --redirect-uri=http://127.0.0.1:18000", nil},
		{"--oidc-redirect-url-hostname=[::1] --listen-address=[::1]:1", "--redirect-uri=http://[::1]:1", nil},
		{"--oidc-redirect-url-hostname=dex.example.com", at8000 + " " + at18000, []string{"--oidc-redirect-url-hostname"}},
		{"--oidc-redirect-url=http://127.0.0.1:8000/cb", "--redirect-uri=http://127.0.0.1:8000/cb", nil},
		{"--oidc-redirect-url=http://localhost:8000/done", "", []string{"--oidc-redirect-url"}}, // sso-exec's own page
		{"--oidc-redirect-url=https://example.com/cb", "", []string{"--oidc-redirect-url"}},
		{"--oidc-use-pkce --oidc-pkce-method=S256 --token-cache-storage=disk --no-keyring --logtostderr",
			at8000 + " " + at18000, nil},
		{"--oidc-pkce-method=no", at8000 + " " + at18000, []string{"--oidc-pkce-method=no"}},
		{"--oidc-use-access-token --force-refresh", at8000 + " " + at18000 + " --token-type=access --force", nil},
		{"--oidc-use-access-token=false --force-refresh=0", at8000 + " " + at18000, nil},
		{"--oidc-request-header=Origin=http://x", at8000 + " " + at18000, []string{"--oidc-request-header"}},
		{"--token-cache-dir ~/x --token-cache-storage=keyring", at8000 + " " + at18000 + " --store=keyring",
			[]string{"--token-cache-dir"}},
		{"--token-cache-storage=none", at8000 + " " + at18000 + " --store=none", nil},
		{"--force-keyring", at8000 + " " + at18000 + " --store=keyring", nil},
		{"--certificate-authority=~/ca.pem",
			at8000 + " " + at18000 + " --ca-file=" + filepath.FromSlash("/home/alice/ca.pem"), nil},
		{"--certificate-authority=a.pem --certificate-authority=b.pem", at8000 + " " + at18000 + " --ca-file=a.pem",
			[]string{"--certificate-authority"}},
		{"--certificate-authority-data=" + b64("A\n"), at8000 + " " + at18000 + " --ca-data=" + b64("A\n"), nil},
		{"--certificate-authority-data=" + b64("A") + " --certificate-authority-data " + b64("B\n"),
			at8000 + " " + at18000 + " --ca-data=" + b64("A\nB\n"), nil},
		{"--certificate-authority-data=? --certificate-authority-data=" + b64("B\n"), at8000 + " " + at18000,
			[]string{"--certificate-authority-data"}},
		{"--insecure-skip-tls-verify --tls-renegotiation-once --tls-renegotiation-freely=true", at8000 + " " + at18000,
			[]string{"--insecure-skip-tls-verify", "--tls-renegotiation-once", "--tls-renegotiation-freely"}},
		{"--insecure-skip-tls-verify=false", at8000 + " " + at18000, nil},
		{"--oidc-auth-request-extra-params=ttl=86400 --oidc-auth-request-extra-params=a=1,b=x",
			at8000 + " " + at18000 + " --auth-param=ttl=86400 --auth-param=a=1 --auth-param=b=x", nil},
		{"--oidc-auth-request-extra-params=acr_values=a,b", at8000 + " " + at18000 + " --auth-param=acr_values=a,b", nil},
		{"--grant-type=auto", at8000 + " " + at18000, nil},
		{"--grant-type=authcode", "--flow=pkce " + at8000 + " " + at18000, nil},
		{"--grant-type=device-code", "--flow=device", nil},
		{"--grant-type device-code --skip-open-browser", "--flow=device --browser=none", nil},
		{"--grant-type=authcode-keyboard", "--flow=paste", []string{"--grant-type=authcode-keyboard"}},
		{"--grant-type=authcode-keyboard --oidc-redirect-url-authcode-keyboard=http://localhost",
			"--flow=paste --redirect-uri=http://localhost", nil},
		{"--grant-type=authcode-keyboard --oidc-redirect-url=urn:ietf:wg:oauth:2.0:oob", "--flow=paste",
			[]string{"--grant-type=authcode-keyboard"}},
		{"--grant-type=password", "", []string{"--grant-type=password"}},
		{"--username=alice --password=canary --grant-type=auto", "",
			[]string{"--username", "--password", "--grant-type=password"}},
		{"--grant-type=client-credentials", "", []string{"--grant-type=client-credentials"}},
		{"--grant-type=token-exchange --token-exchange-subject-token=canary", "",
			[]string{"--token-exchange-subject-token", "--grant-type=token-exchange"}},
		{"--grant-type=magic", "", []string{"--grant-type"}},
		{"--skip-open-browser", "--flow=pkce " + at8000 + " " + at18000 + " --browser=none", nil},
		{"--browser-command=google-chrome", at8000 + " " + at18000 + " --browser=google-chrome", nil},
		{"--authentication-timeout-sec=60", at8000 + " " + at18000 + " --login-timeout=60s", nil},
		{"--local-server-cert=c --local-server-key=k", at8000 + " " + at18000,
			[]string{"--local-server-cert", "--local-server-key"}},
		{"--open-url-after-authentication=https://x", at8000 + " " + at18000, []string{"--open-url-after-authentication"}},
		{"-v1", at8000 + " " + at18000 + " --verbose", nil},
		{"-v=5 -v 1 --v=2", at8000 + " " + at18000 + " --verbose", nil},
		{"-v0", at8000 + " " + at18000, nil},
		{"--log_file=x --vmodule=a=1", at8000 + " " + at18000, []string{"--log_file", "--vmodule"}},
		{"--some-new-flag canary --other=canary --third --grant-type=device-code", "--flow=device",
			[]string{"--some-new-flag", "--other", "--third"}},
	} {
		t.Run(c.in, func(t *testing.T) {
			in := Exec{APIVersion: "client.authentication.k8s.io/v1beta1", Command: "kubectl",
				Env: []EnvVar{{"HTTPS_PROXY", "http://proxy"}}, InstallHint: "brew install kubelogin"}
			in.Args = append([]string{"oidc-login", "get-token", "--oidc-issuer-url=https://login.example.com",
				"--oidc-client-id", "kubernetes"}, strings.Fields(c.in)...)
			got, unmapped, err := FromKubelogin(in, "sso-exec", "/home/alice")
			if err != nil {
				t.Fatal(err)
			}
			want := Exec{APIVersion: in.APIVersion, Command: "sso-exec", Env: in.Env, InteractiveMode: "IfAvailable",
				Args: append([]string{"kube", "--issuer=https://login.example.com", "--client-id=kubernetes"},
					strings.Fields(c.want)...)}
			if !got.equal(want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			var names []string
			for _, u := range unmapped {
				if names = append(names, u.Flag); u.Why == "" || strings.Contains(u.Why+u.Flag, "canary") {
					t.Errorf("%+v", u)
				}
			}
			if !slices.Equal(names, c.unmapped) {
				t.Errorf("unmapped %q, want %q", names, c.unmapped)
			}
			if strings.Contains(strings.Join(got.Args, " "), "canary") {
				t.Errorf("a secret on argv: %q", got.Args)
			}
		})
	}
}

// A program's name with blanks stays one word for --browser.
func TestFromKubeloginBrowser(t *testing.T) {
	for in, want := range map[string]string{"/usr/bin/x": "/usr/bin/x",
		"/Applications/My Browser": `"/Applications/My Browser"`, `a "b`: `'a "b'`} {
		if got := quoteWord(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// The programs that are kubelogin, and those that are not.
func TestRecognizeKubelogin(t *testing.T) {
	flags := []string{"get-token", "--oidc-issuer-url=https://i", "--oidc-client-id=c"}
	plugin := append([]string{"oidc-login"}, flags...)
	for _, c := range []struct {
		command string
		args    []string
		want    error
	}{
		{"kubectl", plugin, nil},
		{"/usr/local/bin/kubectl", plugin, nil},
		{`C:\bin\kubectl.EXE`, plugin, nil},
		{"kubelogin", flags, nil},
		{"./kubectl-oidc_login", flags, nil},
		{"kubelogin", append([]string{"-v1"}, flags...), nil},
		{"kubectl", flags, ErrNotKubelogin},
		{"kubectl", nil, ErrNotKubelogin},
		{"kubelogin", flags[1:], ErrNotKubelogin},
		{"kubelogin", append(flags, "more"), ErrNotKubelogin},
		{"aws", []string{"eks", "get-token"}, ErrNotKubelogin},
		{"docker", append([]string{"run", "ghcr.io/int128/kubelogin"}, flags...), ErrNotKubelogin},
		{"kubelogin", []string{"get-token", "--environment", "AzurePublicCloud", "--server-id", "6dae", "--client-id",
			"80fa", "--tenant-id", "1"}, errAzureKubelogin},
		{"kubelogin", []string{"get-token", "-l", "azurecli", "--server-id=6dae"}, errAzureKubelogin},
	} {
		_, _, err := FromKubelogin(Exec{APIVersion: "client.authentication.k8s.io/v1", Command: c.command, Args: c.args},
			"sso-exec", "")
		if !errors.Is(err, c.want) {
			t.Errorf("%s %q: %v, want %v", c.command, c.args, err, c.want)
		}
	}
	for _, args := range [][]string{{"get-token"}, {"get-token", "--oidc-issuer-url=i", "--oidc-client-id"}} {
		if _, _, err := FromKubelogin(Exec{Command: "kubelogin", Args: args}, "sso-exec", ""); err == nil ||
			errors.Is(err, ErrNotKubelogin) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Versions and modes that client-go refuses, or that make it fail, are fixed.
func TestFromKubeloginVersions(t *testing.T) {
	for _, c := range []struct{ version, mode, wantVersion, wantMode string }{
		{"client.authentication.k8s.io/v1alpha1", "", "client.authentication.k8s.io/v1", "IfAvailable"},
		{"client.authentication.k8s.io/v1beta1", "Never", "client.authentication.k8s.io/v1beta1", "Never"},
		{"client.authentication.k8s.io/v1", "Always", "client.authentication.k8s.io/v1", "IfAvailable"},
	} {
		got, _, err := FromKubelogin(Exec{APIVersion: c.version, Command: "kubelogin", InteractiveMode: c.mode,
			Args: []string{"get-token", "--oidc-issuer-url=i", "--oidc-client-id=c"}}, "sso-exec", "")
		if err != nil || got.APIVersion != c.wantVersion || got.InteractiveMode != c.wantMode {
			t.Errorf("%v: %+v, %v", c, got, err)
		}
	}
}
