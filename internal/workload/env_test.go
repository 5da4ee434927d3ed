package workload

import (
	"strings"
	"testing"
)

func TestGitLab(t *testing.T) {
	token := good(wanted)
	yaml := "  id_tokens:\n    SSO_EXEC_ID_TOKEN:\n      aud: "
	for name, c := range map[string]struct {
		spec        string
		vars        map[string]string
		kind, words string
	}{
		"the default": {"gitlab", map[string]string{"GITLAB_CI": "true", GitLabVariable: token}, "ok", ""},
		"named": {"gitlab:VAULT_ID_TOKEN", map[string]string{"GITLAB_CI": "true", "VAULT_ID_TOKEN": token}, "ok",
			""},
		"no GitLab":     {"gitlab", map[string]string{GitLabVariable: token}, "not here", "not a GitLab CI job"},
		"no variable":   {"gitlab", map[string]string{"GITLAB_CI": "true"}, "not here", yaml + wanted},
		"none so named": {"gitlab:OTHER", map[string]string{"GITLAB_CI": "true"}, "not here", "    OTHER:\n"},
		"another aud": {"gitlab", map[string]string{"GITLAB_CI": "true", GitLabVariable: good("https://gitlab.com")},
			"not here", yaml + wanted},
		"opaque": {"gitlab", map[string]string{"GITLAB_CI": "true", GitLabVariable: canary}, "not here",
			"is not an ID token"},
		"a masked value": {"gitlab", map[string]string{"GITLAB_CI": "true", GitLabVariable: "[MASKED]"}, "not here",
			"looks like JSON"},
		"expired": {"gitlab",
			map[string]string{"GITLAB_CI": "true", GitLabVariable: jwt(map[string]any{"aud": wanted, "exp": now - 1})}, "verify",
			"ended at"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, c.spec, at(t, c.vars))
			check(t, s, wanted, c.kind, c.words)
			clean(t, s.Available())
			if !s.FixedAudience() {
				t.Error("the audience is fixed")
			}
		})
	}
	env := at(t, map[string]string{"GITLAB_CI": "true", GitLabVariable: good("a")})
	check(t, parse(t, "gitlab", env), "", "ok", "")
	check(t, parse(t, "gitlab", env), "x\n  evil: y", "not here", `aud: "x evil: y"`)
	if err := parse(t, "gitlab", at(t, map[string]string{"GITLAB_CI": "true"})).Available(); !strings.Contains(said(err),
		yaml+"AUDIENCE") {
		t.Error(said(err))
	}
}

// Each job has a token of its own, and so a principal.
func TestGitLabPrincipal(t *testing.T) {
	of := func(jti string) string {
		token := jwt(map[string]any{"iss": "https://gitlab.com", "sub": "project_path:a/b:ref_type:branch:ref:main",
			"jti": jti})
		p, err := parse(t, "gitlab", at(t, map[string]string{"GITLAB_CI": "true", GitLabVariable: token})).Principal()
		if err != nil || strings.Contains(p, canary) {
			t.Fatal(p, err)
		}
		return p
	}
	if of("1") == of("2") || of("1") != of("1") {
		t.Error("the principal is not the job's")
	}
}

func TestVariable(t *testing.T) {
	vars := map[string]string{"JWT": " " + good(wanted) + "\n", "OPAQUE": "abc", "EMPTY": "", "BINARY": "a\x01b"}
	env := at(t, vars)
	if token := check(t, parse(t, "env:JWT", env), wanted, "ok", ""); token.Type != TypeJWT ||
		token.Value.Reveal() != good(wanted) {
		t.Errorf("%+v", token)
	}
	if token := check(t, parse(t, "env:OPAQUE", env), wanted, "ok", ""); token.Type != TypeAccessToken {
		t.Errorf("%+v", token)
	}
	check(t, parse(t, "env:JWT", env), "https://other.example", "not here", "--subject-token-audience")
	check(t, parse(t, "env:EMPTY", env), wanted, "not here", "not set, or empty")
	check(t, parse(t, "env:NONE", env), wanted, "not here", "not set, or empty")
	check(t, parse(t, "env:BINARY", env), wanted, "not here", "not printable ASCII")
}

