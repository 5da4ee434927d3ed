package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// FillFromCommand notes what the command line says, and sets what it left open
// from the environment.
func (o *Resolved) FillFromCommand() error {
	o.Typed, o.Given = map[string]bool{}, map[string]bool{}
	// Not Visit: cobra parses a set of its own that shares our flags.
	o.Flags.VisitAll(func(f *pflag.Flag) { o.Typed[f.Name], o.Given[f.Name] = f.Changed, f.Changed })
	return o.FillFromEnvironment()
}

// FillFromConfig sets what is open then from the profile.
func (o *Resolved) FillFromConfig() error {
	profile, err := LoadProfile(o)
	if err != nil || profile == nil {
		return err
	}
	return o.FillFromProfile(profile.Settings)
}

// set gives a flag its value; origin is where that was found.
func (o *Resolved) set(name, value, origin string) error {
	if err := o.Flags.Set(name, value); err != nil {
		return fault.Usagef("%s: %w", origin, BadValue(o.Flags.Lookup(name), value, errors.Unwrap(err)))
	}
	return nil
}

// BadValue says why a flag does not take a value, in the words of a config file's
// errors; err is what its parser says.
func BadValue(f *pflag.Flag, value string, err error) error {
	switch f.Value.Type() {
	case "duration":
		return fmt.Errorf("%q is not a duration, such as 90s, 5m or 1h30m", value)
	case "bool":
		return fmt.Errorf("%q is neither true nor false", value)
	case "int":
		return fmt.Errorf("%q is not a whole number", value)
	}
	return err
}

func (o *Resolved) FillFromEnvironment() (err error) {
	o.Flags.VisitAll(func(f *pflag.Flag) {
		value := strings.TrimSpace(os.Getenv(VariableOf(f.Name)))
		if o.Given[f.Name] || value == "" || slices.Contains(NoEnv, f.Name) {
			return
		}
		o.Given[f.Name] = true
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			err = errors.Join(err, o.set(f.Name, strings.TrimSpace(v), "variable "+VariableOf(f.Name)))
		}
	})
	return err
}

func (o *Resolved) FillFromProfile(profile map[string]config.Value) (err error) {
	if err := o.checkProfileSecrets(profile); err != nil {
		return err
	}
	if OfService(profile) && !o.Given["identity"] { // whatever flow a flag or a variable names
		o.Provider.Identity = credential.Service
	}
	if role := profile["aws.role-arn"].Values; o.Tool != ToolAWS && !o.Given["role-arn"] && len(role) == 1 {
		o.AWS.RoleARN = role[0] // for people: what the profile is good for
	}
	o.Flags.VisitAll(func(f *pflag.Flag) {
		v, ok := profile[ProfileKey(f.Name)]
		// What a profile forbids, a kubeconfig's flags cannot allow. A flag that is
		// wrong is left to check.
		tightens := slices.Contains(DeviceRules, o.SignIn.Device) && f.Name == "device" && len(v.Values) == 1 && slices.Index(DeviceRules, v.Values[0]) > slices.Index(DeviceRules, o.SignIn.Device)
		if !ok || o.Given[f.Name] && !tightens {
			return
		}
		for _, value := range v.Values {
			err = errors.Join(err, o.set(f.Name, value, v.Origin.String()+": "+ProfileKey(f.Name)))
		}
	})
	return err
}

// LoadProfile reads the profile to use; nil if none is named, neither by a flag
// nor by the config. The config's default is not used next to an issuer or a client
// ID that is not its own.
func LoadProfile(o *Resolved) (*config.Profile, error) {
	c, err := config.DefaultPaths(o.Source.Config).Open()
	name := o.Source.Profile
	if err == nil && name == "" {
		name, _ = c.Default()
	}
	if err == nil && name == "" {
		return nil, nil
	}
	var p *config.Profile
	if err == nil {
		p, err = c.Profile(name, ProfileKeys())
	}
	if err == nil && o.Source.Profile == "" && o.namesOther(p.Settings) {
		return nil, nil
	}
	o.Source.Profile = name
	var unsafe *userfile.UnsafeError
	if err != nil && !errors.As(err, &unsafe) {
		err = fault.Usagef("config: %w", err)
	}
	return p, err
}

// namesOther reports whether a flag or a variable names another provider or client
// than a profile does.
func (o *Resolved) namesOther(profile map[string]config.Value) bool {
	return slices.ContainsFunc([]string{"issuer", "client-id"}, func(name string) bool {
		return o.Given[name] && !slices.Equal(profile[name].Values, []string{o.Flags.Lookup(name).Value.String()})
	})
}

