// Package acquire puts a session together from settings: how it signs in, what it
// authenticates with, what is derived from its token.
package acquire

import (
	"context"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// providerKey names the provider's metadata and keys in the cache. Where they are
// of the client, as WorkOS's keys, its ID is a part of that.
func providerKey(o *settings.Resolved) string {
	name := o.Dialect().Name
	if o.Dialect().NoMetadata {
		name += " " + o.Provider.ClientID
	}
	return cache.ProviderKey(o.Provider.Issuer, name, o.ExtraRoots().Hash)
}

// Chain is what is derived from a session's token, one after the other: keys says
// that a role's AWS keys are wanted.
func Chain(o *settings.Resolved, s *session.Session, keys bool) []session.Step {
	steps := ExchangeSteps(o, s)
	if keys {
		steps = append(steps, awsSteps(o, s)...)
	}
	return steps
}

// Obtain returns the stored credential if it is good enough, else a new one.
func Obtain(ctx context.Context, s *session.Session, need session.Need) (credential.Credential, error) {
	c, ok, err := s.Cached(need)
	if err != nil || ok && !need.Force {
		return c, err
	}
	return s.Credential(ctx, need)
}

// params are the further parameters of the authorization request, or of a
// service's request for a token.
func params(o *settings.Resolved) []flows.Param { return paramsOf(o.SignIn.AuthParams) }

func paramsOf(list []string) (params []flows.Param) {
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		params = append(params, flows.Param{Name: name, Value: value})
	}
	return params
}

// Request is the part of the settings that the cache's keys are made of.
func Request(o *settings.Resolved) cache.Request {
	r := cache.Request{
		Issuer: o.Provider.Issuer, ClientID: o.Provider.ClientID, Label: o.Provider.Session, Identity: o.Provider.Identity, Grant: grantKey(o),
		Scopes:   slices.DeleteFunc(slices.Clone(o.Target.Scopes), func(s string) bool { return s == "openid" || s == "offline_access" }),
		Audience: o.Target.Audience, Resources: o.Target.Resources, Organization: o.OrganizationAsked(),
		AuthParams: o.StepUpParams(), Roots: o.ExtraRoots().Hash,
	}
	r.Free = cache.Free(o.Dialect().Free)
	for _, kv := range o.SignIn.AuthParams {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(displayParams, name) {
			r.Account = append(r.Account, kv)
		}
	}
	if o.SignIn.LoginHint != "" {
		r.Account = append(r.Account, "login_hint="+o.SignIn.LoginHint)
	}
	return r
}

// displayParams are authorization parameters that change how a sign-in looks
// (OpenID Connect Core §3.1.2.1). Any other may choose whose sign-in it is.
var displayParams = []string{"prompt", "display", "ui_locales"}

// Need is what the command asks of the session.
func Need(o *settings.Resolved, steps []session.Step) session.Need {
	ttl := session.TokenTTL
	if o.Tool == settings.ToolAWS {
		ttl = awsTTL
	}
	ttl.Exact = o.Target.MinTTL
	return session.Need{TokenType: o.Target.TokenType, MinTTL: ttl, Force: o.Target.Force, Steps: steps, StepUp: o.StepUp()}
}
