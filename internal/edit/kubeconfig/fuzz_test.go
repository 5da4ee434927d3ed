package kubeconfig

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/client-go/tools/clientcmd"
)

// Whatever the file is: an edit fails, or client-go reads the result, finds what
// was asked for and everything else as it was, the second time nothing changes,
// and what is removed again leaves what was there.
func FuzzSetUser(f *testing.F) {
	for _, text := range shapes(f) {
		f.Add(string(text), "corp", "--scope=email", "two\nlines\n", true)
		f.Add(string(text), "old", "a: b # c", "", true)
	}
	f.Fuzz(func(t *testing.T, text, name, arg, hint string, replace bool) {
		e := Exec{APIVersion: "client.authentication.k8s.io/v1", Command: "sso-exec", Args: []string{"kube", arg},
			Env: []EnvVar{{"A", arg}}, InstallHint: hint, InteractiveMode: "IfAvailable"}
		before := []byte(text)
		after, err := SetUser(before, name, e, replace)
		if err != nil {
			if after != nil || err.Error() == "" {
				t.Fatalf("an error with a result: %q, %v", after, err)
			}
			return
		}
		u, ok, err := Describe(after, name)
		if err != nil || !ok || u.Exec == nil || !u.Exec.equal(e) || u.Extras {
			t.Fatalf("%+v, %v\n%s", u, err, after)
		}
		again, err := SetUser(after, name, e, false)
		if err != nil || !bytes.Equal(again, after) {
			t.Fatalf("the second time: %v\n%q\n%q", err, after, again)
		}
		was, err := clientcmd.Load(before)
		if err != nil {
			return // it differs from ours in what it takes
		}
		if was.AuthInfos[name] == nil {
			lost := removed(before, after)
			if code, _, _ := strings.Cut(lost, "#"); len(code) > 100 {
				t.Errorf("this was removed: %q", lost)
			}
			back, err := RemoveUser(after, name, e.equal)
			if err != nil {
				t.Fatalf("cannot be removed: %v\n%s", err, after)
			}
			if len(was.AuthInfos) > 0 && !bytes.Equal(back, before) {
				t.Errorf("removed:\n%q\nwant\n%q", back, before)
			}
		}
		onlyUser(t, before, after, name, e)
	})
}

// The same for a context.
func FuzzSetContext(f *testing.F) {
	for _, text := range shapes(f) {
		f.Add(string(text), "dev", "corp", "team")
		f.Add(string(text), "new", "y", "")
	}
	f.Fuzz(func(t *testing.T, text, name, user, namespace string) {
		if !utf8.ValidString(user + namespace) {
			return
		}
		before := []byte(text)
		after, err := SetContext(before, name, "cluster", user, namespace)
		if err != nil {
			return
		}
		again, err := SetContext(after, name, "cluster", user, namespace)
		if err != nil || !bytes.Equal(again, after) {
			t.Fatalf("the second time: %v\n%q\n%q", err, after, again)
		}
		current, err := SetCurrentContext(after, name)
		if err != nil {
			return
		}
		if _, err := clientcmd.Load(before); err != nil {
			return
		}
		c := judge(t, current)
		got := c.Contexts[name]
		if got == nil || got.Cluster != "cluster" || user != "" && got.AuthInfo != user || namespace != "" &&
			got.Namespace != namespace || c.CurrentContext != name {
			t.Fatalf("%+v, current %q\n%s", got, c.CurrentContext, current)
		}
	})
}

// No stanza makes the conversion panic, or lets the secret through.
func FuzzFromKubelogin(f *testing.F) {
	f.Add("--oidc-issuer-url=https://i --oidc-client-id=c -v1 --grant-type=device-code")
	f.Add("--oidc-issuer-url i --oidc-client-id c --listen-address=[::1]:1,:2 --oidc-auth-request-extra-params=a=b,c=d")
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"oidc-login", "get-token", "--oidc-client-secret", "canary"}, strings.Split(line, " ")...)
		e, unmapped, err := FromKubelogin(Exec{Command: "kubectl", Args: args}, "sso-exec", "/home/alice")
		if err == nil && (strings.Contains(strings.Join(e.Args, " "), "canary") || len(unmapped) == 0) &&
			!strings.Contains(line, "canary") {
			t.Errorf("%q, %v", e.Args, unmapped)
		}
	})
}
