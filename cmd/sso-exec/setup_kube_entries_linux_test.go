//go:build linux

package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/sso-exec/sso-exec/providertest"
)

// kubeEntry is a kubeconfig with one user entry, dev, and the binary to change it.
type kubeEntry struct {
	*bench
	t    *testing.T
	path string
}

// with writes the file: in JSON or, by the same meaning, in another form of YAML.
func (k *kubeEntry) with(user any, form string) []byte {
	k.t.Helper()
	b, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Config",
		"users": []any{map[string]any{"name": "dev", "user": user}}})
	if err == nil && form == "yaml" {
		var conf *api.Config
		if conf, err = clientcmd.Load(b); err == nil {
			b, err = clientcmd.Write(*conf)
		}
	}
	if err == nil {
		err = os.WriteFile(k.path, b, 0o600)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *kubeEntry) setup(code int, args ...string) outcome {
	k.t.Helper()
	o := k.run(append([]string{"setup", "kube", "--kubeconfig=" + k.path, "--yes"}, args...)...)
	if o.code != code {
		text, _ := os.ReadFile(k.path)
		k.t.Fatalf("%q: code %d, want %d: %s\n%s", args, o.code, code, o.stderr, text)
	}
	return o
}

// entry is what client-go reads.
func (k *kubeEntry) entry() *api.AuthInfo {
	k.t.Helper()
	conf, err := clientcmd.LoadFromFile(k.path)
	if err != nil || conf.AuthInfos["dev"] == nil {
		k.t.Fatal(conf, err)
	}
	return conf.AuthInfos["dev"]
}

func newKubeEntry(t *testing.T) *kubeEntry {
	k := &kubeEntry{newBench(t, providertest.Config{}), t, filepath.Join(t.TempDir(), "config")}
	k.env = slices.DeleteFunc(k.env, func(kv string) bool {
		return strings.HasPrefix(kv, "SSO_EXEC_ISSUER=") || strings.HasPrefix(kv, "SSO_EXEC_CLIENT_ID=")
	})
	k.setenv("SSO_EXEC_BROWSER", "testbrowser")
	return k
}

