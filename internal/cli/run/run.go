// Package run has the command that runs another with credentials in its environment.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/plugin"
)

// runTTL is the rule for what a command gets in its environment, where it stays
// as it is: at least half of its life must be left.
var runTTL = session.TTL{Exact: -1, Most: 12 * time.Hour, Part: 2}

// runner is the command run: a command with credentials in its environment.
type runner struct {
	o        *settings.Resolved // the session
	keys     *settings.Resolved // the session with the role; its flags are bound to it
	aws      bool               // a role's keys are wanted
	renew    bool               // by an endpoint, instead of in variables
	webID    bool               // by the ID token in a file, for which an SDK gets them itself
	tokenEnv string             // a token is wanted, in this variable
	npm      string             // a token is wanted for this registry, in a user config of npm's
	npmNamed bool               // the flag was given
	region   string             // that the command gets
}

// New makes the command that runs a command with credentials.
func New() *cobra.Command {
	r := &runner{o: settings.For(settings.ToolRun), keys: &settings.Resolved{}}
	c := &cobra.Command{
		Use:   settings.ToolRun + " [flags] -- COMMAND [ARGUMENT...]",
		Short: "run a command with credentials in its environment",
		Long: `Run a command with a role's AWS keys in its environment, or with a token in a
variable of your choice, or both. If a sign-in is needed, it comes first. The
exit code is the command's; its input, output and signals are its own.

Keys in variables do not renew. For a command that may outlive them there is
--renew: the AWS SDKs get keys from this process, for as long as it runs.`,
		Example: `  sso-exec run --profile dev -- aws s3 ls
  sso-exec run --profile dev --renew -- terraform apply
  sso-exec run --token-env GITLAB_TOKEN -- ./release.sh
  sso-exec run --npm https://npm.example.com/ -- npm publish`,
	}
	f := c.Flags()
	f.SetInterspersed(false) // what follows COMMAND is its own
	f.BoolVar(&r.renew, "renew", false,
		"AWS keys that renew by themselves: from an endpoint on loopback that the AWS SDKs know")
	f.BoolVar(&r.webID, "web-identity-file", false,
		"instead of AWS keys the ID token, in a file that is kept fresh; the AWS SDKs get the role's keys for it")
	f.StringVar(&r.tokenEnv, "token-env", "",
		"put a token into the variable `NAME`: the access token, or what --token-type says")
	f.StringVar(&r.npm, "npm", "",
		"the access token for the registry at `URL`, in a user config for npm, pnpm and yarn 1 that is gone afterwards")
	f.BoolVar(&r.aws, "aws", false,
		"AWS keys in addition to --token-env; without that flag they follow from a profile's role-arn")
	c.PreRun = func(*cobra.Command, []string) { // whose host chooses the profile
		r.npmNamed = f.Changed("npm")
		if h, _ := hosts.OfURL(r.npm); r.npm != "" {
			r.o.Asked = []hosts.Host{h}
		}
	}
	c = command.WithSettings(r.o, c, r.run)
	f.Lookup("api-key").Usage = "`name` of a stored API key to put into --token-env instead of a token"
	return c
}

// run gets the credentials and becomes the command, or waits for it.
func (r *runner) run(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return fault.InUsage(errors.New("no command to run"), "sso-exec run [flags] -- COMMAND [ARGUMENT...]")
	}
	if err := command.ForAgent(r.o); err != nil {
		return err
	}
	if err := r.checkNPM(); err != nil {
		return err
	}
	if err := r.o.Check(); err != nil {
		return err
	}
	if r.tokenEnv == "" && r.o.APIKey == "" {
		if err := acquire.SettleRole(ctx, r.o, acquire.Caller{}); err != nil {
			return err
		}
	}
	if err := r.choose(); err != nil {
		return err
	}
	path, err := environ.LookPath(argv[0])
	if err != nil { // now: nobody is to sign in for nothing
		return notRun(argv, err)
	}
	env := environ.NewEnvironment(environ.Given())
	if r.o.APIKey != "" {
		if err := r.setAPIKey(ctx, env); err != nil {
			return err
		}
		return asItEnded(become(ctx, path, argv, env.List()))
	}
	s, err := acquire.Open(r.o, acquire.Caller{})
	if err != nil {
		return err
	}
	if r.tokenEnv != "" {
		if err := r.setToken(ctx, s, env); err != nil {
			return err
		}
	}
	var end func() // of what goes on while the command runs
	switch {
	case r.npm != "":
		end, err = r.setNPM(ctx, env)
	case r.webID:
		end, err = r.setWebIdentity(ctx, s, env)
	case r.aws:
		end, err = r.setKeys(ctx, s, env)
	}
	if err != nil {
		return err
	}
	talk.Stderr.End()
	if end == nil && ctx.Err() == nil {
		return asItEnded(become(ctx, path, argv, env.List()))
	}
	if err = context.Cause(ctx); err == nil {
		err = attend(ctx, path, argv, env.List())
	}
	if end != nil {
		end()
	}
	return asItEnded(err)
}

