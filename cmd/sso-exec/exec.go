package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/plugin"
)

const toolRun = "run"

// runTTL is the rule for what a command gets in its environment, where it stays
// as it is: at least half of its life must be left.
var runTTL = session.TTL{Exact: -1, Most: 12 * time.Hour, Part: 2}

// runner is the command run: a command with credentials in its environment.
type runner struct {
	o        *options // the session
	keys     *options // the session with the role; its flags are bound to it
	aws      bool     // a role's keys are wanted
	renew    bool     // by an endpoint, instead of in variables
	tokenEnv string   // a token is wanted, in this variable
	region   string   // that the command gets
}

// newRun makes the command that runs a command with credentials.
func newRun() *cobra.Command {
	r := &runner{o: newOptions(toolRun), keys: &options{}}
	addAWSFlags(r.o.flags, r.keys)
	c := &cobra.Command{
		Use:   toolRun + " [flags] -- COMMAND [ARGUMENT...]",
		Short: "run a command with credentials in its environment",
		Long: `Run a command with a role's AWS keys in its environment, or with a token in a
variable of your choice, or both. A sign-in that is needed comes before it. Its
exit code is that of this one; its input, output and signals are its own.

Keys in variables do not renew. For a command that may outlive them there is
--renew: the AWS SDKs get keys from this process, for as long as it runs.`,
		Example: `  sso-exec run --profile dev -- aws s3 ls
  sso-exec run --profile dev --renew -- terraform apply
  sso-exec run --token-env GITLAB_TOKEN -- ./release.sh`,
	}
	f := c.Flags()
	f.SetInterspersed(false) // what follows COMMAND is its own
	f.BoolVar(&r.renew, "renew", false, "AWS keys that renew by themselves: from an endpoint on loopback that the AWS SDKs know")
	f.StringVar(&r.tokenEnv, "token-env", "", "put a token into the variable `NAME`: the access token, or what --token-type says")
	f.BoolVar(&r.aws, "aws", false, "AWS keys beside --token-env; without that they are what a profile's role-arn means")
	return withSettings(r.o, c, r.run)
}

// run gets the credentials and becomes the command, or waits for it.
func (r *runner) run(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return fault.InUsage(errors.New("no command to run"), "sso-exec run [flags] -- COMMAND [ARGUMENT...]")
	}
	if err := r.o.check(); err != nil {
		return err
	}
	if err := r.choose(); err != nil {
		return err
	}
	path, err := exec.LookPath(argv[0])
	if err != nil { // now: nobody is to sign in for nothing
		return notRun(argv, err)
	}
	env := newEnvironment(os.Environ())
	if r.o.apiKey != "" {
		if err := r.setAPIKey(ctx, env); err != nil {
			return err
		}
		return asItEnded(become(ctx, path, argv, env.list()))
	}
	s, err := newSession(r.o, nil)
	if err != nil {
		return err
	}
	if r.tokenEnv != "" {
		if err := r.setToken(ctx, s, env); err != nil {
			return err
		}
	}
	var served *endpoint
	if r.aws {
		if served, err = r.setKeys(ctx, s, env); err != nil {
			return err
		}
	}
	stderr.end()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if served == nil {
		return asItEnded(become(ctx, path, argv, env.list()))
	}
	err = attend(ctx, path, argv, env.list())
	served.close()
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
	role := *r.keys
	if r.o.apiKey != "" { // it needs no profile's role
		role = options{}
	}
	r.aws = r.aws || r.renew || role.roleARN != "" && (r.tokenEnv == "" || r.o.given["role-arn"])
	switch {
	case r.o.apiKey != "" && (r.renew || r.o.given["role-arn"]):
		return fault.Usagef("--api-key and AWS keys contradict each other: run one within the other")
	case r.o.apiKey != "" && r.tokenEnv == "":
		return fault.InUsage(errors.New("--api-key: in which variable?"), "give --token-env NAME")
	case !r.aws && r.tokenEnv == "":
		return fault.InUsage(errors.New("no credential to give to the command"), "give --role-arn (or role-arn in the section aws of a profile) for AWS keys, or --token-env NAME for a token")
	case r.tokenEnv != "" && !isVariableName(r.tokenEnv):
		return fault.Usagef("--token-env %q: a variable's name is of letters, digits and _", r.tokenEnv)
	case isProgramVariable(r.tokenEnv):
		return fault.Usagef("--token-env %s: programs go by that variable; give another name", r.tokenEnv)
	case strings.HasPrefix(r.tokenEnv, ownPrefix), r.aws && strings.HasPrefix(r.tokenEnv, "AWS_"):
		return fault.Usagef("--token-env %s: variables that begin so are not passed on, or have the keys", r.tokenEnv)
	case r.renew && r.o.store == "none":
		return fault.InUsage(errors.New("--renew needs a session that is kept, and under --store none there is none"), "leave out one of the two")
	case !r.aws:
		return nil
	}
	*r.keys = *r.o
	r.keys.tool, r.keys.roleARN, r.keys.roleSessionName, r.keys.duration = toolAWS, role.roleARN, role.roleSessionName, role.duration
	r.keys.region, r.keys.stsEndpoint, r.keys.policyARNs = role.region, role.stsEndpoint, role.policyARNs
	if r.tokenEnv != "" { // --token-type is that token's
		r.keys.tokenType = r.keys.usualTokenType()
	}
	r.o.roleARN = role.roleARN // for hints
	// What is set for AWS itself stands above a profile.
	if r.o.given["region"] || os.Getenv("AWS_REGION") == "" && os.Getenv("AWS_DEFAULT_REGION") == "" {
		r.region = role.region
	}
	return r.keys.checkAWS()
}

