package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// run runs a command line and returns its exit code.
func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	// What cobra itself fails with, an unknown command or flag, is usage.
	cmd, err := root.ExecuteContextC(withSignals())
	if err == nil {
		return 0
	}
	var failed *runError
	if !errors.As(err, &failed) {
		failed = &runError{nil, fault.InUsage(err, fmt.Sprintf("see: %s --help", cmd.CommandPath()))}
	}
	var said *fault.Silent
	if !errors.As(failed.err, &said) {
		complain(failed.o, failed.err)
	}
	return exitCode(failed.err)
}

// runError is a command's failure together with its settings.
type runError struct {
	o   *options
	err error
}

func (e *runError) Error() string { return e.err.Error() }

func newRoot() *cobra.Command {
	versionAsked := false
	root := &cobra.Command{
		Use:           "sso-exec",
		Short:         "one sign-in for every command line",
		Long:          "sso-exec turns one sign-in into whatever credential the tool in front speaks.",
		Example:       "  sso-exec login --issuer https://login.example.com --client-id cli\n  sso-exec kube --issuer https://login.example.com --client-id cli",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknown(cmd, "command", args[0])
			case versionAsked:
				return printVersion(cmd)
			}
			return cmd.Help()
		},
		SuggestionsMinimumDistance: 2,
	}
	root.Flags().BoolVar(&versionAsked, "version", false, "the same as the command version") // not -v, which is --verbose elsewhere
	root.Flags().Lookup("version").Hidden = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var unknown *pflag.NotExistError
		if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" { // nothing is near to one letter
			names := []string{"client-secret"}
			cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
			switch near := config.Nearest(strings.ToLower(unknown.GetSpecifiedName()), names); near {
			case "":
			case names[0]:
				return fmt.Errorf("%w: a secret on a command line can be read by others; use --client-secret-file FILE or the variable %s", err, secretVariable)
			default:
				return fmt.Errorf("%w (did you mean --%s?)", err, near)
			}
		}
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, badValue(invalid.GetFlag(), invalid.GetValue(), errors.Unwrap(err)))
		}
		return err
	})
	for _, t := range tools {
		root.AddCommand(newTool(t))
	}
	root.AddCommand(newLogin(), newLogout(), newStatus(), newWhoami(), newOrg(), newRun(), newSetup(), newConfig(), newAPIKey(), newCompletion(), newVersion())
	root.SetHelpCommand(newHelp())
	setHelp(root)
	setCompletions(root)
	return root
}

// unknown is the error about a word that is no command below cmd.
func unknown(cmd *cobra.Command, what, word string) error {
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		return fmt.Errorf("unknown %s %q (did you mean %q?)", what, word, near[0])
	}
	return fmt.Errorf("unknown %s %q", what, word)
}

// newHelp is cobra's help command, but that it fails for what it does not know.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "explain a command", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknown(cmd.Root(), "command", args[0])
			}
			return about.Help()
		},
	}
}

// newTool makes a tool's command.
func newTool(t *tool) *cobra.Command {
	o := newOptions(t.name)
	return withFlags(o, &cobra.Command{
		Use: t.name, Short: t.short, Long: t.long, Example: t.example, Args: noArgs,
	}, func(ctx context.Context) error {
		if t.check != nil {
			if err := t.check(o); err != nil {
				return err
			}
		}
		if o.apiKey != "" {
			return printAPIKey(ctx, o)
		}
		s, err := newSession(o, t)
		if err != nil {
			return err
		}
		need := o.need(t.chain(o, s))
		c, cached, err := s.Cached(need)
		if err != nil {
			return err
		}
		if !cached || o.force {
			if c, err = s.Credential(ctx, need); err != nil {
				return err
			}
			if o.explain && !o.explained {
				fmt.Fprintln(stderr, "sso-exec: renewed, and nobody was asked to sign in")
			}
		} else if o.explain {
			fmt.Fprintf(stderr, "sso-exec: answered from the cache; it lasts %s\n", lasting(c))
		}
		doc, err := t.encode(o, c)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(doc)
		return err
	})
}

// noArgs is cobra.NoArgs in words that fit a command without subcommands.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Lookup("profile") != nil:
		return fmt.Errorf("%s takes no arguments, but got %q: a profile is a flag here, --profile NAME", cmd.CommandPath(), args[0])
	}
	return fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
}

// oneProfile accepts the name of a profile. It counts as --profile.
func oneProfile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s accepts one profile, but got %q", cmd.CommandPath(), args)
	}
	return nil
}

