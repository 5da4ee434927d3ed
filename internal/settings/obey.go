package settings

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is how settings obey the system's policy.

// worksAnyway reports whether the command gives no credential.
func (o *Resolved) worksAnyway() bool {
	return slices.Contains([]string{ToolLogout, ToolStatus, ToolDoctor}, o.Tool)
}

// bound reports whether there is a policy that the command obeys: those that give no
// credential work under any.
func (o *Resolved) bound() bool {
	return o.Policy != nil && !o.worksAnyway()
}

// readPolicy reads the policy, before anything else counts. A command that gives no
// credential works under any, and says what is wrong with it.
func (o *Resolved) readPolicy() error {
	return o.ReadPolicy(o.worksAnyway())
}

// ReadPolicy is that; tolerant: a policy that cannot be used is a warning.
func (o *Resolved) ReadPolicy(tolerant bool) (err error) {
	if o.obeying {
		return nil
	}
	if o.Policy, err = policy.Load(); err != nil {
		if !tolerant {
			return err
		}
		talk.Warn(err)
	}
	o.obeying = true
	if p := o.Policy; p != nil && p.HelpersDenied {
		environ.PinPrograms()
	}
	if p := o.Policy; p != nil && p.OverridesDenied {
		return environ.Pin()
	}
	return nil
}

// ConfigPaths are the config files that count.
func (o *Resolved) ConfigPaths() config.Paths {
	if o.systemOnly || o.bound() && o.Policy.OverridesDenied {
		return config.Paths{System: config.SystemPath()}
	}
	return config.DefaultPaths(o.Source.Config)
}

// CheckOverrides refuses settings of flags and variables where the policy has them come
// from the system's config.
func (o *Resolved) CheckOverrides() error {
	if !o.bound() || !o.Policy.OverridesDenied {
		return nil
	}
	forbid := func(what string) error {
		var free []string
		for _, name := range With(Free) {
			if Find(name).Of(o.Tool) {
				free = append(free, "--"+strings.Replace(name, "interactive", "interactive never", 1))
			}
		}
		return o.Policy.Forbid("overrides", what, "settings come from "+config.SystemPath()+"; allowed: "+
			strings.Join(free, ", "))
	}
	for _, r := range table {
		switch {
		case !o.From.Given(r.Name):
		case !r.Is(Free):
			return forbid(o.From.Where(r.Name))
		case r.Name == "interactive" && o.SignIn.Interactive != "never":
			return forbid(o.From.Where(r.Name) + ", unless it is never")
		}
	}
	if os.Getenv(SecretVariable) != "" {
		return forbid("variable " + SecretVariable)
	}
	return nil
}

// Reread obeys the policy as it is now, for a run that takes long.
func (o *Resolved) Reread() error {
	o.obeying = false
	if err := o.readPolicy(); err != nil {
		return err
	}
	return o.CheckOverrides()
}

// Obey tells what the policy forbids of the settings, and keeps those of the redirect
// URIs that it allows; a store that nobody chose is the first one allowed.
func (o *Resolved) Obey() error {
	if err := o.readPolicy(); err != nil || !o.bound() {
		return err
	}
	for _, r := range table {
		if r.Rule == "" || !o.has(r) {
			continue
		}
		if err := o.obeys(r); err != nil {
			return err
		}
	}
	return nil
}

// Effect is what a rule of the policy changes for these settings.
type Effect struct {
	policy.Said
	Here    string // in words
	Forbids bool   // something that these settings ask for
}

// Effects says for each rule of the policy what it changes here.
func (o *Resolved) Effects() (all []Effect) {
	for _, said := range o.Policy.Said() {
		e := Effect{Said: said, Here: said.Help}
		var err error
		switch said.Rule {
		case "overrides":
			e.Here = "only " + config.SystemPath() + " is read; flags and variables of settings are refused"
			err = o.CheckOverrides()
		case "agents":
			e.Here, e.Forbids = o.agentEffect()
		}
		for _, r := range table {
			if r.Rule != said.Rule || err != nil {
				continue
			}
			value := r.Text(&o.Settings)
			if err = o.obeys(r); err == nil && value != "" && r.Rule != "helpers" {
				e.Here = r.Name + " " + value + ": allowed"
				if now := r.Text(&o.Settings); now != value {
					e.Here = r.Name + ": " + strings.ReplaceAll(now, ",", ", ") + " in place of " + value
				}
			}
		}
		if err != nil {
			e.Here, e.Forbids = err.Error(), true
		}
		all = append(all, e)
	}
	return all
}