// Check tells what is wrong with the settings, in the order in which a person
// would mend them.
func (o *Resolved) Check() error {
	if o.APIKey != "" {
		return o.checkAPIKey()
	}
	switch {
	case o.Provider.Issuer == "" && !o.NeedsProvider():
	case o.Provider.Issuer == "" && o.Source.Config == "" && config.DefaultPath() == "":
		return NoHome("no config file", "give --issuer URL and --client-id ID, or name them in a profile of a config file (--config FILE)")
	case o.Provider.Issuer == "":
		return fault.InUsage(errors.New("no issuer: which provider is it?"), "give --issuer URL and --client-id ID, or name them in a profile of "+cmp.Or(o.Source.Config, config.DefaultPath()))
	case o.Provider.ClientID == "" && o.NeedsClientID():
		return fault.InUsage(errors.New("no client ID"), "give --client-id ID: what the provider registered this program as")
	}
	if err := CheckIssuer(o.Provider.Issuer); o.Provider.Issuer != "" && err != nil {
		return fault.InUsage(err, "give the issuer as the provider spells it, e.g. https://login.example.com")
	}
	for _, c := range []struct{ flag, value string }{
		{"flow", o.SignIn.Flow}, {"device", o.SignIn.Device}, {"identity", o.Provider.Identity}, {"client-auth", o.Client.Auth}, {"exchange-token-type", o.Exchange.TokenType}, {"provider", o.Provider.Dialect}, {"store", o.Storage.Store}, {"par", o.SignIn.PAR},
		{"interactive", o.SignIn.Interactive}, {"offline", o.SignIn.Offline}, {"token-type", o.Target.TokenType}, {"log-level", o.Report.LogLevel},
	} {
		if known := EnumOf(c.flag); !slices.Contains(known, c.value) && (c.value != "" || slices.Contains(known, o.Flags.Lookup(c.flag).DefValue)) {
			return fault.Usagef("invalid --%s %q%s", c.flag, c.value, config.Suggest(c.value, known))
		}
	}
	if o.SignIn.Flow == flows.FlowDevice && o.SignIn.Device == flows.DeviceNever {
		return fault.InUsage(errors.New("--flow device: device sign-ins are forbidden here (device: never)"), "leave out --flow, or name pkce or paste")
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"login-timeout", o.SignIn.Timeout}, {"http-timeout", o.Network.Timeout}} {
		if err := CheckDuration(d.flag, d.value); err != nil {
			return fault.Usagef("--%s %w", d.flag, err)
		}
	}
	for _, uri := range o.SignIn.RedirectURIs {
		if _, err := flows.CheckRedirectURI(uri); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, r := range slices.Concat(o.Target.Resources, o.Exchange.Resources) {
		if err := CheckResource(r); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, list := range []struct {
		flag   string
		params []string
	}{{"auth-param", o.SignIn.AuthParams}, {"exchange-param", o.Exchange.Params}} {
		for _, kv := range list.params {
			if err := CheckParam(kv); err != nil {
				return fault.Usagef("--%s %w", list.flag, err)
			}
		}
	}
	if err := o.ExtraRoots().Err; err != nil {
		return err
	}
	if err := o.checkDialect(); err != nil {
		return err
	}
	if err := o.checkIdentity(); err != nil {
		return err
	}
	if err := o.checkStepUp(); err != nil {
		return err
	}
	if o.Tool == ToolAWS {
		return o.CheckAWS()
	}
	return nil
}

// awsLoginTimeout leaves time for the answer: the AWS SDK for Go gives up after a
// minute.
const awsLoginTimeout = 50 * time.Second

// Settle gives the settings whose default depends on others.
func (o *Resolved) Settle() error {
	if o.SignIn.Timeout == 0 && !o.Flags.Changed("login-timeout") {
		o.SignIn.Timeout = 5 * time.Minute
	}
	if o.Tool == ToolAWS && !o.Typed["login-timeout"] {
		// A profile's is for login as well.
		o.SignIn.Timeout = min(o.SignIn.Timeout, awsLoginTimeout)
	}
	o.SettleDialect()
	o.settleIdentity()
	if o.Target.TokenType == "" {
		o.Target.TokenType = o.UsualTokenType()
	}
	for i, s := range o.Target.Scopes { // "a b" is how RFC 6749 writes a list of scopes
		o.Target.Scopes[i] = strings.Join(strings.Fields(s), " ")
	}
	o.Target.Scopes = strings.Fields(strings.Join(o.Target.Scopes, " "))
	o.Network.CAData = strings.Join(strings.Fields(o.Network.CAData), "") // one word, for hints and for what is stored
	if o.Storage.CacheDir == "" {
		o.Storage.CacheDir = defaultCacheDir()
	}
	if o.Storage.CacheDir != "" {
		abs, err := filepath.Abs(o.Storage.CacheDir)
		if err != nil {
			return err
		}
		o.Storage.CacheDir = abs
	}
	return nil
}

// UsualTokenType is the token that a command takes if none is named. To exchange
// an ID token is what few servers offer.
func (o *Resolved) UsualTokenType() string {
	if o.Tool == ToolToken || o.Provider.Identity == credential.Service || o.Exchanges() {
		return credential.AccessToken
	}
	if o.Dialect().NoOpenID {
		return credential.AccessToken
	}
	return credential.IDToken
}

// defaultCacheDir returns where the cache is, or nothing if that cannot be
// determined.
func defaultCacheDir() string {
	variable := "XDG_CACHE_HOME"
	if runtime.GOOS == "windows" {
		variable = "LocalAppData"
	}
	dir := userfile.BaseDir(variable, ".cache")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "sso-exec")
}

// Parse reads the settings and checks them.
func (o *Resolved) Parse() error {
	if err := o.Read(nil); err != nil {
		return err
	}
	return o.Check()
}

// Read reads the settings that the flags, the environment and the profile give.
// anyway, if it is not nil, tells, once the first two are known, whether the
// command works whatever stands in the config: what is wrong there is a warning
// then.
func (o *Resolved) Read(anyway func() bool) error {
	if err := o.FillFromCommand(); err != nil {
		return err
	}
	if err := o.FillFromConfig(); err != nil {
		if anyway == nil || !anyway() {
			return err
		}
		talk.Warn(fmt.Errorf("the config is passed over: %w", err))
	}
	if err := CheckDuration("min-ttl", o.Target.MinTTL); err != nil && o.Flags.Changed("min-ttl") {
		return fault.Usagef("--min-ttl %w", err)
	}
	asked = o
	return o.Settle()
}
