// Package dialect has how providers differ from the standards, as data: a row, or a
// file, a provider. [Named] finds one by its name, [Of] by an issuer. What a row can
// say is [flows.Dialect]; a program that needs another one makes a value of that type.
//
// The package is v0: names may still change between minor versions.
package dialect

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// All returns the dialects, the standard's first. The table is read-only.
func All() []*flows.Dialect { return all }

var all = []*flows.Dialect{
	standard, workOS, authKit, okta, entra, google, auth0, keycloak, dex, pingone, cognito, gitlab, gitHub,
}

// standard is the dialect of a provider that keeps to the standards.
var standard = &flows.Dialect{
	Name: "oidc", Title: "OpenID Connect",
	Documents: flows.DocumentsLacking, Recognize: dexByMetadata, Ended: dexEnded,
}

// Named returns a dialect by its name, nil if there is none.
func Named(name string) *flows.Dialect {
	for _, d := range all {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Of recognizes a dialect by the issuer's host, where nobody else can have that;
// else it is the standard's.
func Of(issuer string) *flows.Dialect {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" {
		return standard
	}
	host := strings.ToLower(u.Hostname())
	for _, d := range all {
		if slices.ContainsFunc(d.Hosts, func(h string) bool { return isHost(h, host) }) {
			return d
		}
	}
	return standard
}

// isHost reports whether a host is the one, or one of those, that a pattern of
// [flows.Dialect.Hosts] stands for.
func isHost(pattern, host string) bool {
	if strings.HasPrefix(pattern, ".") {
		return strings.HasSuffix(host, pattern)
	}
	want, have := strings.Split(pattern, "."), strings.Split(host, ".")
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || w == "*" && h != "" })
}

// fixedPorts are the redirect URIs of a provider that compares ports: three, so
// that one is free where others are taken. All of them are to be registered.
func fixedPorts(host string) []string {
	return []string{"http://" + host + ":8400/callback", "http://" + host + ":8401/callback",
		"http://" + host + ":8402/callback"}
}

// lazyRegexp is an expression that is compiled when it is used: a cached answer,
// which needs none, has no time for it.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// siteOf is a URL without its path.
func siteOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Scheme + "://" + u.Host
}

func verifyErrorf(format string, args ...any) error {
	return &flows.VerifyError{Err: fmt.Errorf(format, args...)}
}

// identifyOf is who signed in by the ID token, which must be of the organization
// that was asked for: the parameter of the request is no more than a wish.
func identifyOf(ctx context.Context, p *flows.Provider, set *credential.TokenSet, _ flows.Fields,
	want flows.Expect) (credential.Identity, error) {
	if set.IDToken.IsZero() {
		return credential.Identity{}, verifyErrorf("the provider gave no ID token, though openid was asked for")
	}
	who, err := p.VerifyIDToken(ctx, set, want)
	if err == nil {
		err = p.SameOrganization(set, want)
	}
	return who, err
}

// verifyOf checks a refresh's answer in the same way. One without an ID token
// tells nothing new: the refresh token is bound to the organization.
func verifyOf(ctx context.Context, p *flows.Provider, set *credential.TokenSet, want flows.Expect) error {
	if set.IDToken.IsZero() {
		return nil
	}
	_, err := identifyOf(ctx, p, set, nil, want)
	return err
}