func (o *Resolved) obeys(r *Row) (err error) {
	p, value := o.Policy, r.Get(&o.Settings)
	switch r.Rule {
	case "api-keys":
		if o.APIKey != "" {
			return p.AllowAPIKey(false)
		}
	case "helpers":
		if o.isForeignHelper(r, value[0]) {
			return p.AllowHelper(fmt.Sprintf("--%s (%s)", r.Name, o.From.Where(r.Name)))
		}
	case "hosts":
		if ecr := o.ECR(); ecr != nil {
			if at, err := ECREndpoint(*ecr); err != nil || at != ecr.Endpoint && p.AllowURL(at) != nil {
				return cmp.Or(err, p.AllowURL(at))
			}
		}
		if o.AWS.STSEndpoint != "" && (o.From.Said(r.Name) || o.stsByVariable) {
			return p.AllowURL(o.AWS.STSEndpoint)
		}
	case "stores":
		if !o.From.Said(r.Name) && p.Allow(r.Rule, value[0]) != nil { // as auto is one of the flows
			o.Storage.Store = p.Stores[0]
			return nil
		}
		return p.Allow(r.Rule, value[0])
	default:
		if o.APIKey != "" || !o.NeedsProvider() { // of no provider
			return nil
		}
		return o.obeysOfSignIn(r, value)
	}
	return nil
}

// obeysOfSignIn is obeys for the rules about a provider, and about people.
func (o *Resolved) obeysOfSignIn(r *Row, value []string) (err error) {
	human := o.Provider.Identity != credential.Service
	switch {
	case r.Rule == "redirect-ports" && human:
		o.SignIn.RedirectURIs, err = o.Policy.Redirects(value)
		return err
	case r.Rule == "redirect-ports", r.Rule == "flows" && (!human || value[0] == "auto"),
		r.Rule != "organizations" && value[0] == "": // which is another error
		return nil
	}
	if err := o.Policy.Allow(r.Rule, value[0]); err != nil || r.Rule != "organizations" || o.Policy.Organizations == nil {
		return err
	}
	for _, param := range slices.Concat(o.SignIn.AuthParams, o.Exchange.Params) { // no token may tell of it
		name, v, _ := strings.Cut(param, "=")
		if strings.HasPrefix(strings.ToLower(name), "org") && v != value[0] {
			return o.Policy.Forbid(r.Rule, fmt.Sprintf("parameter %q together with organization %q", param, value[0]),
				"leave it out")
		}
	}
	return nil
}

// LeaveOutHelpers has a command that works under any policy run no program that the
// policy denies.
func (o *Resolved) LeaveOutHelpers() {
	p, rule := o.Policy, "helpers"
	if p == nil || o.bound() || !p.HelpersDenied && !p.OverridesDenied {
		return
	}
	if !p.HelpersDenied {
		rule = "overrides"
	}
	for _, r := range table {
		if r.Rule == "helpers" && r.Of(o.Tool) && o.isForeignHelper(r, r.Get(&o.Settings)[0]) {
			talk.Warn(p.Forbid(rule, fmt.Sprintf("--%s (%s), which is left out", r.Name, o.From.Where(r.Name)), ""))
			_ = r.Set(&o.Settings, "") // which no setting of a program refuses
		}
	}
}

// isForeignHelper reports whether a setting names a program, and not the system's config
// did.
func (o *Resolved) isForeignHelper(r *Row, value string) bool {
	from := o.From[r.Name]
	switch {
	case value == "" || from.By == ByDefault || from.By == ByProfile && from.At.Layer == config.System:
		return false
	case r.Kind == TokenFrom:
		return strings.HasPrefix(value, "command:")
	}
	return value != browser.None
}
