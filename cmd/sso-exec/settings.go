package main

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

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// fillFromCommand notes what the command line says, and sets what it left open
// from the environment.
func (o *options) fillFromCommand() error {
	o.typed, o.given = map[string]bool{}, map[string]bool{}
	// Not Visit: cobra parses a set of its own that shares our flags.
	o.flags.VisitAll(func(f *pflag.Flag) { o.typed[f.Name], o.given[f.Name] = f.Changed, f.Changed })
	return o.fillFromEnvironment()
}

// fillFromConfig sets what is open then from the profile.
func (o *options) fillFromConfig() error {
	profile, err := loadProfile(o)
	if err != nil || profile == nil {
		return err
	}
	return o.fillFromProfile(profile.Settings)
}

// set gives a flag its value; origin is where that was found.
func (o *options) set(name, value, origin string) error {
	if err := o.flags.Set(name, value); err != nil {
		return fault.Usagef("%s: %w", origin, badValue(o.flags.Lookup(name), value, errors.Unwrap(err)))
	}
	return nil
}

// badValue says why a flag does not take a value, in the words of a config file's
// errors; err is what its parser says.
func badValue(f *pflag.Flag, value string, err error) error {
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

func (o *options) fillFromEnvironment() (err error) {
	o.flags.VisitAll(func(f *pflag.Flag) {
		value := strings.TrimSpace(os.Getenv(envName(f.Name)))
		if o.given[f.Name] || value == "" || slices.Contains(noEnv, f.Name) {
			return
		}
		o.given[f.Name] = true
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			err = errors.Join(err, o.set(f.Name, strings.TrimSpace(v), "variable "+envName(f.Name)))
		}
	})
	return err
}

func (o *options) fillFromProfile(profile map[string]config.Value) (err error) {
	if err := o.checkProfileSecrets(profile); err != nil {
		return err
	}
	if ofService(profile) && !o.given["identity"] { // whatever flow a flag or a variable names
		o.identity = credential.Service
	}
	if role := profile["aws.role-arn"].Values; o.tool != toolAWS && !o.given["role-arn"] && len(role) == 1 {
		o.roleARN = role[0] // for people: what the profile is good for
	}
	o.flags.VisitAll(func(f *pflag.Flag) {
		v, ok := profile[profileKey(f.Name)]
		// What a profile forbids, a kubeconfig's flags cannot allow. A flag that is
		// wrong is left to check.
		tightens := slices.Contains(deviceRules, o.device) && f.Name == "device" && len(v.Values) == 1 && slices.Index(deviceRules, v.Values[0]) > slices.Index(deviceRules, o.device)
		if !ok || o.given[f.Name] && !tightens {
			return
		}
		for _, value := range v.Values {
			err = errors.Join(err, o.set(f.Name, value, v.Origin.String()+": "+profileKey(f.Name)))
		}
	})
	return err
}

// loadProfile reads the profile to use; nil if none is named, neither by a flag
// nor by the config. The config's default is not used next to an issuer or a client
// ID that is not its own.
func loadProfile(o *options) (*config.Profile, error) {
	c, err := config.DefaultPaths(o.config).Open()
	name := o.profile
	if err == nil && name == "" {
		name, _ = c.Default()
	}
	if err == nil && name == "" {
		return nil, nil
	}
	var p *config.Profile
	if err == nil {
		p, err = c.Profile(name, profileKeys())
	}
	if err == nil && o.profile == "" && o.namesOther(p.Settings) {
		return nil, nil
	}
	o.profile = name
	var unsafe *userfile.UnsafeError
	if err != nil && !errors.As(err, &unsafe) {
		err = fault.Usagef("config: %w", err)
	}
	return p, err
}

// namesOther reports whether a flag or a variable names another provider or client
// than a profile does.
func (o *options) namesOther(profile map[string]config.Value) bool {
	return slices.ContainsFunc([]string{"issuer", "client-id"}, func(name string) bool {
		return o.given[name] && !slices.Equal(profile[name].Values, []string{o.flags.Lookup(name).Value.String()})
	})
}

