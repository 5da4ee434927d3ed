package acquire

import (
	"context"
	"net/http"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// exchangeTokenTypeOf is the URN of what is asked for; empty: the server chooses.
func exchangeTokenTypeOf(o *settings.Resolved) string {
	urn, _ := flows.TokenTypeURN(o.Exchange.TokenType)
	return urn
}

// typeOr is the URN of a type of token, if that is one, or else the other's.
func typeOr(name, other string) string {
	if urn, ok := flows.TokenTypeURN(name); ok {
		return urn
	}
	return other
}

// exchangeSteps is the link of the chain that trades the session's token for one
// that is good elsewhere, and only there.
func exchangeSteps(o *settings.Resolved, s *session.Session) []session.Step {
	if !o.Exchanges() {
		return nil
	}
	subjectType := flows.TokenTypeAccess
	if o.Target.TokenType == credential.IDToken {
		subjectType = flows.TokenTypeID
	}
	if o.SignIn.Flow == flows.FlowWorkload { // the platform's own token, a JWT from most
		subjectType = typeOr(o.Workload.SubjectType, flows.TokenTypeJWT)
	}
	actor := o.Workload.ActorFrom
	if o.SignIn.Flow == flows.FlowTokenExchange { // it was for that one
		actor = ""
	}
	request := flows.Exchange{Requested: exchangeTokenTypeOf(o), Audiences: o.Exchange.Audiences,
		Resources: o.Exchange.Resources, Scopes: o.Exchange.Scopes, Params: session.Params(o.Exchange.Params)}
	return []session.Step{{
		Kind: "token-exchange",
		Params: []any{subjectType, request.Requested, request.Audiences, request.Resources, request.Scopes, actor,
			principal(actor), o.Workload.ActorType, actorAudience(o, actor), o.Exchange.Params},
		For: strings.Join(append(append([]string{}, o.Exchange.Audiences...), o.Exchange.Resources...), ", "),
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			var none credential.Credential
			p, client, err := s.AtProvider(ctx)
			if err != nil {
				return none, err
			}
			e := request
			e.Subject = flows.TypedToken{Token: token.Token, Type: subjectType}
			if e.Actor, err = actorToken(ctx, o, s.HTTP, actor); err != nil {
				return none, err
			}
			set, err := p.Exchange(ctx, client, e)
			if err != nil {
				return none, err
			}
			return credential.Credential{Token: set.AccessToken, TokenType: set.TokenType, IssuedAt: set.IssuedAt,
				ExpiresAt: set.ExpiresAt}, nil
		},
	}}
}

// serviceExchange is the exchange by which a service gets its token.
func serviceExchange(
	ctx context.Context, o *settings.Resolved, hc *http.Client, target flows.Target,
) (flows.Exchange, error) {
	e := flows.Exchange{Requested: exchangeTokenTypeOf(o), Resources: target.Resources, Scopes: target.Scopes,
		Params: target.Params}
	if target.Audience != "" {
		e.Audiences = []string{target.Audience}
	}
	own, err := subjectToken(ctx, o, hc)
	if err != nil {
		return e, err
	}
	e.Subject = flows.TypedToken{Token: own.Value, Type: typeOr(o.Workload.SubjectType, own.Type)}
	e.Actor, err = actorToken(ctx, o, hc, o.Workload.ActorFrom)
	return e, err
}

// actorAudience is whom the actor's token is to be for: who takes it.
func actorAudience(o *settings.Resolved, spec string) string {
	if o.Workload.SubjectAudience != "" || spec == "" || isGiven(spec) {
		return o.Workload.SubjectAudience
	}
	return o.Provider.Issuer
}

// actorToken is the token of who acts for the subject; zero if nobody does.
func actorToken(ctx context.Context, o *settings.Resolved, hc *http.Client, spec string) (flows.TypedToken, error) {
	if spec == "" {
		return flows.TypedToken{}, nil
	}
	own, err := tokenFrom(ctx, o, hc, spec, actorAudience(o, spec))
	return flows.TypedToken{Token: own.Value, Type: typeOr(o.Workload.ActorType, own.Type)}, err
}
