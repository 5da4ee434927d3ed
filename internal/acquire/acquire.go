// Package acquire is the use case: settings in, credential out. It makes a session of
// settings, with what it signs in and authenticates by, and the steps that derive
// from its token what is wanted: a token for somebody else, a role's keys.
package acquire

import (
	"context"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// Credential is what the settings ask for; keys: a role's AWS keys. cached tells
// whether it was stored, and good enough.
func Credential(ctx context.Context, o *settings.Resolved, by Caller, keys bool) (c credential.Credential, cached bool,
	err error) {
	s, err := Open(o, by)
	if err != nil {
		return c, false, err
	}
	return Obtain(ctx, s, Need(o, s, keys))
}

// Cached is Credential where a stored file can answer alone. On anything out of the
// ordinary it is false, and says nothing.
func Cached(o *settings.Resolved, keys bool) (c credential.Credential, until time.Time, ok bool) {
	if !plain(o) || o.Obey() != nil {
		return c, until, false
	}
	damaged := false
	s := &session.Session{Request: Request(o), Dialect: o.Dialect(), Started: time.Now(),
		Limits: session.LimitsOf(o.Policy),
		Store:  cache.Open(o.Storage.CacheDir, func(string) { damaged = true })}
	need := Need(o, s, keys)
	c, ok, err := s.Cached(need)
	return c, s.Until(need, c), ok && err == nil && !damaged
}

// plain reports whether nothing is asked for but an answer, and something may be stored.
func plain(o *settings.Resolved) bool {
	loud := o.Report.Explain || o.Report.Verbose || o.Report.LogLevel != "warn"
	return !o.Target.Force && !loud && o.Storage.Store != "none" && o.Storage.CacheDir != ""
}

// Obtain returns what a session has stored if that is good enough, else asks for it.
func Obtain(ctx context.Context, s *session.Session, need session.Need) (c credential.Credential, cached bool,
	err error) {
	if c, cached, err = s.Cached(need); err == nil && (!cached || need.Force) {
		cached = false
		c, err = s.Credential(ctx, need)
	}
	if err == nil {
		err = s.RecordCached()
	}
	return c, cached, err
}

// config is the part of the settings that the cache's keys are made of.
func config(o *settings.Resolved) session.Config {
	c := session.Config{
		Issuer: o.Provider.Issuer, ClientID: o.Provider.ClientID, Dialect: o.Dialect(),
		Scopes: o.Target.Scopes, Audience: o.Target.Audience, Resources: o.Target.Resources,
		Organization: o.Provider.Organization, Label: o.Provider.Session, Identity: o.Provider.Identity, Grant: grantKey(o),
		LoginHint: o.SignIn.LoginHint, AuthParams: o.SignIn.AuthParams, StepUp: o.StepUp(),
		Roots: o.ExtraRoots().Pem, RootsHash: o.ExtraRoots().Hash,
	}
	centerConfig(o, &c)
	return c
}

// Request is what the cache's keys are made of.
func Request(o *settings.Resolved) cache.Request { return config(o).Request() }

// Need is what the settings ask of a session: which token, how long it must last, and
// what is derived from it, one step after the other.
func Need(o *settings.Resolved, s *session.Session, keys bool) session.Need {
	steps := exchangeSteps(o, s)
	registry := o.ECR()
	if keys || registry != nil {
		steps = append(steps, awsSteps(o, s)...)
	}
	if registry != nil {
		steps = append(steps, ecrStep(o, s, *registry))
	}
	switch o.Tool {
	case settings.ToolEKS:
		steps = append(steps, eksStep(o))
	case settings.ToolGKE:
		steps = append(steps, gkeStep(o, s))
	}
	ttl := session.TokenTTL
	if o.Tool == settings.ToolAWS {
		ttl = awsTTL
	}
	ttl.Exact = o.Target.MinTTL
	return session.Need{TokenType: o.Target.TokenType, MinTTL: ttl, Force: o.Target.Force, Steps: steps,
		StepUp: o.StepUp()}
}
