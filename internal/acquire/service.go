package acquire

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// grantKey is the part of the session's key that tells services apart: the grant,
// and whose token it is made from. What cannot be determined here is found out when the
// token is asked for.
func grantKey(o *settings.Resolved) []string {
	if o.Provider.Identity != credential.Service {
		return nil
	}
	if o.Workload.SubjectFrom == "" {
		return []string{o.SignIn.Flow}
	}
	parts := []string{o.SignIn.Flow, o.Workload.SubjectFrom, subjectAudience(o)}
	if o.SignIn.Flow == flows.FlowTokenExchange {
		parts = append(parts, o.Workload.SubjectType, o.Workload.ActorFrom, o.Workload.ActorType,
			principal(o.Workload.ActorFrom), exchangeTokenTypeOf(o))
	}
	return append(parts, principal(o.Workload.SubjectFrom))
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
	who, _ := source.Principal() // empty with an error
	return who
}

// newGrant is a service's way to a token.
func newGrant(o *settings.Resolved, s *session.Session) *session.Grant {
	return &session.Grant{Flow: o.SignIn.Flow, Tokens: func(ctx context.Context) (*flows.Result, error) {
		if o.SignIn.Flow == flows.FlowWorkload {
			return ownToken(ctx, o, s.HTTP)
		}
		p, client, err := s.AtProvider(ctx)
		if err != nil {
			return nil, err
		}
		who := credential.Identity{Issuer: o.Provider.Issuer, Subject: o.Provider.ClientID}
		target := flows.Target{Scopes: Request(o).Scopes, Audience: o.Target.Audience, Resources: o.Target.Resources,
			Organization: o.Provider.Organization, Params: session.Params(o.SignIn.AuthParams)}
		var set *credential.TokenSet
		switch o.SignIn.Flow {
		case flows.FlowClientCredentials:
			set, err = p.ClientCredentials(ctx, client, target)
		case flows.FlowJWTBearer:
			var own workload.Token
			if own, err = subjectToken(ctx, o, s.HTTP); err == nil {
				who.Subject = cmp.Or(subjectOf(own.Value), who.Subject)
				set, err = p.JWTBearer(ctx, client, own.Value, target)
			}
		default:
			var e flows.Exchange
			if e, err = serviceExchange(ctx, o, s.HTTP, target); err == nil {
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
func ownToken(ctx context.Context, o *settings.Resolved, hc *http.Client) (*flows.Result, error) {
	sent := time.Now().UTC()
	own, err := subjectToken(ctx, o, hc)
	if err != nil {
		return nil, err
	}
	return &flows.Result{
		Tokens: &credential.TokenSet{AccessToken: own.Value, TokenType: "Bearer", IssuedAt: sent, ExpiresAt: own.Expires},
		Identity: credential.Identity{Issuer: o.Provider.Issuer,
			Subject: cmp.Or(subjectOf(own.Value), o.Workload.SubjectFrom)},
	}, nil
}

// subjectToken asks the source for the workload's own token.
func subjectToken(ctx context.Context, o *settings.Resolved, hc *http.Client) (workload.Token, error) {
	return tokenFrom(ctx, o, hc, o.Workload.SubjectFrom, subjectAudience(o))
}

func tokenFrom(ctx context.Context, o *settings.Resolved, hc *http.Client, spec, audience string) (workload.Token,
	error) {
	source, err := workload.Parse(spec, workload.Env{HTTP: hc, Environ: helperEnvironment(o)})
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
func subjectAudience(o *settings.Resolved) string {
	switch {
	case o.Workload.SubjectAudience != "":
		return o.Workload.SubjectAudience
	case isGiven(o.Workload.SubjectFrom): // what it is for is between those who issue and who take it
		return ""
	case o.NeedsProvider() && o.SignIn.Flow == flows.FlowClientCredentials && o.Dialect().FederatedAudience != nil:
		return o.Dialect().FederatedAudience(o.Provider.Issuer)
	case o.NeedsProvider():
		return o.Provider.Issuer
	case o.Target.Audience != "":
		return o.Target.Audience
	// of run, and of a profile that has a role
	case o.Tool == settings.ToolAWS, o.AWS.RoleARN != "" &&
		!o.AsksByHost() && o.Tool != settings.ToolKube && o.Tool != settings.ToolToken:
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
type assertion struct {
	o  *settings.Resolved
	hc *http.Client
}

func (a assertion) Assert(ctx context.Context, _ string, _ *flows.Provider) (credential.Secret, error) {
	own, err := subjectToken(ctx, a.o, a.hc)
	return own.Value, err
}

// subjectOf reads whom a JWT speaks of, for people to see; nothing is verified.
func subjectOf(token credential.Secret) string {
	if subject := Texts(ClaimsOf(token)["sub"]); len(subject) == 1 {
		return flows.Clean(subject[0], 200)
	}
	return ""
}

// ClaimsOf decodes a JWT's claims, without verifying them.
func ClaimsOf(token credential.Secret) (claims map[string]json.RawMessage) {
	credential.PeekClaims(token, &claims)
	return claims
}

// Texts reads a claim that is a string or a list of strings.
func Texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	list := []string{}
	_ = json.Unmarshal(raw, &list)
	return list
}
