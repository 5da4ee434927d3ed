package tools

import "github.com/sso-exec/sso-exec/internal/settings"

var aks = &tool{
	name: settings.ToolAKS, short: "print an ExecCredential for a cluster of Azure's AKS",
	long: `Print an ExecCredential for a cluster of Azure's AKS that knows people by Entra
ID: the access token for its API server, as Azure's kubelogin gets it. Without
--client-id it is asked for by Azure's own public client.`,
	example: `  # in a kubeconfig
  users:
  - name: aks
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: sso-exec
        args: [aks, --issuer=https://login.microsoftonline.com/TENANT/v2.0]
        interactiveMode: IfAvailable`,
	by: kube.by, byName: true, check: checkKube, encode: encodeKube,
}
