package provider

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is how an issuer is found from what a person knows of a provider.

// isAddress reports whether an argument is an address of a provider and not a profile's
// name: names that are there come first.
func (p *providerSetup) isAddress(arg string) bool {
	return !p.Remove && !p.byFlag.Typed("issuer") && !p.exists(arg) &&
		(strings.ContainsAny(arg, ".:/") || len(arg) == 36 && strings.Count(arg, "-") == 4) // a tenant of Entra ID
}

// find sets the issuer that an address means. Only the host that was named is asked, and
// it gets a request for metadata and no more: what it says of another host is not followed.
func (p *providerSetup) find(ctx context.Context, address string) error {
	o := p.o
	list, err := dialect.Issuers(address, dialect.Named(o.Provider.Dialect))
	if err != nil {
		return fault.InUsage(err, "give a host, or the https URL of the provider")
	}
	if policy := o.Policy; policy != nil && len(policy.Issuers) > 0 { // then there is nothing to guess
		list = allowed(policy.Issuers, list)
	}
	o.Provider.Issuer = list[0]
	o.MarkGiven("issuer")
	o.SettleDialect()
	check := o.Dialect().CheckIssuer
	if o.Dialect().NoMetadata || len(list) == 1 && (check == nil || check(list[0]) == nil) {
		return nil
	}
	if err := p.early(); err != nil && check == nil { // else it may be about a spelling
		return err
	}
	s, err := acquire.Open(o, acquire.Caller{})
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 2*o.Network.Timeout)
	defer cancel()
	found, err := p.first(within, s.HTTP, list)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	o.Provider.Issuer = cmp.Or(found, list[0])
	o.SettleDialect()
	return nil
}

// first returns the issuer that the first metadata among candidates names; empty: there
// is none, or it is another host's.
func (p *providerSetup) first(ctx context.Context, hc *http.Client, list []string) (string, error) {
	for i, issuer := range list {
		c := look(ctx, hc, issuer)
		switch {
		case c.issuer == issuer, c.isSpelling(issuer):
		case c.status == 0 && i == 0, c.issuer != "": // which Discover says better
			return "", nil
		default:
			continue
		}
		if base, ok := strings.CutSuffix(c.issuer, dialect.AdminRealm); ok && i > 0 {
			return p.realm(base)
		}
		return c.issuer, nil
	}
	return "", nil
}

// realm asks for a realm of a Keycloak.
func (p *providerSetup) realm(base string) (string, error) {
	if !p.asks {
		return "", fault.InUsage(fmt.Errorf("%s is a Keycloak: which realm?", talk.HostOf(base)),
			talk.Paste("sso-exec", "setup", "provider", base+"/realms/NAME"))
	}
	for {
		name, err := p.ask(talk.HostOf(base)+" is a Keycloak. Realm", "")
		if err != nil || name != "" {
			return base + "/realms/" + url.PathEscape(name), err
		}
	}
}

// allowed are the issuers of a policy that are on the hosts of candidates; else the first
// candidate, about which the policy says why not.
func allowed(issuers, list []string) (all []string) {
	for _, issuer := range issuers {
		if slices.ContainsFunc(list, func(c string) bool { return talk.HostOf(c) == talk.HostOf(issuer) }) {
			all = append(all, issuer)
		}
	}
	if len(all) == 0 {
		return list[:1]
	}
	return all
}

// recognize takes over the dialect that the metadata gives away, where none was named: it
// becomes a setting of the profile if it is one.
func (p *providerSetup) recognize(provider *flows.Provider) error {
	o := p.o
	p.words = provider.Dialect
	d := dialect.ByMetadata(provider.Metadata)
	if d == nil || o.Provider.Dialect != "" || provider.Dialect.Name == d.Name && d.Name != "oidc" {
		return nil
	}
	p.words = d
	if d.Name == "oidc" || p.has != nil {
		return nil
	}
	o.Provider.Dialect = d.Name
	o.MarkGiven("provider")
	o.SettleDialect()
	provider.Dialect = d
	return p.early()
}

// early tells what else is wrong with the settings, before the network is asked. The
// client ID comes later: who has none yet is told first what to register.
func (p *providerSetup) early() error {
	early := *p.o
	early.Provider.ClientID = cmp.Or(early.Provider.ClientID, "-")
	return early.Check()
}

// scopes that are offered where the provider has them, with what they are for.
var offered = [][2]string{
	{"email", "your address: the user name in Kubernetes and most tools"},
	{"groups", "your groups: what a cluster's role bindings name"},
}

// askScopes offers scopes, if none were named.
func (p *providerSetup) askScopes(provider *flows.Provider) error {
	o := p.o
	if o.From.Said("scope") || provider.Dialect.NoOpenID {
		return nil
	}
	var has []string
	for _, s := range offered {
		if slices.Contains(provider.ScopesSupported, s[0]) {
			p.say("- ", s[0]+": "+s[1])
			has = append(has, s[0])
		}
	}
	if len(has) == 0 {
		return nil
	}
	if !p.asks {
		p.say("", "To ask for them: --scope "+strings.Join(has, ","))
		fmt.Fprintln(talk.Stderr)
		return nil
	}
	defer fmt.Fprintln(talk.Stderr)
	line, err := p.ask("Scopes to request in addition to openid (none: no others)", strings.Join(has, ","))
	if err != nil {
		return err
	}
	if line == "none" {
		return nil
	}
	o.Target.Scopes = strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' })
	o.MarkGiven("scope")
	return nil
}
