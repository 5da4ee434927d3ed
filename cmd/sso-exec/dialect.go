package main

import "github.com/sso-exec/sso-exec/flows"

// dialect is the provider's: the one that is named, else the one by the issuer.
func (o *options) dialect() *flows.Dialect {
	if d := flows.DialectNamed(o.provider); d != nil {
		return d
	}
	return flows.DialectOf(o.issuer)
}

// providerNames are the values of --provider.
func providerNames() (names []string) {
	for _, d := range flows.Dialects() {
		names = append(names, d.Name)
	}
	return names
}
