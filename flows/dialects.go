package flows

import (
	"regexp"
	"sync"
)

// Dialects returns the dialects, the standard's first. The table is read-only.
func Dialects() []*Dialect { return dialects }

// standardName is the dialect of a provider that keeps to the standards.
const standardName = "oidc"

var dialects = []*Dialect{
	{Name: standardName, Title: "OpenID Connect", Ended: dexEnded},
	&workOS, &authKit,
	okta, entra, google, auth0, keycloak, dex, pingone, cognito, gitlab, gitHub,
}

// fixedPorts are the redirect URIs of a provider that compares ports: three, so
// that one is free where others are taken. All of them are to be registered.
func fixedPorts(host string) []string {
	return []string{"http://" + host + ":8400/callback", "http://" + host + ":8401/callback", "http://" + host + ":8402/callback"}
}

// lazyRegexp is an expression that is compiled when it is used: a cached answer,
// which needs none, has no time for it.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
