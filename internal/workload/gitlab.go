package workload

import (
	"cmp"
	"context"
	"fmt"
	"regexp"

	"github.com/sso-exec/sso-exec/flows"
)

// gitlab takes the ID token that GitLab puts into a job's variable (GitLab
// documentation: "OpenID Connect (OIDC) Authentication Using ID Tokens"). The
// name and the audience stand in .gitlab-ci.yml; the token lives as long as the
// job may.
type gitlab struct {
	base
	variable string
}

// gitlabVariable is the variable's name where none is given.
const gitlabVariable = "SSO_EXEC_ID_TOKEN"

func newGitLab(b base, variable string) (Source, error) {
	if variable == "" {
		variable = gitlabVariable
	}
	if err := checkVariable(variable); err != nil {
		return nil, err
	}
	return &gitlab{b, variable}, nil
}

func (s *gitlab) FixedAudience() bool { return true }

func (s *gitlab) Available() error {
	_, err := s.read("AUDIENCE")
	return err
}

func (s *gitlab) read(audience string) (string, error) {
	if !s.env.on("GITLAB_CI") {
		return "", s.notHere("this is no job of GitLab CI (GITLAB_CI is not set)")
	}
	value := s.env.Getenv(s.variable)
	if value == "" {
		return "", s.notHere("the job has no variable "+s.variable, s.yaml(audience)...)
	}
	token, err := tokenIn([]byte(value))
	if err == nil {
		_, err = parseJWT(token)
	}
	if err != nil {
		return "", s.notHere("what is in "+s.variable+" is no ID token: "+err.Error(), s.yaml(audience)...)
	}
	return token, nil
}

func (s *gitlab) Token(_ context.Context, audience string) (Token, error) {
	token, err := s.read(cmp.Or(audience, "AUDIENCE"))
	if err != nil {
		return Token{}, err
	}
	return s.fixed("the ID token in "+s.variable, token, audience, func() []string { return s.yaml(audience) })
}

// Principal is a hash of the token: each job has one of its own.
func (s *gitlab) Principal() (string, error) {
	token, err := s.read("AUDIENCE")
	if err != nil {
		return "", err
	}
	return principal("sha256", hash(token)), nil
}

// yaml is what gives a job its token.
func (s *gitlab) yaml(audience string) []string {
	return []string{
		"give the job an ID token, in .gitlab-ci.yml:",
		"  id_tokens:",
		"    " + s.variable + ":",
		"      aud: " + yamlWord(audience),
	}
}

// yamlWord writes a value so that YAML reads it as a string.
func yamlWord(s string) string {
	s = flows.Clean(s, 500)
	if regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/:-]*[A-Za-z0-9/]$`).MatchString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
