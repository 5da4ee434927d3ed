package workload

import (
	"errors"

	"github.com/sso-exec/sso-exec/flows"
)

// serviceAccountToken is where a pod's own token is mounted by default.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// newKubernetes takes a pod's service-account token, by default the one for the API
// server, or one that is projected with an audience (Kubernetes documentation:
// "Configure Service Accounts for Pods", service account token volume
// projection). The kubelet puts a new one in its place when four fifths of its
// life are over, so it is read again each time.
func newKubernetes(b base, path string) (Source, error) {
	if path == "" {
		path = b.env.system(serviceAccountToken)
	} else {
		path = b.env.given(path)
	}
	return &held{base: b, what: "the service-account token in " + flows.Clean(path, 200), hints: projection, owners: who,
		there: func() error {
			err := b.fileThere(path)
			if missing, ok := errors.AsType[*NotHereError](err); ok {
				missing.Hints = projection("AUDIENCE")
			}
			return err
		},
		read: func(string) (string, error) { return b.readToken(path, true) }}, nil
}

// projection is what gives a pod a token for an audience.
func projection(audience string) []string {
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
