package acquire

import (
	"cmp"
	"context"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// This file is a host's own token, or a cluster's. It comes by an exchange of the session's where the
// provider has that (RFC 8693), else the authorization server is asked for it by
// parameters: of the same session where the refresh token is not bound to them, else
// of a sign-in of its own.

// ways are the settings by which the token of the host that is asked for may be had.
func ways(o *settings.Resolved) []*settings.Resolved {
	t := o.HostTarget()
	if !t.OwnToken() {
		return []*settings.Resolved{o}
	}
	own, free := *o, o.Dialect().Free
	own.Target.TokenType = cmp.Or(t.TokenType, o.Target.TokenType)
	own.From = o.From.Clone()
	set := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			_ = own.Set(name, settings.ByFlag, values...) // as texts: they cannot be wrong
		}
	}
	set("audience", t.Audience)
	set("resource", t.Resources...)
	set("scope", t.Scopes...)
	bound := t.Audience != "" && !free.Audience || len(t.Resources) > 0 && !free.Resources ||
		len(t.Scopes) > 0 && !free.Scopes
	if o.Provider.Identity == credential.Service || !bound || t.ByParameters {
		return []*settings.Resolved{&own}
	}
	by := *o
	by.Target.TokenType = own.Target.TokenType
	by.Exchange.Audiences, by.Exchange.Resources, by.Exchange.Scopes = nil, t.Resources, t.Scopes
	if t.Audience != "" {
		by.Exchange.Audiences = []string{t.Audience}
	}
	return []*settings.Resolved{&by, &own}
}

// ForHost returns the settings of the token for the host that is asked for. Only
// where the host has a token of its own is the provider's metadata looked at.
func ForHost(ctx context.Context, o *settings.Resolved, by Caller) (*settings.Resolved, error) {
	all := ways(o)
	if len(all) == 1 || o.Exchanges() {
		return all[0], nil
	}
	s, err := Open(o, by)
	if err != nil {
		return nil, err
	}
	p, err := s.Provider(ctx)
	if err != nil {
		return nil, err
	}
	if p.CanExchange() {
		return all[0], nil
	}
	return all[1], nil
}

// CachedForHost is [Cached] for the host that is asked for.
func CachedForHost(o *settings.Resolved, keys bool) (c credential.Credential, until time.Time, ok bool) {
	for _, way := range ways(o) {
		if c, until, ok = Cached(way, keys); ok {
			break
		}
	}
	return c, until, ok
}

// Reject drops the stored token of the host that is asked for, if it is this one:
// the host has refused it. again: that was done a moment ago already.
func Reject(ctx context.Context, o *settings.Resolved, by Caller, token credential.Secret) (again bool, err error) {
	for _, way := range ways(o) {
		s, err := Open(way, by)
		if err != nil {
			return false, err
		}
		if s.Store == nil {
			continue
		}
		if again, err := s.Reject(ctx, Need(way, s, false), token); again || err != nil {
			return again, err
		}
	}
	return false, nil
}
