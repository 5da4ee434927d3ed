package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/settings/check"
	"github.com/sso-exec/sso-exec/internal/settings/target"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

// Resolved are the settings of a run of a command, and what gave each of them.
type Resolved struct {
	Settings
	From Origins
	Tool string // the command: kube, aws, token, login

	FromProfile bool         // these are a profile's settings, which nobody named
	ProfileHold *flows.Hold  // whom what the profile authenticates with may go to; nil: it does not
	Agent       agents.Agent // that the credential is for, once ForAgent looked; zero: none
	InsteadOf   *Asked       // what was asked for, where a coding agent gets another profile; else nil
	SignedInBy  []string     // the flags of a stored session's sign-in, if these are the settings of one

	// Asked are the hosts that a token is asked for; all of them must be named. One
	// that cannot be read is the zero Host, which nothing names.
	Asked []hosts.Host
	// Within are the hosts that a flag or a variable names next to a profile, whose
	// own they only narrow; nil: none were given so.
	Within []string
	own    map[string]map[string][]string // what the profile's hosts say of each

	Clusters target.Clusters // the profile's

	// FoundOut tells which dialect the provider turned out to have; nil before a
	// session asks it.
	FoundOut func() *flows.Dialect

	Policy     *policy.Policy // of the system; nil: there is none, or [Resolved.Obey] did not read it yet
	obeying    bool           // it was read
	systemOnly bool           // the system's config alone counts, as a policy has it for coding agents

	stsByVariable bool // one of AWS's names the endpoint of STS

	Trail *audit.Trail // where the run's events go; nil: not yet made, or nowhere

	center *aws.Center // nil: the provider is another

	roles map[string]map[string][]string // of the config, by their names there
	role  string                         // the one of them that --role-name names; empty: none

	roots *check.Roots // read for the present --ca-file and --ca-data; may be nil
}

// The commands whose settings differ.
const (
	ToolKube      = "kube"
	ToolAWS       = "aws"
	ToolEKS       = "eks"
	ToolGKE       = "gke"
	ToolAKS       = "aks"
	ToolToken     = "token"
	ToolGit       = "git"
	ToolDocker    = "docker"
	ToolCargo     = "cargo"
	ToolTerraform = "terraform"
	ToolGCP       = "gcp"
	ToolBazel     = "bazel"
	ToolKeyring   = "keyring"
	ToolRun       = "run"
	ToolLogin     = "login"

	ToolLogout = "logout"
	ToolStatus = "status"
	ToolWhoami = "whoami"
	ToolOrg    = "org"
	ToolList   = "aws list"
	ToolAPIKey = "apikey"
	ToolDoctor = "doctor"
)

// For returns the settings of a command before anything is said of them.
func For(tool string) *Resolved {
	o := &Resolved{Tool: tool, From: Origins{}}
	for _, r := range table {
		if start := cmp.Or(r.Open, r.Default); start != "" {
			_ = r.Set(&o.Settings, start) // a test sets each
		}
	}
	return o
}

// Another returns settings of the same command, before anything is said of them, under
// the same policy.
func (o *Resolved) Another() *Resolved {
	other := For(o.Tool)
	other.Policy, other.obeying = o.Policy, o.obeying
	return other
}

// Set gives a setting its values.
func (o *Resolved) Set(name string, by By, values ...string) error {
	o.From[name] = Origin{By: by}
	return Find(name).Set(&o.Settings, values...)
}

// MarkGiven has a setting count as given, if it does not yet: somebody was asked
// for it.
func (o *Resolved) MarkGiven(name string) {
	if !o.From.Given(name) {
		o.From[name] = Origin{By: ByFlag}
	}
}

// empty reports whether these are nobody's settings, of which nothing can be said.
func (o *Resolved) empty() bool { return o.From == nil }

// Check tells what is wrong with the settings, in the order in which a person
// would fix them.
func (o *Resolved) Check() error {
	if err := o.Obey(); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	return o.Obey() // again: only now it is known where STS is
}

const setUpHint = "to set one up, run: sso-exec setup provider HOST"

