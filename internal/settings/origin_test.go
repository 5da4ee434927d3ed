package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
)

// readWith reads settings with a config file; its text is the profile p.
func readWith(t *testing.T, profile string, args ...string) (*Resolved, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "version: 1\ndefault-profile: p\nprofiles:\n  p:\n    issuer: https://p.example.com\n    client-id: p\n" +
		profile
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Parse(ToolKube, append(args, "--config="+path))
	if err != nil {
		t.Fatal(err)
	}
	return o, o.Read(nil)
}

// A flag overrides a variable, which overrides a profile; each says where it came from.
func TestOrigins(t *testing.T) {
	t.Setenv("SSO_EXEC_AUDIENCE", "by variable")
	t.Setenv("SSO_EXEC_RESOURCE", " https://a.example.com , https://b.example.com ")
	t.Setenv("SSO_EXEC_LOGIN_HINT", " ")
	profile := "    audience: by profile\n    login-hint: by profile\n    session: by profile\n"
	o, err := readWith(t, profile, "--session=by flag")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"session": {"by flag", "flag --session"}, "audience": {"by variable", "variable SSO_EXEC_AUDIENCE"},
		"login-hint": {"by profile", ":8"},
		"resource":   {"https://a.example.com+https://b.example.com", "variable SSO_EXEC_RESOURCE"},
		"issuer":     {"https://p.example.com", ":5"}, "par": {"auto", "default"},
	} {
		got := strings.Join(Find(name).Get(&o.Settings), "+")
		if got != want[0] || !strings.HasSuffix(o.From.Where(name), want[1]) {
			t.Errorf("%s is %q by %s, want %q by %s", name, got, o.From.Where(name), want[0], want[1])
		}
	}
	if o.From.Given("login-hint") || !o.From.Said("login-hint") || !o.From.Given("audience") ||
		o.From.Typed("audience") || !o.From.Typed("session") {
		t.Errorf("%v", o.From)
	}
	clone := o.From.Clone()
	clone["par"] = Origin{By: ByFlag}
	if o.From.Said("par") {
		t.Error("a clone is no copy")
	}

	t.Setenv("SSO_EXEC_MIN_TTL", "5")
	t.Setenv("SSO_EXEC_MAX_AGE", "x")
	if _, err := readWith(t, ""); err == nil ||
		!strings.Contains(err.Error(), `variable SSO_EXEC_MIN_TTL: "5" is not a duration`) ||
		!strings.Contains(err.Error(), `variable SSO_EXEC_MAX_AGE: "x" is not`) {
		t.Error(err)
	}
	if known := Variables(); !slices.Contains(known, "SSO_EXEC_CLIENT_SECRET") ||
		!slices.Contains(known, "SSO_EXEC_CONFIG") || slices.Contains(known, "SSO_EXEC_OUTPUT") {
		t.Errorf("%q", known)
	}
}

// A profile's rule about device sign-ins can be tightened by what is given, and not
// loosened.
func TestDeviceIsTightened(t *testing.T) {
	for _, c := range [][3]string{
		{"never", "allow", "never"}, {"headless", "never", "never"}, {"headless", "allow", "headless"},
		{"allow", "headless", "headless"},
		{"never", "nonsense", "nonsense"}, // which Check refuses
	} {
		o, err := readWith(t, "    device: "+c[0]+"\n", "--device="+c[1])
		if err != nil || o.SignIn.Device != c[2] || !o.From.Typed("device") {
			t.Errorf("%s under %s: %s, %v, %v", c[1], c[0], o.SignIn.Device, err, o.From)
		}
	}
}

// The config's default profile is not used next to another provider or client.
func TestDefaultProfile(t *testing.T) {
	for _, c := range []struct {
		arg  string
		used bool
	}{{"--issuer=https://p.example.com", true}, {"--issuer=https://q.example.com", false}, {"--client-id=q", false},
		{"--session=s", true}} {
		o, err := readWith(t, "", c.arg)
		if err != nil || (o.Source.Profile == "p") != c.used {
			t.Errorf("%s: profile %q, %v", c.arg, o.Source.Profile, err)
		}
	}
}

// The words that name a session are those that were given, in the order of the
// table, and mean the same everywhere.
func TestSessionWords(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSO_EXEC_STORE", "none")
	o, err := readWith(t, "    audience: a\n", "--ca-file=ca.pem", "--scope=x,y",
		"--client-secret-command=./helper -x", "--subject-token-from=file:t",
		"--token-type=id", "--client-secret-fd=5", "--session=s", "--profile=p")
	program := filepath.Join(here, "helper")
	if strings.Contains(program, `\`) {
		program = "'" + program + "'"
	}
	want := []string{"--profile=p", "--scope=x", "--scope=y", "--client-secret-command=" + program + " -x",
		"--subject-token-from=file:" + filepath.Join(here, "t"), "--ca-file=" + filepath.Join(here, "ca.pem"), "--store=none",
		"--config=" + o.Source.Config}
	if got := o.SessionWords("session"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n%q\n%q", err, got, want)
	}
}

// A profile's keys are the rows that have one; sections are by a dot.
func TestProfileKeys(t *testing.T) {
	keys := ProfileKeys()
	find := func(section, name string) config.Key {
		i := slices.IndexFunc(keys, func(k config.Key) bool { return k.Section == section && k.Name == name })
		if i < 0 {
			t.Fatalf("no key %s.%s", section, name)
		}
		return keys[i]
	}
	if k := find("", "scopes"); k.Type != config.List || k.Default != "" {
		t.Errorf("%+v", k)
	}
	if k := find("aws", "role-arn"); k.Other != "sts-endpoint" || k.CheckWithout("x") == nil ||
		k.CheckWithout("") != nil || k.Check("x") != nil {
		t.Errorf("%+v", k)
	}
	if k := find("", "subject-token-from"); k.From("/d", "file:x") != "file:"+filepath.Join("/d", "x") || k.From("/d", "env:x") != "env:x" ||
		k.From("/d", "command:./x") != "command:"+commandline.From("/d", "./x") {
		t.Errorf("%+v", k)
	}
	if slices.ContainsFunc(keys, func(k config.Key) bool {
		return slices.Contains([]string{"force", "config", "output", "client-secret-fd"}, k.Name)
	}) {
		t.Error("a setting that no profile can set has a key")
	}
}