// asItEnded ends this process as the command did, by a signal or an exit code.
func asItEnded(err error) error {
	var end *commandEnd
	if !errors.As(err, &end) {
		return err
	}
	dieOf(end.sig)
	return fault.Silently(end)
}

// choose decides what the command gets. With --token-env that is a token and
// nothing else, unless a role is asked for as well.
func (r *runner) choose() error {
	hasRole := (r.o.AWS.RoleARN != "" || r.o.AWS.CenterRole() != "") && r.o.APIKey == "" // a key needs no profile's role
	r.aws = r.aws || r.renew || r.webID || hasRole && r.npm == "" && (r.tokenEnv == "" || r.o.From.Given("role-arn"))
	if r.tokenEnv != "" && r.o.Center() != nil {
		return fault.Usagef("--token-env: the token of IAM Identity Center is never handed out; leave it out")
	}
	switch {
	case r.npm != "" && (r.aws || r.tokenEnv != "" || r.o.APIKey != ""):
		return fault.Usagef("--npm cannot be combined: for other credentials, run one inside the other")
	case r.npm != "":
		return nil
	case r.o.APIKey != "" && (r.renew || r.webID || r.o.From.Given("role-arn")):
		return fault.Usagef("--api-key and AWS keys contradict each other: run one within the other")
	case r.o.APIKey != "" && r.tokenEnv == "":
		return fault.InUsage(errors.New("--api-key: in which variable?"), "give --token-env NAME")
	case !r.aws && r.tokenEnv == "":
		return fault.InUsage(errors.New("no credential to give to the command"),
			"give --role-arn (or role-arn in the section aws of a profile) for AWS keys, or --token-env NAME for a token")
	case r.tokenEnv != "" && !commandline.IsVariableName(r.tokenEnv):
		return fault.Usagef("--token-env %q: a variable's name is of letters, digits and _", r.tokenEnv)
	case environ.IsProgramVariable(r.tokenEnv):
		return fault.Usagef("--token-env %s: programs go by that variable; give another name", r.tokenEnv)
	case strings.HasPrefix(r.tokenEnv, commandline.OwnPrefix), r.aws && strings.HasPrefix(r.tokenEnv, "AWS_"):
		return fault.Usagef("--token-env %s: variables that begin so are not passed on, or have the keys", r.tokenEnv)
	case r.renew && r.webID:
		return fault.Usagef("--renew and --web-identity-file are two ways to renew: leave out one of them")
	case r.webID && r.o.Center() != nil:
		return fault.InUsage(errors.New("--web-identity-file: IAM Identity Center has no ID token"), "use --renew instead")
	case r.webID && len(r.o.AWS.Chain) > 0:
		return fault.InUsage(errors.New("--web-identity-file: an SDK gets the keys of one role for it, and there is a "+
			"--chain-role-arn"), "use --renew instead")
	case (r.renew || r.webID) && r.o.Storage.Store == "none":
		way := map[bool]string{true: "--renew", false: "--web-identity-file"}[r.renew]
		return fault.InUsage(errors.New(way+" needs a stored session, and --store none keeps none"),
			"leave out one of the two")
	case !r.aws:
		return nil
	}
	*r.keys = *r.o
	r.keys.Tool = settings.ToolAWS
	if r.tokenEnv != "" { // --token-type is that token's
		r.keys.Target.TokenType = r.keys.UsualTokenType()
	}
	// What is set for AWS itself overrides a profile.
	if r.o.From.Given("region") || os.Getenv("AWS_REGION") == "" && os.Getenv("AWS_DEFAULT_REGION") == "" {
		r.region = cmp.Or(r.o.AWS.Region, aws.ProfileRegion()) // the command does not get AWS_PROFILE
	}
	if err := r.keys.CheckAWS(); err != nil {
		return err
	}
	return r.keys.Obey()
}

