// Package command is what all commands share: settings from flags, failures with
// their exit codes and hints, signals.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// Each calls do for a command and all that are below it.
func Each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		Each(c, do)
	}
}

// FirstOf completes the first argument, and none after it.
func FirstOf(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, word)
	}
}

// ConfigFlag gives a command the flag --config and no other of a session.
func ConfigFlag(cmd *cobra.Command) {
	settings.For(cmd.Name()).Bind(cmd.Flags(), "config")
}

// ForTool annotates a command that a tool calls; with a value, one of those that help shows in one line.
const ForTool = "sso-exec_for_tool"

// Failure is a command's failure together with its settings.
type Failure struct {
	Settings *settings.Resolved
	Err      error
}

func (e *Failure) Error() string { return e.Err.Error() }

// Failed is a failure with its settings, which may be nil; nil where err is.
func Failed(o *settings.Resolved, err error) error {
	if err == nil {
		return nil
	}
	return &Failure{o, err}
}

// OfOthers makes a command one that is only there for those below it, each of which
// is a what: without a word it explains itself.
func OfOthers(c *cobra.Command, what string, below ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return Unknown(cmd, what, args[0])
	}
	c.AddCommand(below...)
	return c
}

// Unknown is the error about a word that is not a command below cmd.
func Unknown(cmd *cobra.Command, what, word string) error {
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		nearest := cmp.Or(commandline.Nearest(word, near), near[0])
		return fmt.Errorf("unknown %s %q (did you mean %q?)", what, word, nearest)
	}
	return fmt.Errorf("unknown %s %q", what, word)
}

// NoArgs is cobra.NoArgs in words that fit a command without subcommands.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s takes no arguments, but got %q", strings.TrimPrefix(cmd.CommandPath(), "sso-exec "), args[0])
	if cmd.Flags().Lookup("profile") != nil {
		text += ": a profile is a flag here, --profile NAME"
	}
	return errors.New(text)
}

// OneProfile accepts the name of a profile. It counts as --profile.
func OneProfile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s accepts one profile, but got %q", cmd.CommandPath(), args)
	}
	return nil
}

// WithFlags gives a command its flags, and its run the settings read from them,
// which must name a session.
func WithFlags(o *settings.Resolved, cmd *cobra.Command, do func(context.Context) error) *cobra.Command {
	return WithSettings(o, cmd, func(ctx context.Context, _ []string) error {
		var err error
		if o.Tool != settings.ToolOrg { // which gives no credential
			err = ForAgent(o)
		}
		if err == nil {
			err = o.Check()
		}
		if err != nil {
			return err
		}
		return do(ctx)
	})
}

// ForAgent makes settings what a coding agent gets, where this runs under one.
// Every command that gives a credential calls it first.
func ForAgent(o *settings.Resolved) error {
	err := o.ForAgent()
	says := o.Report.Explain || o.Tool == settings.ToolLogin && o.InsteadOf != nil // or somebody signs in to another one
	if err != nil || !says || o.Agent.Name == "" {
		return err
	}
	what := "gets all that was asked for"
	if o.InsteadOf != nil {
		what = fmt.Sprintf("gets profile %q: agents in %s", o.Source.Profile, o.InsteadOf.Rule.Where)
	}
	fmt.Fprintf(talk.Stderr, "sso-exec: coding agent %s %s\n", o.AgentSeen(), what)
	return nil
}

// WithSettings is withFlags for a command that may do without an issuer; do is
// also given the arguments.
func WithSettings(o *settings.Resolved, cmd *cobra.Command, do func(context.Context, []string) error) *cobra.Command {
	return WithStored(o, cmd, nil, do)
}

// WithStored is withSettings for a command that may look at all that is stored,
// which it can whatever stands in the config: anyway tells whether it does.
func WithStored(o *settings.Resolved, cmd *cobra.Command, anyway func(args []string) bool,
	do func(context.Context, []string) error) *cobra.Command {
	o.Bind(cmd.Flags())
	cmd.Flags().SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		warnUnread()
		var err error
		if len(args) == 1 && o.NamesProfile(args[0]) {
			err, args = o.NameProfile(args[0]), nil
		}
		if err == nil {
			err = o.Read(func() bool { return anyway != nil && anyway(args) })
		}
		if err == nil {
			err = do(cmd.Context(), args)
		}
		return Failed(o, err)
	}
	return cmd
}

// CheckOutput refuses what --output of a command for people does not take.
func CheckOutput(output string) error {
	if output != "text" && output != "json" {
		return fault.Usagef("invalid --output %q: use text or json", output)
	}
	return nil
}

// warnUnread names our variables that no command reads: a slip. Calls that are answered
// from the cache do not come here, so that a tool that calls often is not told often.
func warnUnread() {
	var known []string
	for _, name := range append(settings.Variables(), workload.GitLabVariable) {
		known = append(known, strings.TrimPrefix(name, commandline.OwnPrefix))
	}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		word, ours := strings.CutPrefix(commandline.Fold(name), commandline.OwnPrefix)
		if !ours || slices.Contains(known, word) || value == "" {
			continue
		}
		hint := ""
		if near := commandline.Nearest(strings.ToUpper(word), known); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", commandline.OwnPrefix+near)
		}
		talk.Warn(fmt.Errorf("unknown variable %s%s", name, hint))
	}
}