// What is in an entry besides credentials stays, whatever becomes of these; what
// somebody edited in our stanza stays, unless a flag says otherwise.
func TestSetupKubeKeepsTheRest(t *testing.T) {
	k := newKubeEntry(t)
	mine := []string{"--user=dev", "--issuer=" + k.idp.Issuer(), "--client-id=cli"}
	type m = map[string]any
	old := m{"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubectl", "interactiveMode": "IfAvailable",
		"args": []string{"oidc-login", "get-token", "--oidc-issuer-url=" + k.idp.Issuer(), "--oidc-client-id=cli"}}
	for _, form := range []string{"json", "yaml"} {
		for what, more := range map[string]m{
			"groups":  {"as": "admin", "as-groups": []string{"a", "b"}},
			"extra":   {"as": "x", "as-uid": "7", "as-user-extra": m{"reason": []string{"x", "y"}}},
			"listed":  {"extensions": []m{{"name": "e", "extension": m{"a": 1, "b": []any{nil, true, 1.5}}}}},
			"one key": {"as": "admin"},
		} {
			for before, with := range map[string]struct {
				creds m
				args  []string
			}{
				"nothing": {m{}, mine}, "token": {m{"token": "t", "tokenFile": "/f"}, append(mine, "--replace")},
				"certificate": {m{"client-certificate-data": "QQ==", "client-key-data": "QQ==", "username": "u", "password": "p"},
					append(mine, "--replace")},
				"kubelogin": {m{"exec": old}, []string{"--from-kubelogin=dev"}},
				"provider": {m{"auth-provider": m{"name": "oidc",
					"config": m{"idp-issuer-url": k.idp.Issuer(), "client-id": "cli"}}}, []string{"--from-kubelogin=dev"}},
			} {
				user := m{}
				maps.Copy(user, more)
				maps.Copy(user, with.creds)
				k.with(user, form)
				was := k.entry()
				k.setup(0, with.args...)
				is := k.entry()
				if is.Exec == nil || is.Exec.Args[0] != "kube" || is.Token+is.TokenFile+is.Username+is.Password != "" ||
					is.AuthProvider != nil || is.ClientKeyData != nil {
					t.Fatalf("%s, %s, %s: %v", form, what, before, is)
				}
				same := func(step string) {
					t.Helper()
					is := k.entry()
					if is.Impersonate != was.Impersonate || is.ImpersonateUID != was.ImpersonateUID ||
						!slices.Equal(is.ImpersonateGroups, was.ImpersonateGroups) ||
						len(is.ImpersonateUserExtra) != len(was.ImpersonateUserExtra) || len(is.Extensions) != len(was.Extensions) {
						t.Fatalf("%s, %s, %s, %s: %v became %v", form, what, before, step, was, is)
					}
				}
				same("set")
				k.setup(0, append(mine, "--scope=groups")...)
				same("changed")
				k.setup(0, "--user=dev", "--remove")
				same("removed")
				if k.entry().Exec != nil && before != "kubelogin" {
					t.Fatalf("%s, %s, %s: still there", form, what, before)
				}
			}
		}

		edited := func(change func(*api.ExecConfig)) {
			t.Helper()
			k.with(m{}, form)
			k.setup(0, mine...)
			conf, err := clientcmd.LoadFromFile(k.path)
			if err != nil {
				t.Fatal(err)
			}
			change(conf.AuthInfos["dev"].Exec)
			if err := clientcmd.WriteToFile(*conf, k.path); err != nil {
				t.Fatal(err)
			}
		}
		byHand := func(e *api.ExecConfig) {
			e.Env = []api.ExecEnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}, {Name: "EMPTY"}}
			e.InteractiveMode, e.InstallHint, e.ProvideClusterInfo, e.APIVersion = api.NeverExecInteractiveMode,
				"ask the platform team", true, "client.authentication.k8s.io/v1beta1"
		}
		for _, flags := range [][]string{{}, {"--scope=groups"}, {"--interactive-mode=IfAvailable"},
			{"--install-hint=other", "--api-version=v1", "--provide-cluster-info=false"}} {
			edited(byHand)
			k.setup(0, append(mine, flags...)...)
			is := k.entry().Exec
			if len(is.Env) != 2 || is.Env[0].Value != "http://proxy:3128" ||
				slices.Contains(is.Args, "--scope=groups") != slices.Contains(flags, "--scope=groups") {
				t.Errorf("%s, %q: %q, %+v", form, flags, is.Args, is.Env)
			}
			if mode := is.InteractiveMode == api.IfAvailableExecInteractiveMode; mode != slices.Contains(flags,
				"--interactive-mode=IfAvailable") {
				t.Errorf("%s, %q: mode %s", form, flags, is.InteractiveMode)
			}
			given := slices.Contains(flags, "--api-version=v1")
			if given != (is.InstallHint == "other") || given == is.ProvideClusterInfo ||
				given != (is.APIVersion == "client.authentication.k8s.io/v1") {
				t.Errorf("%s, %q: %q, %v, %s", form, flags, is.InstallHint, is.ProvideClusterInfo, is.APIVersion)
			}
		}
	}
}