// setToken puts the token into the environment.
func (r *runner) setToken(ctx context.Context, s *session.Session, env *environ.Environment) error {
	o := *r.o
	o.Tool = settings.ToolToken
	if !o.From.Said("token-type") {
		o.Target.TokenType = credential.AccessToken
	}
	need := acquire.Need(&o, s, false)
	need.MinTTL.Most, need.MinTTL.Part = runTTL.Most, runTTL.Part
	c, _, err := acquire.Obtain(ctx, s, need)
	if err != nil {
		return err
	}
	text, err := plugin.EncodeToken(plugin.TokenRaw, false, c)
	if err == nil {
		env.Set(r.tokenEnv, string(text))
	}
	return err
}

// setAPIKey puts an API key into the environment.
func (r *runner) setAPIKey(ctx context.Context, env *environ.Environment) error {
	k, err := acquire.APIKeyOf(ctx, r.o)
	if err != nil {
		return err
	}
	o := *r.o
	o.Output, o.NoNewline = plugin.TokenRaw, true
	text, err := acquire.EncodeAPIKey(&o, k, time.Now())
	if err == nil {
		err = acquire.RecordCached(r.o)
	}
	if err == nil {
		env.Set(r.tokenEnv, string(text))
	}
	return err
}

// setKeys puts the role's keys into the environment, or where the SDKs find
// them; then it returns what ends that.
func (r *runner) setKeys(ctx context.Context, s *session.Session, env *environ.Environment) (func(), error) {
	need := acquire.Need(r.keys, s, true)
	if !r.renew {
		need.MinTTL.Most, need.MinTTL.Part = runTTL.Most, runTTL.Part
	}
	c, _, err := acquire.Obtain(ctx, s, need)
	if err != nil {
		return nil, err
	}
	env.DropAWS()
	if !r.renew {
		env.SetKeys(c)
		env.SetRegion(r.region)
		return nil, nil
	}
	renewed := func(ctx context.Context) (credential.Credential, error) { return r.renewed(ctx, true) }
	served, err := serveKeys(need.MinTTL, c, renewed, func(err error) string { return explainRenewal(r.keys, err) })
	if err != nil {
		return nil, err
	}
	under, wrong := r.keys.Policy, "<nil>"
	served.changed = func() bool {
		p, err := policy.Load()
		same := reflect.DeepEqual(p, under) && fmt.Sprint(err) == wrong
		under, wrong = p, fmt.Sprint(err)
		return !same
	}
	env.Set(plugin.ContainerCredentialsURI, served.url)
	env.Set(plugin.ContainerAuthorization, served.token)
	for _, what := range env.HideDefaultProfile() {
		s.Log.Warn(what)
	}
	env.SetRegion(r.region)
	// Also while nobody asks: who must sign in again is told before the keys end.
	stop := watch(func(ctx context.Context) error {
		_, err := served.credential(ctx)
		return cmp.Or(err, served.failure(), endsSoon(s))
	}, func(err error) { r.tell(s, err) })
	return func() { stop(); served.close() }, nil
}

// renewed gets keys while the command runs: from the cache, by a refresh and an
// exchange, but from nobody who would have to be asked over the command's head.
// Nothing is said but to a log that was asked for.
func (r *runner) renewed(ctx context.Context, keys bool) (credential.Credential, error) {
	o := *r.keys
	o.Target.Force, o.Report.Explain = false, false
	if !r.saysToLog() {
		o.Report.LogLevel = "error"
	}
	if err := o.Reread(); err != nil {
		return credential.Credential{}, err
	}
	s, err := acquire.Open(&o, acquire.Caller{}) // a session's memory is one run's
	if err != nil {
		return credential.Credential{}, err
	}
	s.Person = session.Person{Timeout: o.SignIn.Timeout, Choose: nobodyDuringCommand}
	c, _, err := acquire.Obtain(ctx, s, acquire.Need(&o, s, keys))
	return c, err
}

// saysToLog reports whether somebody asked for a log: it may go to the command's stderr.
func (r *runner) saysToLog() bool {
	return r.o.Report.LogFile != "" || r.o.Report.Verbose || r.o.From.Given("log-level")
}
