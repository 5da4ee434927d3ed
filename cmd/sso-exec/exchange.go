package main

import (
	"context"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
)

// exchanges reports whether the session's token is to be exchanged for another
// one (RFC 8693).
func (o *options) exchanges() bool {
	return len(o.exchangeAudiences)+len(o.exchangeResources)+len(o.exchangeScopes) > 0 || o.exchangeTokenType != "" && o.flow != flows.FlowTokenExchange
}

// exchangeTokenTypeOf is the URN of what is asked for; empty: the server chooses.
func (o *options) exchangeTokenTypeOf() string {
	urn, _ := flows.TokenTypeURN(o.exchangeTokenType)
	return urn
}

// exchangeSteps is the link of the chain that trades the session's token for one
// that is good elsewhere, and only there.
func exchangeSteps(o *options, s *session.Session) []session.Step {
	if !o.exchanges() {
		return nil
	}
	subjectType := flows.TokenTypeAccess
	if o.tokenType == credential.IDToken {
		subjectType = flows.TokenTypeID
	}
	if o.flow == flows.FlowWorkload { // the platform's own token, a JWT from most
		subjectType = flows.TokenTypeJWT
		if urn, ok := flows.TokenTypeURN(o.subjectTokenType); ok {
			subjectType = urn
		}
	}
	actor := o.actorTokenFrom
	if o.flow == flows.FlowTokenExchange { // it was for that one
		actor = ""
	}
	request := flows.Exchange{Requested: o.exchangeTokenTypeOf(), Audiences: o.exchangeAudiences, Resources: o.exchangeResources, Scopes: o.exchangeScopes, Params: paramsOf(o.exchangeParams)}
	return []session.Step{{
		Kind:   "token-exchange",
		Params: []any{subjectType, request.Requested, request.Audiences, request.Resources, request.Scopes, actor, principal(actor), o.actorTokenType, o.actorAudience(actor), o.exchangeParams},
		For:    strings.Join(append(append([]string{}, o.exchangeAudiences...), o.exchangeResources...), ", "),
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			var none credential.Credential
			p, err := s.Provider(ctx)
			if err != nil {
				return none, err
			}
			client, err := s.Client(ctx)
			if err != nil {
				return none, err
			}
			e := request
			e.Subject = flows.TypedToken{Token: token.Token, Type: subjectType}
			if e.Actor, err = o.actor(ctx, actor); err != nil {
				return none, err
			}
			set, err := p.Exchange(ctx, client, e)
			if err != nil {
				return none, err
			}
			return credential.Credential{Token: set.AccessToken, TokenType: set.TokenType, IssuedAt: set.IssuedAt, ExpiresAt: set.ExpiresAt}, nil
		},
	}}
}

// serviceExchange is the exchange by which a service gets its token.
func (o *options) serviceExchange(ctx context.Context, target flows.Target) (flows.Exchange, error) {
	e := flows.Exchange{Requested: o.exchangeTokenTypeOf(), Resources: target.Resources, Scopes: target.Scopes, Params: target.Params}
	if target.Audience != "" {
		e.Audiences = []string{target.Audience}
	}
	own, err := o.subjectToken(ctx)
	if err != nil {
		return e, err
	}
	e.Subject = flows.TypedToken{Token: own.Value, Type: own.Type}
	if urn, ok := flows.TokenTypeURN(o.subjectTokenType); ok {
		e.Subject.Type = urn
	}
	e.Actor, err = o.actor(ctx, o.actorTokenFrom)
	return e, err
}

// actorAudience is whom the actor's token is to be for: who takes it.
func (o *options) actorAudience(spec string) string {
	if o.subjectTokenAudience != "" || spec == "" || isGiven(spec) {
		return o.subjectTokenAudience
	}
	return o.issuer
}

// actor is the token of who acts for the subject; zero if nobody does.
func (o *options) actor(ctx context.Context, spec string) (flows.TypedToken, error) {
	if spec == "" {
		return flows.TypedToken{}, nil
	}
	own, err := o.tokenFrom(ctx, spec, o.actorAudience(spec))
	if err != nil {
		return flows.TypedToken{}, err
	}
	typed := flows.TypedToken{Token: own.Value, Type: own.Type}
	if urn, ok := flows.TokenTypeURN(o.actorTokenType); ok {
		typed.Type = urn
	}
	return typed, nil
}