// Parameters that kubelogin adds to its authorization request are sent by the new
// entry too, when it is run as kubectl runs it.
func TestSetupKubeExtraParameters(t *testing.T) {
	const flag = "--oidc-auth-request-extra-params"
	for _, c := range []struct {
		args []string
		want []string          // of the entry
		sent map[string]string // to the provider
		left []string
	}{
		{[]string{flag + "=audience=x"}, []string{"--audience=x"}, map[string]string{"audience": "x"}, nil},
		{[]string{flag + "=resource=https://api.example.com"}, []string{"--resource=https://api.example.com"},
			map[string]string{"resource": "https://api.example.com"}, nil},
		{[]string{flag, "login_hint=alice"}, []string{"--login-hint=alice"}, map[string]string{"login_hint": "alice"}, nil},
		{[]string{flag + "=organization=org_1"}, []string{"--organization=org_1"}, map[string]string{"organization": "org_1"},
			nil},
		{[]string{flag + "=prompt=login"}, []string{"--auth-param=prompt=login"}, map[string]string{"prompt": "login"}, nil},
		{[]string{flag + "=response_mode=query", flag + "=scope=x", flag, "nonce=1"}, nil, nil,
			[]string{"response_mode", "scope", "nonce"}},
		{[]string{flag + "=audience=x,prompt=login,login_hint=a b,nonce=1"},
			[]string{"--audience=x", "--auth-param=prompt=login", "--login-hint=a b"},
			map[string]string{"audience": "x", "prompt": "login", "login_hint": "a b"}, []string{"nonce"}},
		{[]string{flag + "=audience=x", flag, "audience=y,prompt=none", flag + "=prompt=login"},
			[]string{"--audience=y", "--auth-param=prompt=login"}, map[string]string{"audience": "y", "prompt": "login"}, nil},
		{[]string{flag + `="audience=a,b",hd=corp.example`}, []string{"--audience=a,b", "--auth-param=hd=corp.example"},
			map[string]string{"audience": "a,b", "hd": "corp.example"}, nil},
		{[]string{flag + "=resource=x", flag + "=redirect_uri=http://x", flag + "=client_secret=hush", flag + "=odd"}, nil,
			nil, []string{"resource", "redirect_uri", "client_secret", "odd"}},
	} {
		k := newKubeEntry(t)
		k.with(map[string]any{"exec": map[string]any{"apiVersion": "client.authentication.k8s.io/v1",
			"interactiveMode": "IfAvailable", "command": "kubectl", "args": append([]string{
				"oidc-login", "get-token", "--oidc-issuer-url=" + k.idp.Issuer(), "--oidc-client-id=cli",
				"--oidc-redirect-url=http://127.0.0.1:0/cb"}, c.args...)}}, "json")
		o := k.setup(0, "--from-kubelogin=dev")
		args := k.entry().Exec.Args
		for _, a := range c.want {
			if !slices.Contains(args, a) {
				t.Errorf("%q: %q lacks %s", c.args, args, a)
			}
		}
		if len(args) != 4+len(c.want) {
			t.Errorf("%q: %q", c.args, args)
		}
		for _, name := range c.left {
			if !strings.Contains(o.stderr, "sso-exec: kubelogin's "+flag) || !strings.Contains(o.stderr, name) ||
				strings.Contains(o.stderr, ": hush") {
				t.Errorf("%q: %s is not named: %s", c.args, name, o.stderr)
			}
		}
		k.mustRun(t, args...)
		var asked url.Values
		for _, r := range k.idp.Log() {
			if r.Endpoint == providertest.Authorize {
				asked = r.Query
			}
		}
		for name, value := range c.sent {
			if got := asked[name]; !slices.Equal(got, []string{value}) {
				t.Errorf("%q: %s was sent as %q", c.args, name, got)
			}
		}
	}
}

