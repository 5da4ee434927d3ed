package kube

import (
	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// defaultUsers say which name a user entry has.
var defaultUsers = map[string]string{settings.ToolEKS: "the cluster's", settings.ToolGKE: "gke",
	settings.ToolAKS: "aks"}

// tools are those that kubectl calls.
var tools = []string{settings.ToolKube, settings.ToolEKS, settings.ToolGKE, settings.ToolAKS}

// NewEKS makes the command that has kubectl call sso-exec for a cluster of Amazon EKS.
func NewEKS() *cobra.Command {
	return newCloud(settings.ToolEKS, "kube-cluster", &cobra.Command{
		Short: "have kubectl call sso-exec for a cluster of Amazon EKS",
		Long: `Write the user entry that has kubectl call sso-exec eks for a cluster of Amazon
EKS, as setup kube does. The address and the CA of the cluster are in the
kubeconfig already: aws eks update-kubeconfig writes them. Its user entry, which
runs the AWS CLI, is replaced where --user names it, and --replace is given.`,
		Example: `  sso-exec setup eks --profile aws-dev --cluster prod --region eu-central-1 \
    --context prod
  sso-exec setup eks --profile aws-dev --cluster prod --region eu-central-1 \
    --user arn:aws:eks:eu-central-1:123456789012:cluster/prod --replace
  sso-exec setup eks --cluster prod --remove`,
	})
}

// NewGKE makes the command that does so for clusters of Google's GKE.
func NewGKE() *cobra.Command {
	return newCloud(settings.ToolGKE, "cluster", &cobra.Command{
		Short: "have kubectl call sso-exec for clusters of Google's GKE",
		Long: `Write the user entry that has kubectl call sso-exec gke, as setup kube does. It
serves every cluster that the same workforce provider is known to. The address
and the CA of a cluster are in the kubeconfig already: gcloud container clusters
get-credentials writes them.`,
		Example: `  sso-exec setup gke --profile corp --workforce-provider corp-pool/corp
  sso-exec setup gke --profile corp --workforce-provider corp-pool/corp \
    --context gke_acme_europe-west3_prod --replace
  sso-exec setup gke --remove`,
	})
}

// NewAKS makes the command that does so for clusters of Azure's AKS.
func NewAKS() *cobra.Command {
	return newCloud(settings.ToolAKS, "cluster", &cobra.Command{
		Short: "have kubectl call sso-exec for clusters of Azure's AKS",
		Long: `Write the user entry that has kubectl call sso-exec aks, as setup kube does. It
serves every cluster of the tenant that knows people by Entra ID. The address
and the CA of a cluster are in the kubeconfig already: az aks get-credentials
writes them.`,
		Example: `  sso-exec setup aks --issuer https://login.microsoftonline.com/TENANT/v2.0
  sso-exec setup aks --profile azure --context prod --replace
  sso-exec setup aks --remove`,
	})
}

// newCloud makes the command for a cloud's clusters; cluster is the flag for the
// kubeconfig's name of one.
func newCloud(tool, cluster string, cmd *cobra.Command) *cobra.Command {
	s := &kubeSetup{o: settings.For(tool), line: map[string]bool{}}
	cmd.Use, cmd.Args = tool, command.NoArgs
	return s.command(cmd, cluster)
}
