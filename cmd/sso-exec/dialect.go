package main

import (
	"fmt"
	"slices"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// dialect is the provider's: the one that is named, else the one by the issuer.
func (o *options) dialect() *flows.Dialect {
	if d := dialect.Named(o.provider); d != nil {
		return d
	}
	return dialect.Of(o.issuer)
}

// spoken is the dialect that the provider turned out to have, for hints.
func (o *options) spoken() *flows.Dialect {
	if o.live != nil {
		return o.live.Dialect
	}
	return o.dialect()
}

// settleDialect gives the settings that follow from the provider: its issuer
// where it has one for everybody, or one for each organization; and where it may
// lead a browser back to. Doing it twice changes nothing.
func (o *options) settleDialect() {
	d := o.dialect()
	if o.issuer == "" {
		o.issuer = d.Issuer
	}
	if rule := d.Organization; rule.Issuer != nil && o.organization != "" && o.issuer != "" {
		o.issuer = rule.Issuer(o.issuer, o.organization)
	}
	if f := o.flags.Lookup("redirect-uri"); f != nil && !f.Changed {
		o.redirectURIs = []string{anyPort}
		if len(d.RedirectURIs) > 0 {
			o.redirectURIs = d.RedirectURIs
		}
	}
}

// anyPort is the redirect URI where the provider takes any port (RFC 8252 §7.3).
const anyPort = "http://127.0.0.1:0/callback"

// organizationAsked is the organization that the provider is asked for by name;
// where each is an issuer of its own, none is.
func (o *options) organizationAsked() string {
	if o.dialect().Organization.Issuer != nil {
		return ""
	}
	return o.organization
}

// providerKey names the provider's metadata and keys in the cache. Where they are
// of the client, as WorkOS's keys, its ID is a part of that.
func (o *options) providerKey() string {
	name := o.dialect().Name
	if o.dialect().NoMetadata {
		name += " " + o.clientID
	}
	return cache.ProviderKey(o.issuer, name, o.extraRoots().hash)
}

// checkDialect tells settings that mean nothing to the provider: they would be
// passed over in silence.
func (o *options) checkDialect() error {
	d := o.dialect()
	if d.NoOpenID && o.tokenType == credential.IDToken {
		return fault.InUsage(fmt.Errorf("--token-type id: %s has no ID tokens", d.Title), "leave it out: the access token is taken then")
	}
	if d.CheckIssuer != nil && o.issuer != "" {
		if err := d.CheckIssuer(o.issuer); err != nil {
			return fault.InUsage(err, "see docs/providers/"+d.Name+".md; for another product: --provider oidc")
		}
	}
	if slices.Contains(d.Lacks, "client-secret-file") && o.secretInVariable() != "" {
		return fault.InUsage(fmt.Errorf("%s is set, and %s knows no secret of a client: its API key would go out as one", secretVariable, d.Title), "unset it")
	}
	for _, name := range d.Lacks {
		if f := o.flags.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "[]" && (f.Changed || o.given[name]) {
			return fault.InUsage(fmt.Errorf("--%s: %s knows no such thing", name, d.Title), "leave it out, also in the profile")
		}
	}
	return nil
}

// providerNames are the values of --provider.
func providerNames() (names []string) {
	for _, d := range dialect.All() {
		names = append(names, d.Name)
	}
	return names
}
