package workload

import (
	"cmp"
	"fmt"
	"regexp"

	"github.com/sso-exec/sso-exec/flows"
)

// GitLabVariable is the variable's name where none is given.
const GitLabVariable = "SSO_EXEC_ID_TOKEN"

// newGitLab takes the ID token that GitLab puts into a job's variable (GitLab
// documentation: "OpenID Connect (OIDC) Authentication Using ID Tokens"). The
// name and the audience stand in .gitlab-ci.yml; the token lives as long as the
// job may, and each job has one of its own.
func newGitLab(b base, variable string) (Source, error) {
	variable = cmp.Or(variable, GitLabVariable)
	if err := checkVariable(variable); err != nil {
		return nil, err
	}
	yaml := func(audience string) []string {
		return []string{
			"give the job an ID token, in .gitlab-ci.yml:",
			"  id_tokens:",
			"    " + variable + ":",
			"      aud: " + yamlWord(audience),
		}
	}
	return &held{base: b, what: "the ID token in " + variable, hints: yaml, owners: hashed,
		read: func(audience string) (string, error) {
			if !b.env.on("GITLAB_CI") {
				return "", b.notHere("this is not a GitLab CI job (GITLAB_CI is not set)")
			}
			value := b.env.Getenv(variable)
			if value == "" {
				return "", b.notHere("the job has no variable "+variable, yaml(audience)...)
			}
			token, err := tokenIn([]byte(value))
			if err == nil {
				_, err = parseJWT(token)
			}
			if err != nil {
				return "", b.notHere("the value of "+variable+" is not an ID token: "+err.Error(), yaml(audience)...)
			}
			return token, nil
		}}, nil
}

// yamlWord writes a value so that YAML reads it as a string.
func yamlWord(s string) string {
	s = flows.Clean(s, 500)
	if regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/:-]*[A-Za-z0-9/]$`).MatchString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
