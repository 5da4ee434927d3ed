package tools

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/settings"
)

var eks = &tool{
	name: settings.ToolEKS, short: "print an ExecCredential for a cluster of Amazon EKS",
	long: `Print an ExecCredential for a cluster of Amazon EKS: the token that aws eks
get-token makes, with the keys of the role that the profile names. They are
cached; the token is made here, without the network.`,
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
	// The keys are a stored file's; of the token nothing is kept.
	encode: func(o *settings.Resolved, keys credential.Credential) ([]byte, error) {
		cluster, err := o.EKSCluster()
		if err != nil {
			return nil, err
		}
		token, err := cluster.Token(context.Background(), keys, time.Now())
		if err != nil {
			return nil, err
		}
		return encodeKube(o, token)
	},
}
