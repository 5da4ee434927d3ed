package settings

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/workforce"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file is the clusters of Google's and Azure's.

// checkGKE tells what is wrong with how Google's STS is to be asked.
func (o *Resolved) checkGKE() error {
	if o.GKE.WorkforceProvider == "" {
		return fault.InUsage(errors.New("which workforce provider is it?"), "give --workforce-provider POOL/PROVIDER")
	}
	if o.Provider.Identity != credential.Service && o.Target.TokenType != credential.IDToken && !o.Exchanges() {
		return fault.InUsage(errors.New("--token-type access: Google's STS accepts only an ID token"),
			"leave it out; a provider without ID tokens cannot be used")
	}
	return cmp.Or(o.checkRow("workforce-provider"), o.checkRow("workforce-user-project"),
		o.checkRow("impersonate"))
}

// Workforce is what Google's STS is asked for.
func (o *Resolved) Workforce() workforce.Request {
	audience, _ := workforce.Audience(o.GKE.WorkforceProvider) // it was checked
	return workforce.Request{Audience: audience, UserProject: o.GKE.UserProject, ServiceAccount: o.GKE.ServiceAccount}
}

// The applications of Azure's own: the API servers of AKS, and the public client that may
// ask for their tokens (Azure/kubelogin).
const (
	aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630"
	aksClient = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"
)

// settleAKS has the token be for the API server alone: Entra ID gives none for two.
func (o *Resolved) settleAKS() {
	if o.Provider.ClientID == "" && o.Provider.Identity != credential.Service && !isServiceFlow(o.SignIn.Flow) {
		_ = o.Set("client-id", ByFlag, aksClient) // as if it were given: hints need it
		if !o.From.Said("redirect-uri") {
			_ = o.Set("redirect-uri", ByFlag, "http://localhost:0") // its own, to which a path is another
		}
	}
	if !o.From.Given("scope") {
		o.Target.Scopes = []string{o.AKS.ServerID + "/.default"}
	}
}

// checkAKS tells what is wrong with how Entra ID is to be asked.
func (o *Resolved) checkAKS() error {
	if d := o.Dialect(); d.Name != "entra" {
		return fault.InUsage(fmt.Errorf("AKS knows people by Entra ID, and this provider is %s", d.Title),
			"give --issuer https://login.microsoftonline.com/TENANT/v2.0, or a profile that has it")
	}
	if o.From.Given("scope") {
		return fault.InUsage(errors.New("--scope: aks asks for the API server's own"), "leave it out; see --server-id")
	}
	if o.Target.TokenType == credential.IDToken {
		return fault.InUsage(errors.New("--token-type id: the API server of AKS accepts only access tokens"), "leave it out")
	}
	return o.checkRow("server-id")
}
