package settings

import (
	"errors"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// Exchanges reports whether the session's token is to be exchanged for another
// one (RFC 8693).
func (o *Resolved) Exchanges() bool {
	return len(o.Exchange.Audiences)+len(o.Exchange.Resources)+len(o.Exchange.Scopes) > 0 ||
		o.Exchange.TokenType != "" && o.SignIn.Flow != flows.FlowTokenExchange
}

// OfService reports whether a profile is a service's.
func OfService(profile map[string]config.Value) bool {
	is := func(key string, service func(string) bool) bool {
		return slices.ContainsFunc(profile[key].Values, service)
	}
	return is("identity", func(v string) bool { return v == credential.Service }) || is("flow", isServiceFlow)
}

// This file is how a service gets a token: nobody is prompted, here or anywhere.

// serviceFlows are the flows of services.
var serviceFlows = []string{flows.FlowClientCredentials, flows.FlowTokenExchange, flows.FlowJWTBearer,
	flows.FlowWorkload}

func isServiceFlow(flow string) bool { return slices.Contains(serviceFlows, flow) }

// settleIdentity decides whose sign-in it is, where that is not said, and how a
// service signs in.
func (o *Resolved) settleIdentity() {
	if o.Provider.Identity == "" {
		o.Provider.Identity = credential.Human
		if isServiceFlow(o.SignIn.Flow) {
			o.Provider.Identity = credential.Service
		}
	}
	if o.Provider.Identity == credential.Service && o.SignIn.Flow == flows.FlowAuto {
		o.SignIn.Flow = flows.FlowClientCredentials
		if o.Workload.SubjectFrom != "" && o.Provider.Issuer == "" {
			o.SignIn.Flow = flows.FlowWorkload
		}
	}
}

// checkIdentity tells what is wrong with the settings of a service, and keeps
// people and services apart.
func (o *Resolved) checkIdentity() error {
	service := o.Provider.Identity == credential.Service
	switch {
	case !service && isServiceFlow(o.SignIn.Flow):
		return fault.InUsage(errors.New("--flow "+o.SignIn.Flow+": that flow is not for people"),
			"leave out --identity human, or the flow")
	case service && !isServiceFlow(o.SignIn.Flow):
		return fault.InUsage(errors.New("--flow "+o.SignIn.Flow+": a service never opens a browser or prompts"),
			"name one of its own flows: "+strings.Join(serviceFlows, ", "))

	case service && o.Target.TokenType == credential.IDToken:
		return fault.InUsage(errors.New("--token-type id: a service has no ID token"),
			"leave it out, or exchange its access token for one: --exchange-token-type id_token")
	case o.Workload.ActorFrom != "" && o.SignIn.Flow != flows.FlowTokenExchange && !o.Exchanges():
		return fault.Usagef("--actor-token-from: it needs a token exchange")
	case service && o.SignIn.Flow != flows.FlowClientCredentials && o.Workload.SubjectFrom == "":
		return fault.InUsage(errors.New("--flow "+o.SignIn.Flow+": which token is it made from?"),
			"give --subject-token-from: "+strings.Join(workload.Names(), ", "))
	case o.Exchanges() && o.Provider.Issuer == "":
		return fault.InUsage(errors.New("an exchange needs a provider that makes it"),
			"give --issuer URL, and --client-id ID if it knows its clients; or leave out --exchange-…")
	case o.SignIn.Flow == flows.FlowClientCredentials && !o.HasCredential() &&
		!slices.Contains([]string{ToolStatus, ToolWhoami, ToolLogout, ToolDoctor}, o.Tool):
		return fault.InUsage(errors.New("--flow client-credentials: the service has no credential"),
			"give it one: --client-secret-file, --client-key-file or --subject-token-from")

	case !service && o.Workload.SubjectFrom != "":
		return fault.InUsage(errors.New("--subject-token-from: that is a service's, and this is a person's sign-in"),
			"name the service's flow: --flow "+strings.Join(serviceFlows, ", "))
	}
	for _, spec := range []string{o.Workload.SubjectFrom, o.Workload.ActorFrom} {
		if spec == "" {
			continue
		}
		if _, err := workload.Parse(spec, workload.Env{}); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, name := range []string{"subject-token-type", "actor-token-type"} {
		if err := o.checkRow(name); err != nil {
			return err
		}
	}
	return o.checkClient()
}

// NeedsProvider reports whether there is a server to be asked for a token.
func (o *Resolved) NeedsProvider() bool { return o.SignIn.Flow != flows.FlowWorkload }

// NeedsClientID reports whether the client must be registered at the provider.
// RFC 8693 §2.1 and RFC 7523 §2.1 leave that to the server.
func (o *Resolved) NeedsClientID() bool {
	return o.center == nil && o.NeedsProvider() && o.SignIn.Flow != flows.FlowTokenExchange &&
		o.SignIn.Flow != flows.FlowJWTBearer
}

// checkAPIKey tells what is wrong with the settings of a command that is to hand
// out an API key: all that it needs is the key's name. People sign in.
func (o *Resolved) checkAPIKey() error {
	if err := apikeys.CheckAPIKeyName(o.APIKey); err != nil {
		return err
	}
	switch {
	case o.From.Said("identity") && o.Provider.Identity == credential.Human:
		return fault.InUsage(errors.New("API keys are for services, and this is a person's profile (identity: human)"),
			"people sign in: "+LoginCommand(o, "identity"))
	case o.From.Said("token-type") && o.Target.TokenType == credential.IDToken:
		return fault.Usagef("--token-type id: API keys are not ID tokens")
	case o.Storage.CacheDir == "":
		return NoHome("no place in which API keys could be", "name the place with --cache-dir")
	}
	return nil
}