func (o *Resolved) check() error {
	if o.APIKey != "" {
		return o.checkAPIKey()
	}
	if err := o.checkCenter(); err != nil {
		return err
	}
	switch {
	case o.Provider.Issuer == "" && !o.NeedsProvider():
	case o.Provider.Issuer == "" && o.Source.Config == "" && config.DefaultPath() == "":
		return NoHome("no config file",
			"give --issuer URL and --client-id ID, or a config file with a profile: --config FILE")
	case o.Provider.Issuer == "":
		return fault.InUsage(check.ErrNoIssuer, setUpHint,
			"or give --profile NAME (see: sso-exec profile list), or --issuer URL and --client-id ID",
			"profiles are read from "+cmp.Or(o.Source.Config, config.DefaultPath()))
	case o.Provider.ClientID == "" && o.NeedsClientID():
		return fault.InUsage(errors.New("no client ID"), "give --client-id ID: what the provider registered this program as")
	}
	if err := check.Issuer(o.Provider.Issuer); o.Provider.Issuer != "" && err != nil {
		return fault.InUsage(err, "give the issuer as the provider spells it, e.g. https://login.example.com")
	}
	if err := o.checkWords(); err != nil {
		return err
	}
	if o.SignIn.Flow == flows.FlowDevice && o.SignIn.Device == flows.DeviceNever {
		return fault.InUsage(errors.New("--flow device: device sign-ins are forbidden here (device: never)"),
			"leave out --flow, or name pkce or paste")
	}
	for _, name := range []string{"login-timeout", "http-timeout"} {
		if err := o.checkRow(name); err != nil {
			return err
		}
	}
	for _, uri := range o.SignIn.RedirectURIs {
		if _, err := flows.CheckRedirectURI(uri); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, r := range slices.Concat(o.Target.Resources, o.Exchange.Resources) {
		if err := check.Resource(r); err != nil {
			return fault.InUsage(err)
		}
	}
	for _, name := range []string{"auth-param", "exchange-param"} {
		if err := o.checkRow(name); err != nil {
			return err
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
	switch o.Tool {
	case ToolAWS:
		return o.CheckAWS()
	case ToolEKS:
		return cmp.Or(o.CheckAWS(), o.checkCluster())
	case ToolGKE:
		return o.checkGKE()
	case ToolAKS:
		return o.checkAKS()
	}
	return o.checkECR()
}

// checkWords tells of a value that is none of those that its setting has.
func (o *Resolved) checkWords() error {
	for _, r := range table {
		if r.Kind != Word || !r.Of(o.Tool) {
			continue
		}
		value, known := r.Get(&o.Settings)[0], r.Values()
		if !slices.Contains(known, value) && (value != "" || r.Default != "") {
			return fault.Usagef("invalid --%s %q%s", r.Name, value, commandline.Suggest(value, known))
		}
	}
	return nil
}

// checkRow tells what is wrong with the values of one setting, whatever the others
// are.
func (o *Resolved) checkRow(name string) error {
	r := Find(name)
	for _, v := range r.Get(&o.Settings) {
		if err := r.check(v); err != nil {
			return fault.Usagef("--%s %w", name, err)
		}
	}
	return nil
}

// awsLoginTimeout leaves time for the answer: the AWS SDK for Go gives up after a
// minute.
const awsLoginTimeout = 50 * time.Second

// Settle gives the settings whose default depends on others.
func (o *Resolved) Settle() error {
	if o.SignIn.Timeout == 0 && !o.From.Said("login-timeout") {
		o.SignIn.Timeout = 5 * time.Minute
	}
	if o.Tool == ToolAWS && !o.From.Typed("login-timeout") {
		// A profile's is for login as well.
		o.SignIn.Timeout = min(o.SignIn.Timeout, awsLoginTimeout)
	}
	if o.Output == "" {
		o.Output = Outputs(o.Tool)[0]
	}
	quiet := o.Tool == ToolGCP && os.Getenv(plugin.GCPInteractive) != "1"
	if o.Output == plugin.TokenHeaders || o.Tool == ToolBazel || quiet { // for a program that waits a few seconds
		o.SignIn.Interactive = "never"
	}
	if o.Tool == ToolGCP && os.Getenv(plugin.GCPTokenType) == plugin.GCPIDToken {
		o.Target.TokenType = credential.IDToken
	}
	o.settleCenter()
	if o.Tool == ToolAKS {
		o.settleAKS()
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

// Outputs are the formats of a command, the usual one first.
func Outputs(tool string) []string {
	switch tool {
	case ToolAWS:
		return plugin.KeyFormats()
	case ToolKeyring:
		return []string{plugin.KeyringPlain, plugin.KeyringJSON}
	}
	return plugin.TokenFormats()
}

// UsualTokenType is the token that a command takes if none is named. To exchange
// an ID token is what few servers offer.
func (o *Resolved) UsualTokenType() string {
	if o.Tool == ToolToken || o.Tool == ToolAKS || o.AsksByHost() && o.ECR() == nil ||
		o.Provider.Identity == credential.Service ||
		o.Exchanges() {
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
	dir := userfile.CacheDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "sso-exec")
}

// ReadAndCheck reads the settings and checks them.
func (o *Resolved) ReadAndCheck() error {
	if err := o.Read(nil); err != nil {
		return err
	}
	return o.Check()
}

// Read sets what flags left open from the environment and the profile. anyway, if
// it is not nil, tells, once the environment is read, whether the command works
// whatever stands in the config: what is wrong there is a warning then.
func (o *Resolved) Read(anyway func() bool) error {
	if err := o.readPolicy(); err != nil {
		return err
	}
	if err := o.FillFromEnvironment(); err != nil {
		return err
	}
	if err := o.CheckOverrides(); err != nil {
		return err
	}
	o.askFor()
	if err := o.FillFromConfig(); err != nil {
		if anyway == nil || !anyway() {
			return err
		}
		talk.Warn(fmt.Errorf("the config is passed over: %w", err))
	}
	if o.From.Said("min-ttl") {
		if err := o.checkRow("min-ttl"); err != nil {
			return err
		}
	}
	return o.Settle()
}
