package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/target"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// FillFromConfig sets what is open then from the profile.
func (o *Resolved) FillFromConfig() error {
	profile, err := LoadProfile(o)
	if err != nil || profile == nil {
		return err
	}
	return o.FillFromProfile(profile.Settings)
}

// FillFromProfile sets what flags and variables left open from a profile. What
// that authenticates with goes to nobody whom they name.
func (o *Resolved) FillFromProfile(profile map[string]config.Value) (err error) {
	if err := o.checkProfileSecrets(profile); err != nil {
		return err
	}
	if OfService(profile) && !o.From.Given("identity") { // whatever flow a flag or a variable names
		o.Provider.Identity = credential.Service
	}
	if role := profile["aws.role-arn"].Values; !Find("role-arn").Of(o.Tool) && len(role) == 1 {
		o.AWS.RoleARN = role[0] // for people: what the profile is good for
	}
	account, name := profile["aws.account-id"].Values, profile["aws.role-name"].Values
	if !Find("role-name").Of(o.Tool) && len(account) == 1 && len(name) == 1 {
		o.AWS.AccountID, o.AWS.RoleName = account[0], name[0] // likewise
	}
	o.holdHosts(profile["hosts"])
	o.Clusters = target.Clusters(profile["clusters"])
	for _, r := range table {
		v, ok := profile[r.Key()]
		if !ok || !o.has(r) || o.From.Given(r.Name) && !o.tightens(r, v.Values) {
			continue
		}
		if wrong := r.Set(&o.Settings, v.Values...); wrong != nil {
			err = errors.Join(err, fault.Usagef("%s: %s: %w", v.Origin, r.Key(), wrong))
		}
		if !o.From.Given(r.Name) {
			o.From[r.Name] = Origin{By: ByProfile, At: v.Origin}
		}
	}
	return cmp.Or(err, o.takeRole(profile["aws.roles"]))
}

// tightens reports whether a profile forbids more than what was given: a
// kubeconfig's flags cannot allow what it forbids. What was given and is wrong is
// left to Check.
func (o *Resolved) tightens(r *Row, values []string) bool {
	if r.Name == "host" {
		return true
	}
	given := slices.Index(deviceRules, o.SignIn.Device)
	return r.Name == "device" && given >= 0 && len(values) == 1 && slices.Index(deviceRules, values[0]) > given
}

// LoadProfile reads the profile to use; nil if none is named, neither by a flag
// nor by the config. The config's default is not used next to an issuer or a client
// ID that is not its own.
func LoadProfile(o *Resolved) (*config.Profile, error) {
	if err := o.readPolicy(); err != nil {
		return nil, err
	}
	c, err := o.ConfigPaths().Open()
	name := o.Source.Profile
	if err == nil && name == "" && o.asksByHost() {
		name, err = o.profileForHosts(c)
	} else if err == nil && name == "" {
		name, _ = c.Default()
	}
	if err == nil && name == "" {
		return nil, nil
	}
	var p *config.Profile
	if err == nil && o.bound() && o.Policy.OverridesDenied && !slices.Contains(c.Names(), name) {
		return nil, o.Policy.Forbid("overrides", fmt.Sprintf("profile %q, which %s does not have", name, config.SystemPath()),
			"its profiles: "+cmp.Or(strings.Join(c.Names(), ", "), "none"))
	}
	if err == nil {
		p, err = c.Profile(name, ProfileKeys())
	}
	ofNone := o.APIKey != "" || o.Tool == ToolAPIKey // an API key is of no provider
	if err == nil && o.Source.Profile == "" && !ofNone && o.namesOther(p.Settings) {
		return nil, nil
	}
	o.Source.Profile = name
	if err != nil && !fault.Holds[*userfile.UnsafeError](err) {
		err = fmt.Errorf("config: %w", err)
		if c == nil || slices.Contains(c.Names(), name) {
			return p, fault.InUsage(err)
		}
		if len(c.Names()) == 0 {
			return p, fault.InUsage(err, setUpHint)
		}
		err = fault.InUsage(err, "see: sso-exec profile list")
	}
	return p, err
}

// namesOther reports whether a flag or a variable names another provider or client
// than a profile does.
func (o *Resolved) namesOther(profile map[string]config.Value) bool {
	other := func(name, value string) bool {
		return o.From.Given(name) && !slices.Equal(profile[name].Values, []string{value})
	}
	return other("issuer", o.Provider.Issuer) || other("client-id", o.Provider.ClientID) ||
		other("start-url", o.Provider.StartURL) || other("sso-session", o.Provider.SSOSession)
}

// ProfileKeys lists every key that a profile can have.
func ProfileKeys() []config.Key {
	keys := make([]config.Key, 0, len(table))
	for _, r := range table {
		if !r.Is(NoKey) {
			keys = append(keys, r.key())
		}
	}
	return keys
}

// key is a setting as a key of a profile.
func (r *Row) key() config.Key {
	key := config.Key{Name: r.Key(), Type: config.String, Usage: r.Help, Default: r.Default,
		CheckWithout: r.Alone, Other: r.AloneFrom}
	if section, name, ok := strings.Cut(key.Name, "."); ok {
		key.Section, key.Name = section, name
	}
	if r.Check != nil {
		key.Check = r.check
	}
	switch r.Kind {
	case List, Words:
		key.Type, key.Default = config.List, ""
		if r.Columns != nil {
			key.Type, key.Columns, key.Mapping = config.Table, r.Columns(), r.Is(KeyOnly)
		}
	case Word, Instead:
		key.Type, key.Enum = config.Enum, r.Values()
		if r.Kind == Instead {
			key.Instead = "profile"
		}
	case Path:
		key.Type = config.Path
	case Duration:
		key.Type = config.Duration
	case Switch:
		key.Type = config.Bool
	case Command, TokenFrom:
		key.From = r.Kind.from
	}
	return key
}

// NamesProfile reports whether a word of the command line is a profile's name: always
// under login; where it may be a session's ID, if there is such a profile.
func (o *Resolved) NamesProfile(word string) bool {
	switch o.Tool {
	case ToolLogin:
		return true
	case ToolLogout, ToolWhoami:
		named := cmp.Or(o.Source.Config, os.Getenv(VariableOf("config")))
		c, err := config.DefaultPaths(named).Open()
		return err == nil && slices.Contains(c.Names(), word)
	}
	return false
}

// NameProfile has a word of the command line name the profile.
func (o *Resolved) NameProfile(word string) error {
	if o.From.Said("profile") && o.Source.Profile != word {
		return fault.Usagef("--profile %s and the profile %q contradict each other: leave one of them out",
			talk.Quote(o.Source.Profile), word)
	}
	if u, err := url.Parse(word); err == nil && u.Scheme != "" && u.Host != "" {
		return fault.InUsage(fmt.Errorf("%q is not the name of a profile", word),
			"an issuer is a flag: --issuer URL --client-id ID")
	}
	return o.Set("profile", ByFlag, word)
}
