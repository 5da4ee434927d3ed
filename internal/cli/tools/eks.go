package tools

import (
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/settings"
)

var eks = &tool{
	name: settings.ToolEKS, short: "print an ExecCredential for a cluster of Amazon EKS",
	long: `Print an ExecCredential for a cluster of Amazon EKS: the token that aws eks
get-token makes, with the keys of the role that the profile names. Both are
cached; the token is made here, without the network, and lasts 14 minutes.`,
	example: `  # in a kubeconfig
  users:
  - name: prod
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: sso-exec
        args: [eks, --profile=aws-dev, --cluster=prod, --region=eu-central-1]
        interactiveMode: IfAvailable`,
	by: kube.by, byName: true, keys: true, check: checkKube,
	// The client is told the token's very end, not one a tenth of a life before.
	encode: func(o *settings.Resolved, token credential.Credential) ([]byte, error) {
		token.IssuedAt = token.ExpiresAt
		return encodeKube(o, token)
	},
}