// check tells what is wrong with the settings, in the order in which a person
// would mend them.
func (o *options) check() error {
	if o.apiKey != "" {
		return o.checkAPIKey()
	}
	switch {
	case o.issuer == "" && !o.needsProvider():
	case o.issuer == "" && o.config == "" && config.DefaultPath() == "":
		return noHome("no config file", "give --issuer URL and --client-id ID, or name them in a profile of a config file (--config FILE)")
	case o.issuer == "":
		return fault.InUsage(errors.New("no issuer: which provider is it?"), "give --issuer URL and --client-id ID, or name them in a profile of "+cmp.Or(o.config, config.DefaultPath()))
	case o.clientID == "" && o.needsClientID():
		return fault.InUsage(errors.New("no client ID"), "give --client-id ID: what the provider registered this program as")
	}
	if err := checkIssuer(o.issuer); o.issuer != "" && err != nil {
		return fault.InUsage(err, "give the issuer as the provider spells it, e.g. https://login.example.com")
	}
	for _, c := range []struct{ flag, value string }{
		{"flow", o.flow}, {"device", o.device}, {"identity", o.identity}, {"client-auth", o.clientAuth}, {"exchange-token-type", o.exchangeTokenType}, {"provider", o.provider}, {"store", o.store}, {"par", o.par},
		{"interactive", o.interactive}, {"offline", o.offline}, {"token-type", o.tokenType}, {"log-level", o.logLevel},
	} {
		if known := enumOf(c.flag); !slices.Contains(known, c.value) && (c.value != "" || slices.Contains(known, o.flags.Lookup(c.flag).DefValue)) {
			return fault.Usagef("invalid --%s %q%s", c.flag, c.value, config.Suggest(c.value, known))
		}
	}
	if o.flow == flows.FlowDevice && o.device == flows.DeviceNever {
		return fault.InUsage(errors.New("--flow device: device sign-ins are forbidden here (device: never)"), "leave out --flow, or name pkce or paste")
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"login-timeout", o.loginTimeout}, {"http-timeout", o.httpTimeout}} {
		if err := checkDuration(d.flag, d.value); err != nil {
			return fault.Usagef("--%s %w", d.flag, err)
		}
	}
	for _, uri := range o.redirectURIs {
		if _, err := flows.CheckRedirectURI(uri); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, r := range slices.Concat(o.resources, o.exchangeResources) {
		if err := checkResource(r); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, list := range []struct {
		flag   string
		params []string
	}{{"auth-param", o.authParams}, {"exchange-param", o.exchangeParams}} {
		for _, kv := range list.params {
			if err := checkParam(kv); err != nil {
				return fault.Usagef("--%s %w", list.flag, err)
			}
		}
	}
	if err := o.extraRoots().err; err != nil {
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
	if o.tool == toolAWS {
		return o.checkAWS()
	}
	return nil
}

// awsLoginTimeout leaves time for the answer: the AWS SDK for Go gives up after a
// minute.
const awsLoginTimeout = 50 * time.Second

// settle gives the settings whose default depends on others.
func (o *options) settle() error {
	if o.loginTimeout == 0 && !o.flags.Changed("login-timeout") {
		o.loginTimeout = 5 * time.Minute
	}
	if o.tool == toolAWS && !o.typed["login-timeout"] {
		// A profile's is for login as well.
		o.loginTimeout = min(o.loginTimeout, awsLoginTimeout)
	}
	o.settleDialect()
	o.settleIdentity()
	if o.tokenType == "" {
		o.tokenType = o.usualTokenType()
	}
	for i, s := range o.scopes { // "a b" is how RFC 6749 writes a list of scopes
		o.scopes[i] = strings.Join(strings.Fields(s), " ")
	}
	o.scopes = strings.Fields(strings.Join(o.scopes, " "))
	o.caData = strings.Join(strings.Fields(o.caData), "") // one word, for hints and for what is stored
	if o.cacheDir == "" {
		o.cacheDir = defaultCacheDir()
	}
	if o.cacheDir != "" {
		abs, err := filepath.Abs(o.cacheDir)
		if err != nil {
			return err
		}
		o.cacheDir = abs
	}
	return nil
}

// usualTokenType is the token that a command takes if none is named. To exchange
// an ID token is what few servers offer.
func (o *options) usualTokenType() string {
	if o.tool == toolToken || o.identity == credential.Service || o.exchanges() {
		return credential.AccessToken
	}
	if o.dialect().NoOpenID {
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

// request is the part of the settings that the cache's keys are made of.
func (o *options) request() cache.Request {
	r := cache.Request{
		Issuer: o.issuer, ClientID: o.clientID, Label: o.session, Identity: o.identity, Grant: o.grantKey(),
		Scopes:   slices.DeleteFunc(slices.Clone(o.scopes), func(s string) bool { return s == "openid" || s == "offline_access" }),
		Audience: o.audience, Resources: o.resources, Organization: o.organizationAsked(),
		AuthParams: o.stepUpParams(), Roots: o.extraRoots().hash,
	}
	r.Free = cache.Free(o.dialect().Free)
	for _, kv := range o.authParams {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(displayParams, name) {
			r.Account = append(r.Account, kv)
		}
	}
	if o.loginHint != "" {
		r.Account = append(r.Account, "login_hint="+o.loginHint)
	}
	return r
}

// displayParams are authorization parameters that change how a sign-in looks
// (OpenID Connect Core §3.1.2.1). Any other may choose whose sign-in it is.
var displayParams = []string{"prompt", "display", "ui_locales"}

// need is what the command asks of the session.
func (o *options) need(steps []session.Step) session.Need {
	ttl := session.TokenTTL
	if o.tool == toolAWS {
		ttl = awsTTL
	}
	ttl.Exact = o.minTTL
	return session.Need{TokenType: o.tokenType, MinTTL: ttl, Force: o.force, Steps: steps, StepUp: o.stepUp()}
}

// parse reads the settings and checks them.
func (o *options) parse() error {
	if err := o.read(nil); err != nil {
		return err
	}
	return o.check()
}

// read reads the settings that the flags, the environment and the profile give.
// anyway, if it is not nil, tells, once the first two are known, whether the
// command works whatever stands in the config: what is wrong there is a warning
// then.
func (o *options) read(anyway func() bool) error {
	if err := o.fillFromCommand(); err != nil {
		return err
	}
	if err := o.fillFromConfig(); err != nil {
		if anyway == nil || !anyway() {
			return err
		}
		warn(fmt.Errorf("the config is passed over: %w", err))
	}
	if err := checkDuration("min-ttl", o.minTTL); err != nil && o.flags.Changed("min-ttl") {
		return fault.Usagef("--min-ttl %w", err)
	}
	asked = o
	return o.settle()
}