// setToken puts the token into the environment.
func (r *runner) setToken(ctx context.Context, s *session.Session, env *environment) error {
	o := *r.o
	o.tool = toolToken
	if !o.flags.Changed("token-type") {
		o.tokenType = credential.AccessToken
	}
	need := o.need(exchangeSteps(&o, s))
	need.MinTTL.Most, need.MinTTL.Part = runTTL.Most, runTTL.Part
	c, err := obtain(ctx, s, need)
	if err != nil {
		return err
	}
	text, err := plugin.EncodeToken(plugin.TokenRaw, false, c)
	if err == nil {
		env.set(r.tokenEnv, string(text))
	}
	return err
}

// setAPIKey puts an API key into the environment.
func (r *runner) setAPIKey(ctx context.Context, env *environment) error {
	k, err := apiKeyOf(ctx, r.o)
	if err != nil {
		return err
	}
	o := *r.o
	o.output, o.noNewline = plugin.TokenRaw, true
	text, err := encodeAPIKey(&o, k, time.Now())
	if err == nil {
		env.set(r.tokenEnv, string(text))
	}
	return err
}

// setKeys puts the role's keys into the environment, or where the SDKs find
// them; then it returns the endpoint, to be closed.
func (r *runner) setKeys(ctx context.Context, s *session.Session, env *environment) (*endpoint, error) {
	need := r.keys.need(findTool(toolAWS).chain(r.keys, s))
	if !r.renew {
		need.MinTTL.Most, need.MinTTL.Part = runTTL.Most, runTTL.Part
	}
	c, err := obtain(ctx, s, need)
	if err != nil {
		return nil, err
	}
	env.dropAWS()
	if !r.renew {
		env.setKeys(c)
		env.setRegion(r.region)
		return nil, nil
	}
	served, err := serveKeys(need.MinTTL, c, r.renewed, func(err error) string { return explainRenewal(r.keys, err) })
	if err != nil {
		return nil, err
	}
	env.set(plugin.ContainerCredentialsURI, served.url)
	env.set(plugin.ContainerAuthorization, served.token)
	for _, what := range env.hideDefaultProfile() {
		s.Log.Warn(what)
	}
	env.setRegion(r.region)
	return served, nil
}

// renewed gets keys while the command runs: from the cache, by a refresh and an
// exchange, but from nobody who would have to be asked over the command's head.
// Nothing is said but to a log that was asked for.
func (r *runner) renewed(ctx context.Context) (credential.Credential, error) {
	o := *r.keys
	o.force, o.explain = false, false
	if o.logFile == "" && !o.verbose && !o.given["log-level"] {
		o.logLevel = "error"
	}
	s, err := newSession(&o, nil) // a session's memory is one run's
	if err != nil {
		return credential.Credential{}, err
	}
	s.Person = session.Person{Timeout: o.loginTimeout, Choose: nobodyDuringCommand}
	return obtain(ctx, s, o.need(findTool(toolAWS).chain(&o, s)))
}

// obtain returns the stored credential if it is good enough, else a new one.
func obtain(ctx context.Context, s *session.Session, need session.Need) (credential.Credential, error) {
	c, ok, err := s.Cached(need)
	if err != nil || ok && !need.Force {
		return c, err
	}
	return s.Credential(ctx, need)
}

// commandError is a command that could not be started.
type commandError struct {
	argv []string
	err  error
}

func (e *commandError) Error() string {
	why := e.err
	var lookup *exec.Error
	if errors.As(e.err, &lookup) {
		why = lookup.Err
	}
	if errors.Is(why, exec.ErrNotFound) {
		return fmt.Sprintf("run %s: there is no such command on the PATH", e.argv[0])
	}
	return fmt.Sprintf("run %s: %v", e.argv[0], why)
}
func (e *commandError) Unwrap() error { return e.err }

// ExitsWith is what a shell says.
func (e *commandError) ExitsWith() int {
	if errors.Is(e.err, exec.ErrNotFound) || errors.Is(e.err, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitNotRunnable
}

// notRun is a command that could not be started, and what may be meant by it.
func notRun(argv []string, err error) error {
	e := &commandError{argv, err}
	return fault.Hint(e, e.hints()...)
}

func (e *commandError) hints() []string {
	switch {
	case strings.Contains(e.argv[0], " "):
		return []string{"a command and its arguments are words of their own; for a line of a shell: -- sh -c 'LINE'"}
	case errors.Is(e.err, syscall.ENOEXEC) && isText(e.argv[0]):
		ours := os.Args[1 : len(os.Args)-len(e.argv)]
		return []string{"a script without #! needs its interpreter, here a shell: " + commandline.Line(runtime.GOOS, slices.Concat([]string{"sso-exec"}, ours, []string{"sh"}, e.argv)...)}
	}
	return nil
}

// isText reports whether a file may be a script: what was built for another
// machine, or was cut short, is none for a shell.
func isText(name string) bool {
	path, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begin, err := io.ReadAll(io.LimitReader(f, 4096))
	return err == nil && len(begin) > 0 && bytes.IndexByte(begin, 0) < 0
}
