package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// Dialect is the provider's: the one that is named, else the one by the issuer.
func (o *Resolved) Dialect() *flows.Dialect {
	if o.center != nil {
		return o.center.Dialect
	}
	if d := dialect.Named(o.Provider.Dialect); d != nil {
		return d
	}
	return dialect.Of(o.Provider.Issuer)
}

// Spoken is the dialect that the provider turned out to have, for hints.
func (o *Resolved) Spoken() *flows.Dialect {
	if o.FoundOut != nil {
		return o.FoundOut()
	}
	return o.Dialect()
}

// SettleDialect gives the settings that follow from the provider: its issuer
// where it has one for everybody, or one for each organization; and where it may
// lead a browser back to. Doing it twice changes nothing.
func (o *Resolved) SettleDialect() {
	c := session.Config{Issuer: o.Provider.Issuer, Dialect: o.Dialect(), Organization: o.Provider.Organization}.Settled()
	o.Provider.Issuer = c.Issuer
	if !o.From.Said("redirect-uri") {
		o.SignIn.RedirectURIs = c.RedirectURIs
	}
}

// checkDialect tells settings that mean nothing to the provider: they would be
// passed over in silence.
func (o *Resolved) checkDialect() error {
	d := o.Dialect()
	if d.NoOpenID && o.Target.TokenType == credential.IDToken {
		return fault.InUsage(fmt.Errorf("--token-type id: %s has no ID tokens", d.Title),
			"leave it out: the access token is taken then")
	}
	if d.CheckIssuer != nil && o.Provider.Issuer != "" {
		if err := d.CheckIssuer(o.Provider.Issuer); err != nil {
			return fault.InUsage(err, "see "+fault.Page("providers/"+d.Name+".md"), "for another product: --provider oidc")
		}
	}
	if slices.Contains(d.Lacks, "client_secret") && o.SecretInVariable() != "" {
		return fault.InUsage(fmt.Errorf("%s is set, but %s has no client secrets: its API key would be sent as one",
			SecretVariable, d.Title), "unset it")
	}
	for _, name := range lacking(d) {
		if o.From.Said(name) && !Find(name).IsEmpty(&o.Settings) {
			return fault.InUsage(fmt.Errorf("--%s: %s does not support it", name, d.Title), "leave it out, also in the profile")
		}
	}
	return nil
}

// lacking are the names of the flags that mean nothing to a provider.
func lacking(d *flows.Dialect) (names []string) {
	for _, setting := range d.Lacks {
		switch setting {
		case "client_secret":
			names = append(names, "client-secret-file", "client-secret-command", "client-secret-fd")
		case "acr_values":
			names = append(names, "acr")
		default:
			names = append(names, strings.ReplaceAll(setting, "_", "-"))
		}
	}
	return names
}

// NameOf is how the command calls a setting that the flows speak of; see
// [flows.Names].
func NameOf(setting string) string {
	if setting == "client_secret" {
		return "--client-secret-file"
	}
	return "--" + strings.ReplaceAll(setting, "_", "-")
}
