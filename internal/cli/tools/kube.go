package tools

import (
	"os"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var kube = &tool{
	name: settings.ToolKube, short: "print a Kubernetes ExecCredential",
	long: `Print an ExecCredential for kubectl and every other client-go program, in the
API version that KUBERNETES_EXEC_INFO asks for. The API server must trust the
provider's ID tokens for this client ID.`,
	example: `  # in a kubeconfig
  users:
  - name: corp
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: sso-exec
        args: [kube, --issuer=https://login.example.com, --client-id=kubernetes]
        interactiveMode: IfAvailable`,
	by:     acquire.Caller{Name: "Kubernetes", StdinTaken: kubeHasStdin},
	encode: encodeKube, check: checkKube,
}

func kubeRequest() (plugin.KubeRequest, error) {
	return plugin.ParseKubeRequest(os.Getenv("KUBERNETES_EXEC_INFO"))
}

// kubeHasStdin reports spec.interactive: false. It says that and no more: a
// browser or a device sign-in is still possible.
func kubeHasStdin() bool {
	req, err := kubeRequest()
	return err == nil && os.Getenv("KUBERNETES_EXEC_INFO") != "" && !req.Interactive
}

func checkKube(*settings.Resolved) error {
	if _, err := kubeRequest(); err != nil {
		return fault.InUsage(err)
	}
	return nil
}

func encodeKube(_ *settings.Resolved, c credential.Credential) ([]byte, error) {
	req, err := kubeRequest()
	if err != nil {
		return nil, err
	}
	return plugin.EncodeExecCredential(req, c)
}