// nameProfile has a word of the command line name the profile.
func (o *options) nameProfile(word string) error {
	if f := o.flags.Lookup("profile"); f.Changed && f.Value.String() != word {
		return fault.Usagef("--profile %s and the profile %q contradict each other: leave one of them out", quote(f.Value.String()), word)
	}
	if u, err := url.Parse(word); err == nil && u.Scheme != "" && u.Host != "" {
		return fault.InUsage(fmt.Errorf("%q is not the name of a profile", word), "an issuer is a flag: --issuer URL --client-id ID")
	}
	return o.flags.Set("profile", word)
}

// lasting tells how long a credential is good for.
func lasting(c credential.Credential) string {
	if c.ExpiresAt.IsZero() {
		return "until the provider says otherwise"
	}
	return "another " + rough(time.Until(c.ExpiresAt))
}

// withFlags gives a command its flags, and its run the settings read from them,
// which must name a session.
func withFlags(o *options, cmd *cobra.Command, do func(context.Context) error) *cobra.Command {
	return withSettings(o, cmd, func(ctx context.Context, _ []string) error {
		if err := o.check(); err != nil {
			return err
		}
		return do(ctx)
	})
}

// withSettings is withFlags for a command that may do without an issuer; do is
// also given the arguments.
func withSettings(o *options, cmd *cobra.Command, do func(context.Context, []string) error) *cobra.Command {
	return withStored(o, cmd, nil, do)
}

// withStored is withSettings for a command that may look at all that is stored,
// which it can whatever stands in the config: anyway tells whether it does.
func withStored(o *options, cmd *cobra.Command, anyway func(args []string) bool, do func(context.Context, []string) error) *cobra.Command {
	cmd.Flags().AddFlagSet(o.flags)
	cmd.Flags().SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		warnUnread(cmd.Root())
		var err error
		if len(args) == 1 && o.namesProfile(args[0]) {
			err, args = o.nameProfile(args[0]), nil
		}
		if err == nil {
			err = o.read(func() bool { return anyway != nil && anyway(args) })
		}
		if err == nil {
			err = do(cmd.Context(), args)
		}
		if err != nil {
			return &runError{o, err}
		}
		return nil
	}
	return cmd
}

// newSession puts the rooms together.
func newSession(o *options, t *tool) (*session.Session, error) {
	log, err := newLog(o)
	if err != nil {
		return nil, err
	}
	hc, err := o.newHTTP(log)
	if err != nil {
		return nil, err
	}
	o.http = hc
	s := &session.Session{
		Request: o.request(), Dialect: o.dialect(), ProviderKey: o.providerKey(),
		SignIn: flows.SignIn{
			Scopes: o.request().Scopes, Audience: o.audience, Resources: o.resources,
			Organization: o.organizationAsked(), RedirectURIs: o.redirectURIs, LoginHint: o.loginHint, AuthParams: o.params(),
			StepUp: o.stepUp(), PAR: o.par, NoOffline: o.offline == "never",
		},
		HTTP: hc, Started: started, Log: log, Reach: o.reach(),
	}
	switch {
	case o.store == "none":
	case o.cacheDir == "":
		_, err := userfile.Home()
		log.Warn("nothing is kept: " + err.Error() + "; set it, or name a place with --cache-dir")
	default:
		said := map[string]bool{}
		s.Store = cache.Open(o.cacheDir, func(what string) {
			if !said[what] {
				said[what] = true
				log.Warn(what)
			}
		})
		s.Store.UseKeyring = o.store == "keyring" && o.identity != credential.Service // who has no refresh token
		s.Store.Stay = !o.movesStore()
		s.Store.Waiting = func(h cache.Holder) {
			if (h.Purpose == cache.LockSignIn || h.Purpose == cache.LockPrompt) && sameTerminal(h.PID) {
				return // its prompt is seen here
			}
			log.Warn(fmt.Sprintf("waiting for another sso-exec (process %d), which is busy with a %s since %s",
				h.PID, h.Purpose, h.Since.Local().Format(time.TimeOnly)))
		}
	}
	o.live = s
	s.Person = newPerson(o, t)
	s.NewClient = func(ctx context.Context) (flows.Client, error) { return o.newClient(ctx, hc) }
	if o.identity == credential.Service {
		s.Grant = newGrant(o, s)
	}
	return s, nil
}

// movesStore reports whether a session that exists may move to the store that is
// set: login does that, and a profile. The flags and variables of what a tool
// calls are its caller's, who is not to choose where a secret is kept.
func (o *options) movesStore() bool {
	return o.flags.Changed("store") && (o.tool == toolLogin || !o.given["store"])
}

// started is when this process began; a credential stored since is new enough
// under --force.
var started = time.Now()

// params are the further parameters of the authorization request, or of a
// service's request for a token.
func (o *options) params() []flows.Param { return paramsOf(o.authParams) }

func paramsOf(list []string) (params []flows.Param) {
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		params = append(params, flows.Param{Name: name, Value: value})
	}
	return params
}
