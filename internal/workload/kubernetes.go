package workload

import (
	"context"
	"errors"

	"github.com/sso-exec/sso-exec/flows"
)

// serviceAccountToken is where a pod's own token is mounted by default.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// kubernetes takes a pod's service-account token, by default the one for the API
// server, or one that is projected with an audience (Kubernetes documentation:
// "Configure Service Accounts for Pods", service account token volume
// projection). The kubelet puts a new one in its place when four fifths of its
// life are over, so it is read anew each time.
type kubernetes struct {
	base
	path string
}

func newKubernetes(b base, path string) (Source, error) {
	if path == "" {
		return &kubernetes{b, b.env.system(serviceAccountToken)}, nil
	}
	return &kubernetes{b, b.env.given(path)}, nil
}

func (s *kubernetes) FixedAudience() bool { return true }

func (s *kubernetes) Available() error {
	err := s.fileThere(s.path)
	if missing, ok := errors.AsType[*NotHereError](err); ok {
		missing.Hints = s.projection("AUDIENCE")
	}
	return err
}

func (s *kubernetes) Token(_ context.Context, audience string) (Token, error) {
	token, err := s.readToken(s.path, true)
	if err != nil {
		return Token{}, err
	}
	return s.fixed("the service-account token in "+flows.Clean(s.path, 200), token, audience,
		func() []string { return s.projection(audience) })
}

func (s *kubernetes) Principal() (string, error) {
	token, err := s.readToken(s.path, true)
	if err != nil {
		return "", err
	}
	return principal(who(token)...), nil
}

// projection is what gives a pod a token for an audience.
func (s *kubernetes) projection(audience string) []string {
	return []string{
		"give the pod a token for that audience, and mount it (volumeMounts, mountPath: /var/run/secrets/sso-exec):",
		"  volumes:",
		"  - name: sso-exec",
		"    projected:",
		"      sources:",
		"      - serviceAccountToken: {path: token, audience: " + yamlWord(audience) + "}",
		"then: --subject-token-from kubernetes:/var/run/secrets/sso-exec/token",
	}
}
