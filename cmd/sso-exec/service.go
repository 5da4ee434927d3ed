package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// This file is how a service gets a token: nobody is asked, here or anywhere.

// serviceFlows are the flows of services.
var serviceFlows = []string{flows.FlowClientCredentials, flows.FlowTokenExchange, flows.FlowJWTBearer, flows.FlowWorkload}

func isServiceFlow(flow string) bool { return slices.Contains(serviceFlows, flow) }

// settleIdentity decides whose sign-in it is, where that is not said, and how a
// service signs in.
func (o *options) settleIdentity() {
	if o.identity == "" {
		o.identity = credential.Human
		if isServiceFlow(o.flow) {
			o.identity = credential.Service
		}
	}
	if o.identity == credential.Service && o.flow == flows.FlowAuto {
		o.flow = flows.FlowClientCredentials
		if o.subjectTokenFrom != "" && o.issuer == "" {
			o.flow = flows.FlowWorkload
		}
	}
}

// checkIdentity tells what is wrong with the settings of a service, and keeps
// people and services apart.
func (o *options) checkIdentity() error {
	service := o.identity == credential.Service
	switch {
	case !service && isServiceFlow(o.flow):
		return fault.InUsage(errors.New("--flow "+o.flow+": a person does not sign in so"), "leave out --identity human, or the flow")
	case service && !isServiceFlow(o.flow):
		return fault.InUsage(errors.New("--flow "+o.flow+": a service never opens a browser and asks nobody"),
			"name one of its own flows: "+strings.Join(serviceFlows, ", "))

	case service && o.tokenType == credential.IDToken:
		return fault.InUsage(errors.New("--token-type id: a service has no ID token"), "leave it out, or exchange its access token for one: --exchange-token-type id_token")
	case o.actorTokenFrom != "" && o.flow != flows.FlowTokenExchange && !o.exchanges():
		return fault.Usagef("--actor-token-from: there is no token exchange that it would be for")
	case service && o.flow != flows.FlowClientCredentials && o.subjectTokenFrom == "":
		return fault.InUsage(errors.New("--flow "+o.flow+": which token is it made from?"), "give --subject-token-from: "+strings.Join(workload.Names(), ", "))
	case o.exchanges() && o.issuer == "":
		return fault.InUsage(errors.New("an exchange needs a provider that makes it"), "give --issuer URL, and --client-id ID if it knows its clients; or leave out --exchange-…")
	case o.flow == flows.FlowClientCredentials && !o.hasCredential() && !slices.Contains([]string{toolStatus, toolWhoami, toolLogout}, o.tool):
		return fault.InUsage(errors.New("--flow client-credentials: the service has no credential"),
			"give it one: --client-secret-file, --client-key-file or --subject-token-from")

	case !service && o.subjectTokenFrom != "":
		return fault.InUsage(errors.New("--subject-token-from: that is a service's, and this is a person's sign-in"), "name the service's flow: --flow "+strings.Join(serviceFlows, ", "))
	}
	for _, spec := range []string{o.subjectTokenFrom, o.actorTokenFrom} {
		if spec == "" {
			continue
		}
		if _, err := workload.Parse(spec, workload.Env{}); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, t := range []struct{ flag, value string }{{"subject-token-type", o.subjectTokenType}, {"actor-token-type", o.actorTokenType}, {"exchange-token-type", o.exchangeTokenType}} {
		if err := checkTokenType(t.value); t.value != "" && err != nil {
			return fault.Usagef("--%s %w", t.flag, err)
		}
	}
	return o.checkClient()
}

// needsProvider reports whether there is a server to be asked for a token.
func (o *options) needsProvider() bool { return o.flow != flows.FlowWorkload }

// needsClientID reports whether the client must be registered at the provider.
// RFC 8693 §2.1 and RFC 7523 §2.1 leave that to the server.
func (o *options) needsClientID() bool {
	return o.needsProvider() && o.flow != flows.FlowTokenExchange && o.flow != flows.FlowJWTBearer
}

// grantKey is the part of the session's key that tells services apart: the grant,
// and whose token it is made from. What cannot be told here is found out when the
// token is asked for.
func (o *options) grantKey() []string {
	if o.identity != credential.Service {
		return nil
	}
	if o.subjectTokenFrom == "" {
		return []string{o.flow}
	}
	parts := []string{o.flow, o.subjectTokenFrom, o.subjectAudience()}
	if o.flow == flows.FlowTokenExchange {
		parts = append(parts, o.subjectTokenType, o.actorTokenFrom, o.actorTokenType, principal(o.actorTokenFrom), o.exchangeTokenTypeOf())
	}
	return append(parts, principal(o.subjectTokenFrom))
}

// principal names who a source's token speaks of, as far as that is told without
// the network; empty if it is not.
func principal(spec string) string {
	if spec == "" {
		return ""
	}
	source, err := workload.Parse(spec, workload.Env{})
	if err != nil {
		return ""
	}
	who, err := source.Principal()
	if err != nil {
		return ""
	}
	return who
}

// newGrant is a service's way to a token.
func newGrant(o *options, s *session.Session) *session.Grant {
	return &session.Grant{Flow: o.flow, Tokens: func(ctx context.Context) (*flows.Result, error) {
		if o.flow == flows.FlowWorkload {
			return o.ownToken(ctx)
		}
		p, err := s.Provider(ctx)
		if err != nil {
			return nil, err
		}
		client, err := s.Client(ctx)
		if err != nil {
			return nil, err
		}
		who := credential.Identity{Issuer: o.issuer, Subject: o.clientID}
		target := flows.Target{Scopes: o.request().Scopes, Audience: o.audience, Resources: o.resources, Organization: o.organization, Params: o.params()}
		var set *credential.TokenSet
		switch o.flow {
		case flows.FlowClientCredentials:
			set, err = p.ClientCredentials(ctx, client, target)
		case flows.FlowJWTBearer:
			var own workload.Token
			if own, err = o.subjectToken(ctx); err == nil {
				who.Subject = cmp.Or(subjectOf(own.Value), who.Subject)
				set, err = p.JWTBearer(ctx, client, own.Value, target)
			}
		default:
			var e flows.Exchange
			if e, err = o.serviceExchange(ctx, target); err == nil {
				who.Subject = cmp.Or(subjectOf(e.Subject.Token), who.Subject)
				set, err = p.Exchange(ctx, client, e)
			}
		}
		if err != nil {
			return nil, err
		}
		return &flows.Result{Tokens: set, Identity: who}, nil
	}}
}

// ownToken is the workload's own token as the credential.
func (o *options) ownToken(ctx context.Context) (*flows.Result, error) {
	sent := time.Now().UTC()
	own, err := o.subjectToken(ctx)
	if err != nil {
		return nil, err
	}
	return &flows.Result{
		Tokens:   &credential.TokenSet{AccessToken: own.Value, TokenType: "Bearer", IssuedAt: sent, ExpiresAt: own.Expires},
		Identity: credential.Identity{Issuer: o.issuer, Subject: cmp.Or(subjectOf(own.Value), o.subjectTokenFrom)},
	}, nil
}

// subjectToken asks the source for the workload's own token.
func (o *options) subjectToken(ctx context.Context) (workload.Token, error) {
	return o.tokenFrom(ctx, o.subjectTokenFrom, o.subjectAudience())
}

func (o *options) tokenFrom(ctx context.Context, spec, audience string) (workload.Token, error) {
	source, err := workload.Parse(spec, workload.Env{HTTP: o.http})
	if err != nil {
		return workload.Token{}, local(fault.InUsage(err))
	}
	own, err := source.Token(ctx, audience)
	return own, local(err)
}

// stsAudience is what AWS has workloads' tokens be for, if nothing else is said
// (IAM User Guide, OIDC federation).
const stsAudience = "sts.amazonaws.com"

// subjectAudience is whom the workload's own token is to be for: who takes it.
func (o *options) subjectAudience() string {
	switch {
	case o.subjectTokenAudience != "":
		return o.subjectTokenAudience
	case isGiven(o.subjectTokenFrom): // what it is for is between those who issue and who take it
		return ""
	case o.needsProvider():
		return o.issuer
	case o.audience != "":
		return o.audience
	case o.tool == toolAWS, o.roleARN != "" && o.tool != toolKube && o.tool != toolToken: // of run, and of a profile that has a role
		return stsAudience
	}
	return ""
}

// isGiven reports whether a source is what somebody put there, and not the
// platform itself.
func isGiven(spec string) bool {
	kind, _, _ := strings.Cut(spec, ":")
	return slices.Contains([]string{"file", "env", "command", "spiffe"}, kind)
}

// assertion has a workload's own token be the client assertion (RFC 7523 §2.2).
type assertion struct{ o *options }

func (a assertion) Assert(ctx context.Context, _ string, _ *flows.Provider) (credential.Secret, error) {
	own, err := a.o.subjectToken(ctx)
	return own.Value, err
}

// subjectOf reads whom a JWT speaks of, for people to see; nothing is verified.
func subjectOf(token credential.Secret) string {
	if subject := texts(claimsOf(token)["sub"]); len(subject) == 1 {
		return flows.Clean(subject[0], 200)
	}
	return ""
}

// serviceHints tell how a CI job would get an identity of its own: two lines.
func serviceHints(o *options) []string {
	ci, source := workload.CI(workload.Env{})
	if ci == "" || o.identity != credential.Human {
		return nil
	}
	key, value := "subject-token-from", source
	if source == "" {
		key, value = "client-secret-file", "FILE"
	}
	if o.profile == "" {
		return []string{ci + " can have an identity of its own, with a client ID of its own: add --flow=client-credentials " + quote("--"+key+"="+value)}
	}
	return []string{
		ci + " can have an identity of its own. Give it a profile with a client ID of its own, and these two lines:",
		"flow: client-credentials",
		key + ": " + value,
	}
}
