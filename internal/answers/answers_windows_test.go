package answers

import (
	"strings"
	"testing"
)

func TestCacheDir(t *testing.T) {
	for _, c := range []struct {
		args, env, want string
	}{
		{"kube", `LocalAppData=C:\l UserProfile=C:\u`, `C:\l/sso-exec`},
		{"kube", `LOCALAPPDATA=C:\l userprofile=C:\u`, `C:\l/sso-exec`},
		{"kube", `LOCALAPPDATA=C:\l HOME=/h`, ""}, // HOME is nobody's there
		{"kube", `USERPROFILE=C:\u`, `C:\u/.cache/sso-exec`},
		{"kube", `LocalAppData=C:\l UserProfile=C:\u sso_exec_cache_dir=D:/d`, `D:/d`},
		{`kube --cache-dir=\\server\share\c`, `LocalAppData=C:\l UserProfile=C:\u`, `\\server\share\c`},
		{`kube --cache-dir C:c`, `LocalAppData=C:\l UserProfile=C:\u`, ""},
		{`kube --cache-dir \c`, `LocalAppData=C:\l UserProfile=C:\u`, ""},
		{`kube --cache-dir /c`, `LocalAppData=C:\l UserProfile=C:\u`, ""},
		{`kube --cache-dir=`, `LocalAppData=C:\l UserProfile=C:\u`, ""},
		{"kube", `HOME=C:\h`, ""},
	} {
		if got := CacheDir(strings.Fields(c.args), strings.Fields(c.env)); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.args, c.env, got, c.want)
		}
	}
}

// TestKeyCase: a variable counts however its name is written.
func TestKeyCase(t *testing.T) {
	args := []string{"sso-exec", "kube"}
	plain := Key(args, nil)
	if Key(args, []string{"sso_exec_issuer=x"}) == plain || Key(args, []string{"Kubernetes_Exec_Info=x"}) == plain {
		t.Error("a name in small letters is no part of the key")
	}
	if Key(args, []string{"AWS_a=1", "aws_A=2"}) == Key(args, []string{"aws_A=2", "AWS_a=1"}) {
		t.Error("of two with one name the order does not count")
	}
	if k := Key(args, []string{"sso_exec_client_secret=hunter2"}); strings.Contains(k, "hunter2") {
		t.Errorf("a secret is in the key: %q", k)
	}
}
