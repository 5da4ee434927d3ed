// Package acquire puts a session together from settings: how it signs in, what it
// authenticates with, what is derived from its token.
package acquire

import (
	"context"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

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

// config is the part of the settings that the cache's keys are made of.
func config(o *settings.Resolved) session.Config {
	return session.Config{
		Issuer: o.Provider.Issuer, ClientID: o.Provider.ClientID, Dialect: o.Dialect(),
		Scopes: o.Target.Scopes, Audience: o.Target.Audience, Resources: o.Target.Resources,
		Organization: o.Provider.Organization, Label: o.Provider.Session, Identity: o.Provider.Identity, Grant: grantKey(o),
		LoginHint: o.SignIn.LoginHint, AuthParams: o.SignIn.AuthParams, StepUp: o.StepUp(),
		Roots: o.ExtraRoots().Pem, RootsHash: o.ExtraRoots().Hash,
	}
}

// Request is what the cache's keys are made of.
func Request(o *settings.Resolved) cache.Request { return config(o).Request() }

// Need is what the command asks of the session.
func Need(o *settings.Resolved, steps []session.Step) session.Need {
	ttl := session.TokenTTL
	if o.Tool == settings.ToolAWS {
		ttl = awsTTL
	}
	ttl.Exact = o.Target.MinTTL
	return session.Need{TokenType: o.Target.TokenType, MinTTL: ttl, Force: o.Target.Force, Steps: steps, StepUp: o.StepUp()}
}
