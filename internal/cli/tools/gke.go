package tools

import "github.com/sso-exec/sso-exec/internal/settings"

var gke = &tool{
	name: settings.ToolGKE, short: "print an ExecCredential for a cluster of Google's GKE",
	long: `Print an ExecCredential for a cluster of Google's GKE: the token that Google's
STS gives for your ID token (workforce identity federation), or that of a
service account which you may impersonate.`,
	example: `  # in a kubeconfig
  users:
  - name: gke
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: sso-exec
        args: [gke, --profile=corp, --workforce-provider=corp-pool/corp]
        interactiveMode: IfAvailable`,
	by: kube.by, byName: true, check: checkKube, encode: encodeKube,
}
