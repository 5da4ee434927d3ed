// Package cli is the command line: the root command, which leads to the families of
// commands, each a package; help, and what a shell completes.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/account"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/configure"
	"github.com/sso-exec/sso-exec/internal/cli/doctor"
	"github.com/sso-exec/sso-exec/internal/cli/keys"
	"github.com/sso-exec/sso-exec/internal/cli/run"
	"github.com/sso-exec/sso-exec/internal/cli/tools"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// Run runs a command line and returns its exit code.
func Run(args []string) int {
	root := NewRoot()
	root.SetArgs(args)
	// What cobra itself fails with, an unknown command or flag, is usage.
	cmd, err := root.ExecuteContextC(command.WithSignals())
	if err == nil {
		return 0
	}
	var failed *command.Failure
	if !errors.As(err, &failed) {
		words, hints := inOurWords(args)
		if words != "" {
			err = fmt.Errorf("unknown command %q", words)
		}
		if cmd.Name() == "help" { // whose own help lists no commands
			cmd = root
		}
		failed = &command.Failure{Err: fault.InUsage(err, append(hints, fmt.Sprintf("see: %s --help", cmd.CommandPath()))...)}
	}
	recordRefused(failed)
	if tools.Failed(failed) {
		return 0
	}
	if !fault.Holds[*fault.Silent](failed.Err) {
		command.Complain(failed.Settings, failed.Err)
	}
	return command.ExitCode(failed.Err)
}

// recordRefused writes a call that was to give a credential, and ended without one, to
// the audit trail. A wrong command line is no such call, nor is what run's command did.
func recordRefused(f *command.Failure) {
	gives := []string{settings.ToolKube, settings.ToolEKS, settings.ToolGKE, settings.ToolAKS, settings.ToolAWS,
		settings.ToolToken, settings.ToolGCP,
		settings.ToolRun, settings.ToolLogin}
	_, coded := errors.AsType[fault.Coded](f.Err)
	if f.Settings != nil && (f.Settings.AsksByHost() || slices.Contains(gives, f.Settings.Tool)) && !coded &&
		command.ExitCode(f.Err) != command.ExitUsage {
		acquire.Refused(f.Settings, f.Err)
	}
}

// NewRoot makes the command sso-exec with all that are below it.
func NewRoot() *cobra.Command {
	versionAsked := false
	root := &cobra.Command{
		Use:   "sso-exec",
		Short: "one sign-in for every command line",
		Long:  "Sign in once; get credentials for kubectl, AWS, git and any API.",
		Example: "  sso-exec setup provider login.example.com\n" +
			"  sso-exec login --issuer https://login.example.com --client-id cli",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return command.Unknown(cmd, "command", args[0])
			case versionAsked:
				return printVersion(cmd)
			}
			return cmd.Help()
		},
		SuggestionsMinimumDistance: 2,
	}
	// not -v, which is --verbose elsewhere
	root.Flags().BoolVar(&versionAsked, "version", false, "the same as the command version")
	root.Flags().Lookup("version").Hidden = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if errors.Is(err, pflag.ErrHelp) { // --help-all
			return err
		}
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
			wrong := "--" + unknown.GetSpecifiedName()
			if unknown.GetSpecifiedShortnames() != "" {
				wrong = wrong[1:]
			}
			switch near := nearFlag(cmd, wrong); near {
			case "":
			case clientSecret:
				return fmt.Errorf("%w: a secret on a command line can be read by others; use --client-secret-file FILE or the "+
					"variable %s", err, settings.SecretVariable)
			default:
				return fmt.Errorf("%w (did you mean --%s?)", err, near)
			}
		}
		if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			return fmt.Errorf("--%s: %w", invalid.GetFlag().Name,
				cmp.Or(config.Misread(invalid.GetFlag().Value.Type(), invalid.GetValue()), errors.Unwrap(err)))
		}
		return err
	})
	tools.Version = versionText()
	for _, t := range tools.All {
		root.AddCommand(tools.New(t))
	}
	root.AddCommand(account.NewLogin(), account.NewLogout(), account.NewStatus(), account.NewWhoami(), account.NewOrg(),
		account.NewProfile(), account.NewAudit(), run.New(), newSetup(), configure.New(), configure.NewPolicy(), keys.New(),
		doctor.New(versionText()), newCompletion(), newVersion())
	root.SetHelpCommand(NewHelp())
	setHelp(root)
	setCompletions(root)
	return root
}

// NewHelp is cobra's help command, but that it fails for what it does not know.
func NewHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "explain a command", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return command.Unknown(cmd.Root(), "command", args[0])
			}
			return about.Help()
		},
	}
}
