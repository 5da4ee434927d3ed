package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/answers"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// forAgent reads a config file and flags, and looks what an agent gets.
func forAgent(t *testing.T, text string, args ...string) (*Resolved, error) {
	t.Helper()
	for _, name := range append(Variables(), agents.Variables()...) {
		t.Setenv(name, "")
	}
	t.Setenv("CLAUDECODE", "1")
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nprofiles:\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Parse(ToolAWS, append(args, "--config", path))
	if err == nil {
		err = o.Read(nil)
	}
	if err == nil {
		err = o.ForAgent()
	}
	return o, err
}

const agentProfiles = `  wide: {issuer: https://a.example, client-id: cli, scopes: [admin], agents: {profile: narrow},
    aws: {role-arn: "arn:aws:iam::123456789012:role/admin"}}
  narrow: {issuer: https://a.example, client-id: cli, scopes: [read],
    aws: {role-arn: "arn:aws:iam::123456789012:role/reader"}}
  closed: {issuer: https://a.example, client-id: cli, agents: deny}
  open: {issuer: https://a.example, client-id: cli, agents: allow}
  heir: {extends: wide, scopes: [other], agents: {profile: heir2}}
  heir2: {extends: heir, agents: {profile: open}}
  lost: {issuer: https://a.example, client-id: cli, agents: {profile: nobody}}
  odd: {issuer: https://a.example, client-id: cli, agents: {profile: closed}}
  self: {extends: selves}
  selves: {issuer: https://a.example, client-id: cli, agents: {profile: self}}
`

// TestRemembered: for another server an answer is another one.
func TestRemembered(t *testing.T) {
	for _, name := range append(callers(), SecretVariable, "KUBERNETES_EXEC_INFO", "HOME") {
		if !answers.Counts(name) {
			t.Errorf("%s is not part of a remembered question (internal/answers)", name)
		}
	}
}

func TestForAgent(t *testing.T) {
	for _, c := range []struct {
		args string
		gets string // the profile
		kind fault.Kind
		says string
	}{
		{"--profile open", "open", 0, ""},
		{"--profile narrow", "narrow", 0, ""},
		{"--profile wide", "narrow", 0, ""},
		{"--profile wide --force -v --min-ttl 5m --cache-dir /x --login-timeout 1m", "narrow", 0, ""},
		{"--profile wide --scope read --issuer https://a.example", "narrow", 0, ""}, // as it has it
		{"--profile heir", "heir2", 0, ""},                                          // and no further
		{"--profile selves", "self", 0, ""},
		{"--profile self", "self", 0, ""}, // what it inherits leads to itself
		{"--profile closed", "", fault.Forbidden, "forbidden by agents in "},
		{"--profile odd", "", fault.Forbidden, "forbidden by agents in "},
		{"--profile wide --scope admin", "", fault.Forbidden,
			"flag --scope: a coding agent gets what profile \"narrow\" gives"},
		{"--profile wide --role-arn arn:aws:iam::123456789012:role/admin", "", fault.Forbidden, "flag --role-arn"},
		{"--profile wide --issuer https://b.example", "", fault.Forbidden, "flag --issuer"},
		{"--profile wide --duration 12h", "", fault.Forbidden, "flag --duration"},
		{"--profile wide --audience x", "", fault.Forbidden, "flag --audience"},
		{"--profile wide --flow client-credentials", "", fault.Forbidden, "flag --flow"},
		{"--profile lost", "", fault.Usage, "no profile \"nobody\""},
	} {
		o, err := forAgent(t, agentProfiles, strings.Fields(c.args)...)
		switch {
		case c.kind == 0 && (err != nil || o.Source.Profile != c.gets || o.Agent.Name != "claude-code"):
			t.Errorf("%s: %q, %v; want %q", c.args, o.Source.Profile, err, c.gets)
		case c.kind != 0 && (!errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v; want %q", c.args, err, c.says)
		}
	}
	o, err := forAgent(t, agentProfiles, "--profile", "wide")
	if err != nil || o.AWS.RoleARN != "arn:aws:iam::123456789012:role/reader" ||
		strings.Join(o.Target.Scopes, " ") != "read" {
		t.Errorf("it gets %q and %q, %v", o.AWS.RoleARN, o.Target.Scopes, err)
	}
	if words := strings.Join(o.SessionWords(), " "); !strings.Contains(words, "--profile=narrow") {
		t.Errorf("a person signs in by %q", words)
	}
	// A variable is as good as a flag.
	_, err = forAgent(t, agentProfiles, "--profile", "wide")
	if t.Setenv("SSO_EXEC_SCOPE", "admin"); err != nil {
		t.Fatal(err)
	}
	o, _ = Parse(ToolAWS, []string{"--profile", "wide", "--config", o.Source.Config})
	if err := errors.Join(o.Read(nil), o.ForAgent()); !errors.Is(err, fault.Forbidden) ||
		!strings.Contains(err.Error(), "variable SSO_EXEC_SCOPE") {
		t.Errorf("a variable: %v", err)
	}
}

// Which shapes the key has, in use and in config validate.
func TestAgentsKey(t *testing.T) {
	for value, want := range map[string]string{
		"allow": "allow", "deny": "deny", "{profile: q}": "profile:q",
		"{}": "use allow, deny or", "{profile: }": "use allow, deny or", "{profile: q, x: y}": "use allow, deny or",
		"{profil: q}": "use allow, deny or", "[deny]": "takes one value", "{profile: p}": "it names itself",
		"{profile: x}": "no profile \"x\"", "{profile: [q]}": "use allow, deny or",
	} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		text := "version: 1\nprofiles: {p: {agents: " + value + "}, q: {}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths := config.Paths{User: path}
		found := paths.Validate(ProfileKeys())
		c, err := paths.Open()
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Profile("p", ProfileKeys())
		switch {
		case len(found) == 0:
			if err != nil || strings.Join(p.Settings["agents"].Values, " ") != want {
				t.Errorf("%s: %v, %v", value, p, err)
			} else if shown := string(p.YAML(ProfileKeys(), nil)); !strings.Contains(shown, "agents: "+value+"\n") {
				t.Errorf("%s is shown as %s", value, shown)
			}
		case len(found) != 1 || !strings.Contains(found[0].Text, want):
			t.Errorf("%s: %v; want %q", value, found, want)
		}
	}
}

// A new setting is harmless only if somebody said so: each that names a session or a
// credential, or what comes of one, is not.
func TestWhatIsHarmless(t *testing.T) {
	for _, r := range Table() {
		if r.Is(Harmless) && r.Name != "profile" && (r.Is(Names) || r.Is(Credential) || r.Group == GroupExchange ||
			r.Group == GroupAWS || r.Group == GroupClient || r.Group == GroupWorkload) {
			t.Errorf("%s: it changes what is obtained", r.Name)
		}
	}
}
