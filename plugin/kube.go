package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// The API group of Kubernetes' exec credential plugins, and the versions that
// client-go speaks (v1alpha1 is gone since 1.24).
const (
	kubeGroup   = "client.authentication.k8s.io/"
	kubeV1      = kubeGroup + "v1"
	kubeV1Beta1 = kubeGroup + "v1beta1"
)

// KubeRequest is what client-go tells a plugin in KUBERNETES_EXEC_INFO.
type KubeRequest struct {
	APIVersion string // to be answered in
	// Interactive is client-go's spec.interactive: false says that stdin is not
	// the plugin's. It says nothing of a browser or a terminal.
	Interactive bool
}

// KubeCluster is the cluster that a credential is for, as client-go tells it where
// provideClusterInfo is set.
type KubeCluster struct {
	Server string // its address; empty: client-go does not tell
	// What the extension client.authentication.k8s.io/exec of its entry asks for.
	Audience string
	Scopes   []string
}

// KubeClusterOf returns the cluster that the value of KUBERNETES_EXEC_INFO is about.
// What is odd there counts as absent.
func KubeClusterOf(env string) KubeCluster {
	var info struct {
		Spec struct {
			Cluster struct {
				Server string
				Config struct {
					Audience string
					Scopes   []string
				}
			}
		}
	}
	_ = json.Unmarshal([]byte(strings.TrimPrefix(env, "\ufeff")), &info)
	c := info.Spec.Cluster
	return KubeCluster{c.Server, c.Config.Audience, c.Config.Scopes}
}

// ParseKubeRequest reads the value of KUBERNETES_EXEC_INFO. An empty one,
// outside kubectl or with an old client, stands for version v1. Only apiVersion
// decides: of what else there is, only spec.interactive is read, and what is odd
// there counts as false.
func ParseKubeRequest(env string) (KubeRequest, error) {
	if env == "" {
		return KubeRequest{APIVersion: kubeV1}, nil
	}
	var info, spec map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(env, "\ufeff")), &info); err != nil {
		if other, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // its own words tell of Go's types
			return KubeRequest{}, fmt.Errorf("KUBERNETES_EXEC_INFO is not an ExecCredential: it is a JSON %s", other.Value)
		}
		return KubeRequest{}, fmt.Errorf("KUBERNETES_EXEC_INFO is not JSON: %w", err)
	}
	var version string
	_ = json.Unmarshal(info["apiVersion"], &version)
	_ = json.Unmarshal(info["spec"], &spec)
	switch version {
	case kubeV1, kubeV1Beta1:
		interactive := strings.Trim(string(spec["interactive"]), `"`) // some clients write it as a string
		return KubeRequest{version, strings.EqualFold(interactive, "true")}, nil
	}
	return KubeRequest{}, fmt.Errorf("KUBERNETES_EXEC_INFO asks for apiVersion %q; use %s (or %s) in the kubeconfig's "+
		"exec stanza", version, kubeV1, kubeV1Beta1)
}

// EncodeExecCredential renders the answer to client-go
// (https://kubernetes.io/docs/reference/config-api/client-authentication.v1/).
//
// client-go uses a token until the very end that it is told, so that end is
// given early: a tenth of the token's life, 30 seconds at most. A token without
// a known end has no expirationTimestamp, and client-go asks again on a 401.
func EncodeExecCredential(req KubeRequest, c credential.Credential) ([]byte, error) {
	type status struct {
		ExpirationTimestamp string `json:"expirationTimestamp,omitempty"`
		Token               string `json:"token"`
	}
	doc := struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Spec       struct{} `json:"spec"`
		Status     status   `json:"status"`
	}{APIVersion: req.APIVersion, Kind: "ExecCredential", Status: status{Token: c.Token.Reveal()}}
	if !c.ExpiresAt.IsZero() {
		doc.Status.ExpirationTimestamp = rfc3339(c.ExpiresAt.Add(-min(c.Life()/10, 30*time.Second)))
	}
	return encode(doc)
}