// What is no source, in words, and without saying a token back.
func TestParse(t *testing.T) {
	for spec, words := range map[string]string{
		"":                           "use one of auto, github, gitlab[:VARIABLE]",
		"githup":                     "githup is not a token source",
		"github:x":                   "accepts nothing after a colon",
		"gitlab:":                    "gitlab:VARIABLE",
		"gitlab:A-B":                 "is not a valid name",
		"kubernetes:":                "kubernetes:PATH",
		"file":                       "file:PATH",
		"file:":                      "file:PATH",
		"file:a\x1bb":                "do not print",
		"env":                        "env:NAME",
		"env:SSO_EXEC_CLIENT_SECRET": "the client's secret",
		"env:" + good(wanted):        "is not a valid name",
		"spiffe":                     "spiffe:PATH",
		"command:":                   "command:CMD",
		"command:  ":                 "no command",
		"command:a 'b":               "open quote",
		"auto:x":                     "not a token source",
		good(wanted):                 "that is not a token source",
		canary + ":x":                "that is not a token source",
	} {
		s, err := Parse(spec, at(t, nil))
		clean(t, err)
		if err == nil || s != nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", spec, err, words)
		}
	}
	for _, name := range Names() {
		if name != "auto" && strings.ContainsAny(name, " \t") {
			t.Errorf("%q cannot be completed", name)
		}
	}
}

// The order of auto, and that what is set up badly ends the search.
func TestAuto(t *testing.T) {
	pod := func(env Env) { put(t, env.Root, serviceAccountToken, podToken("web", "u", now)) }
	google := func(env Env) { put(t, env.Root, gcpFirmware, "Google") }
	microsoft := func(env Env) { put(t, env.Root, azureFirmware, azureTag) }
	all := func(env Env) { pod(env); google(env); microsoft(env) }
	file := put(t, t.TempDir(), "federated", good(wanted))
	for name, c := range map[string]struct {
		vars  map[string]string
		lay   func(Env)
		want  string // the source, or
		words string // the error
	}{
		"nothing":      {nil, nil, "", "looked for: GitHub Actions"},
		"GitHub first": {githubJob("https://x.example/?a=b"), all, "github", ""},
		"GitHub, not allowed": {map[string]string{"GITHUB_ACTIONS": "true", "AWS_WEB_IDENTITY_TOKEN_FILE": file}, all, "",
			"id-token: write"},
		"GitLab":                  {map[string]string{"GITLAB_CI": "true", GitLabVariable: good(wanted)}, all, "gitlab", ""},
		"GitLab, without a token": {map[string]string{"GITLAB_CI": "true"}, all, "", "id_tokens:"},
		"AKS":                     {map[string]string{"AZURE_FEDERATED_TOKEN_FILE": file}, all, "file:" + file, ""},
		"EKS":                     {map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file}, all, "file:" + file, ""},
		"EKS, file gone": {map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token"}, all, "",
			"no file /nonexistent/token"},
		"a pod":                {nil, all, "kubernetes", ""},
		"Google":               {nil, google, "gcp", ""},
		"Azure":                {nil, microsoft, "azure", ""},
		"Google before Azure":  {map[string]string{azureHostVar: azureIMDS}, google, "gcp", ""},
		"another CI, in a pod": {map[string]string{"JENKINS_URL": "x"}, pod, "kubernetes", ""},
	} {
		env := at(t, c.vars)
		if c.lay != nil {
			c.lay(env)
		}
		s, err := Parse("auto", env)
		clean(t, err)
		switch {
		case c.want != "" && (err != nil || s.Name() != c.want):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		case c.want == "" && (kind(err) != "not here" || !strings.Contains(said(err), c.words)):
			t.Errorf("%s: %v %v, want %q", name, s, said(err), c.words)
		}
	}
}

func TestCI(t *testing.T) {
	for _, c := range []struct{ variable, value, name, source string }{
		{"NONE", "x", "", ""},
		{"GITHUB_ACTIONS", "true", "GitHub Actions", "github"},
		{"GITLAB_CI", "true", "GitLab CI", "gitlab"},
		{"GITLAB_CI", "false", "", ""},
		{"CI", "0", "", ""},
		{"JENKINS_URL", "https://j.example", "Jenkins", ""},
		{"BUILDKITE", "true", "Buildkite", "command:buildkite-agent oidc request-token --audience AUDIENCE"},
		{"CIRCLECI", "true", "CircleCI", "env:CIRCLE_OIDC_TOKEN_V2"},
		{"TF_BUILD", "True", "Azure Pipelines", ""},
		{"TEAMCITY_VERSION", "2025.1", "TeamCity", ""},
		{"BITBUCKET_BUILD_NUMBER", "12", "Bitbucket Pipelines", "env:BITBUCKET_STEP_OIDC_TOKEN"},
		{"CODEBUILD_BUILD_ID", "p:1", "AWS CodeBuild", ""},
		{"CI", "true", "a CI job", ""},
	} {
		env := at(t, map[string]string{c.variable: c.value, "CIRCLE_OIDC_TOKEN_V2": "t", "BITBUCKET_STEP_OIDC_TOKEN": "t"})
		name, source := CI(env)
		if name != c.name || source != c.source {
			t.Errorf("%s=%s: %q, %q", c.variable, c.value, name, source)
		}
		if source != "" { // and it is one
			parse(t, source, env)
		}
		if (env.job() == nil) != (name == "") {
			t.Errorf("%s: job %v", c.variable, env.job())
		}
	}
}
