package settings

import (
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/check"
)

// This file is about whom a run trusts, and which secrets may go there.

// ExtraRoots reads them, once for the same settings.
func (o *Resolved) ExtraRoots() *check.Roots {
	if r := o.roots; r == nil || r.File != o.Network.CAFile || r.Data != o.Network.CAData {
		o.roots = check.ReadRoots(o.Network.CAFile, o.Network.CAData)
	}
	return o.roots
}

// checkProfileSecrets refuses a profile's secret next to a server or a CA that a flag
// or a variable names: a kubeconfig could send it anywhere.
func (o *Resolved) checkProfileSecrets(profile map[string]config.Value) error {
	own := func(name string) string { return strings.Join(profile[name].Values, ",") }
	for _, name := range With(Credential) {
		if own(name) == "" || o.From.Given(name) || strings.HasPrefix(name, "client-secret-") && o.givesSecret() {
			continue
		}
		what := fmt.Sprintf("what profile %q authenticates with (%s)", o.Source.Profile, name)
		for _, to := range []string{"issuer", "provider"} {
			value := Find(to).Get(&o.Settings)[0]
			if o.From.Given(to) && value != own(to) && (to == "issuer" || own("issuer") == "") {
				return fault.InUsage(fmt.Errorf("%s is not for the %s %s", what, to, value),
					"name it together with the "+to+": --"+name+"; or choose another --profile")
			}
		}
		of := check.ReadRoots(own("ca-file"), own("ca-data"))
		o.ProfileHold = &flows.Hold{Whose: what, Extra: append([]byte{}, of.Pem...)}
		by := o.GivenRoots()
		if len(by) == 0 {
			continue
		}
		now := o.rootsWith(profile)
		switch {
		case now.Err != nil:
			return now.Err
		case now.Hash == of.Hash:
		case own("issuer") == "": // what is only handed out goes nowhere
			o.ProfileHold.By = by
		default:
			return fault.InUsage(fmt.Errorf("%s is not sent under the CA of %s (%q)",
				what, strings.Join(by, " and "), flows.OtherRoot(now.Pem, of.Pem)),
				"name that CA in the profile: ca-file: FILE; or leave it out")
		}
	}
	return nil
}

// givesSecret reports whether a flag or a variable has the client's secret.
func (o *Resolved) givesSecret() bool {
	return o.SecretInVariable() != "" || o.From.Given("client-secret-file") || o.From.Given("client-secret-command") ||
		o.From.Given("client-secret-fd")
}

// GivenRoots names the flags and variables that add roots.
func (o *Resolved) GivenRoots() (by []string) {
	for _, name := range []string{"ca-file", "ca-data"} {
		switch {
		case o.From.Typed(name):
			by = append(by, "--"+name)
		case o.From.Given(name):
			by = append(by, VariableOf(name))
		}
	}
	return by
}

// rootsWith are the extra roots that are in force with a profile.
func (o *Resolved) rootsWith(profile map[string]config.Value) *check.Roots {
	file, data := o.Network.CAFile, o.Network.CAData
	if !o.From.Given("ca-file") {
		file = strings.Join(profile["ca-file"].Values, "")
	}
	if !o.From.Given("ca-data") {
		data = strings.Join(profile["ca-data"].Values, "")
	}
	return check.ReadRoots(file, data)
}
