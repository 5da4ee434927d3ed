package settings

import (
	"os"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/settings/target"
	"github.com/sso-exec/sso-exec/plugin"
)

// HasClusters reports whether the profile has clusters with tokens of their own.
func (o *Resolved) HasClusters() bool { return len(o.Clusters.Values) > 0 }

// Cluster is what a Kubernetes client says of the cluster that the token is for.
func (o *Resolved) Cluster() (c plugin.KubeCluster) {
	if o.Tool == ToolKube && o.HasClusters() {
		c = plugin.KubeClusterOf(os.Getenv("KUBERNETES_EXEC_INFO"))
	}
	return c
}

// clusterTarget is the token of the cluster that is asked for. An ID token is for this
// client whatever is asked, so that one for another audience is an access token.
func (o *Resolved) clusterTarget() target.Target {
	t := o.Clusters.Target(o.Cluster())
	if t.OwnToken() && !t.ByParameters && !o.From.Said("token-type") {
		t.TokenType = credential.AccessToken
	}
	return t
}