// The auth provider that client-go had before exec plugins.
func TestSetupKubeLegacyAuthProvider(t *testing.T) {
	k := newKubeEntry(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, k.idp.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	k.env = slices.DeleteFunc(k.env, func(kv string) bool { return strings.HasPrefix(kv, "SSO_EXEC_CA_FILE=") })
	type m = map[string]any
	provider := func(name string, more m) m {
		config := m{"idp-issuer-url": k.idp.Issuer(), "client-id": "cli", "client-secret": "hush",
			"extra-scopes": "groups,email", "id-token": "a.b.c", "refresh-token": "rt-1"}
		maps.Copy(config, more)
		return m{"auth-provider": m{"name": name, "config": config}}
	}
	quiet := func(o outcome) {
		t.Helper()
		for _, secret := range []string{"hush", "a.b.c", "rt-1"} {
			if strings.Contains(o.stdout+o.stderr, secret) {
				t.Errorf("%s is shown: %s%s", secret, o.stdout, o.stderr)
			}
		}
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(cwd, ca)
	if err != nil {
		t.Fatal(err)
	}
	k.env = append(k.env, "HOME="+filepath.Dir(ca))
	for _, written := range []string{"~/ca.pem", relative} { // kubectl runs in other directories
		k.with(provider("oidc", m{"idp-certificate-authority": written}), "yaml")
		k.setup(0, "--from-kubelogin", "dev")
		if args := k.entry().Exec.Args; !slices.Contains(args, "--ca-file="+ca) {
			t.Errorf("%s became %q", written, args)
		}
	}
	data := base64.StdEncoding.EncodeToString(k.idp.CAPEM())
	for _, form := range []string{"json", "yaml"} {
		for flag, more := range map[string]m{"--ca-data=" + data: {"idp-certificate-authority-data": data},
			"--ca-file=" + ca: {"idp-certificate-authority": ca}} {
			before := k.with(provider("oidc", more), form)
			o := k.setup(0, "--from-kubelogin", "dev", "--dry-run")
			quiet(o)
			if now, _ := os.ReadFile(k.path); string(now) != string(before) ||
				!strings.Contains(o.stderr, "then run: sso-exec setup kube --from-kubelogin=dev --kubeconfig=") {
				t.Errorf("--dry-run: %s", o.stderr)
			}
			o = k.setup(0, "--from-kubelogin", "dev")
			quiet(o)
			if !strings.Contains(o.stderr, "the auth provider's client-secret is left out: ") ||
				!strings.Contains(o.stderr, "--client-secret-file=") {
				t.Errorf("the secret: %s", o.stderr)
			}
			args := k.entry().Exec.Args
			for _, want := range []string{"--issuer=" + k.idp.Issuer(), "--client-id=cli", "--scope=groups,email", flag} {
				if !slices.Contains(args, want) {
					t.Errorf("%q lacks %s", args, want)
				}
			}
			text, err := os.ReadFile(k.path)
			if quiet(outcome{stdout: string(text)}); err != nil {
				t.Fatal(err)
			}
			k.mustRun(t, args...)

			k.with(provider("oidc", more), form)
			o = k.setup(0, "--user=dev", "--issuer="+k.idp.Issuer(), "--client-id=cli", "--scope=email", "--replace")
			quiet(o)
			warned := o.stderr[:strings.Index(o.stderr, "---")]
			name, _, _ := strings.Cut(flag, "=")
			for _, want := range []string{"sso-exec: warning: ", "--scope=groups", name, "--client-secret-file"} {
				if !strings.Contains(warned, want) || strings.Contains(warned, "email") {
					t.Errorf("%s is not named: %s", want, warned)
				}
			}
			k.with(provider("oidc", more), form)
			o = k.setup(2, "--user=dev", "--issuer="+k.idp.Issuer(), "--client-id=cli")
			if quiet(o); !strings.Contains(o.stderr, "--from-kubelogin dev converts it") {
				t.Error(o.stderr)
			}
		}
		for name, more := range map[string]m{"gcp": {}, "azure": {}, "": {}, "oidc": {"client-id": ""}} {
			before := k.with(provider(name, more), form)
			quiet(k.setup(2, "--from-kubelogin", "dev"))
			if now, _ := os.ReadFile(k.path); string(now) != string(before) {
				t.Errorf("%q: the file was changed", name)
			}
		}
		user := provider("oidc", nil)
		user["token"] = "other"
		k.with(user, form)
		quiet(k.setup(2, "--from-kubelogin", "dev"))
	}
}
