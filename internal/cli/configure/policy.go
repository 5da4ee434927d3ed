package configure

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// NewPolicy makes the command about the system's policy.
func NewPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "explain the system's policy",
		Long: `Explain what the administrator of this machine allows. The policy is a file that
only root can write; see docs/policy.md.`,
		Example: "  sso-exec policy explain",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return command.Unknown(cmd, "command", args[0])
		},
	}
	c.AddCommand(newPolicyExplain())
	return c
}

// explained is what policy explain -o json prints. Fields are only ever added.
type explained struct {
	Path    string          `json:"path"`
	Exists  bool            `json:"exists"`
	Error   string          `json:"error,omitempty"` // why it cannot be used, so that nothing is allowed
	Profile string          `json:"profile,omitempty"`
	Rules   []explainedRule `json:"rules"`
}

type explainedRule struct {
	Rule    string `json:"rule"`
	Value   string `json:"value"`
	Here    string `json:"here"`
	Forbids bool   `json:"forbids"`
}

func newPolicyExplain() *cobra.Command {
	o := settings.For(settings.ToolAWS) // which has all settings that a profile can have
	output := "text"
	c := &cobra.Command{
		Use:   "explain",
		Short: "say what each rule of the policy changes here",
		Long: `Print the system's policy, and what each rule changes for you and the profile
that is used: with the same flags and variables as another command. It needs no
profile, and works whatever the policy says.`,
		Example: "  sso-exec policy explain --profile corp\n  sso-exec policy explain -o json",
		Args:    command.NoArgs,
	}
	c.Flags().SortFlags = false
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	o.Bind(c.Flags())
	c.RunE = func(*cobra.Command, []string) error {
		if err := errors.Join(command.CheckOutput(output), explainPolicy(o, output)); err != nil {
			return &command.Failure{Settings: o, Err: err}
		}
		return nil
	}
	return c
}

func explainPolicy(o *settings.Resolved, output string) error {
	path, err := policy.Path()
	e := explained{Path: path, Rules: []explainedRule{}}
	if err == nil {
		_, err = policy.Load()
	}
	if err != nil {
		e.Exists, e.Error = true, err.Error()
	}
	if err := o.ReadPolicy(true); err != nil { // which warns of it
		return err
	}
	// What is wrong with the settings is another command's to tell.
	for _, read := range []func() error{o.FillFromEnvironment, o.FillFromConfig, o.Settle} {
		if err := read(); err != nil {
			talk.Warn(err)
		}
	}
	e.Profile = o.Source.Profile
	for _, x := range o.Effects() {
		e.Rules = append(e.Rules, explainedRule{x.Rule, x.Value, x.Here, x.Forbids})
	}
	e.Exists = e.Exists || o.Policy != nil
	if output == "json" {
		return talk.PrintJSON(e)
	}
	var b strings.Builder
	switch {
	case e.Error != "":
		fmt.Fprintf(&b, "%s cannot be used: nothing is allowed\n", path)
	case !e.Exists:
		fmt.Fprintf(&b, "no policy at %s: nothing is forbidden\n", path)
	default:
		fmt.Fprintf(&b, "policy  %s\nprofile %s\n", path, talk.OneLine(orNone(e.Profile)))
	}
	for _, r := range e.Rules {
		mark := "   "
		if r.Forbids {
			mark = " ! "
		}
		fmt.Fprintf(&b, "\n%s: %s\n%s%s\n", r.Rule, talk.OneLine(r.Value), mark, talk.OneLine(r.Here))
	}
	_, err = fmt.Fprint(talk.Out, talk.Fold(b.String(), os.Stdout))
	return err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// validatePolicy checks a file as a policy, whoever it belongs to, and the config that
// goes with it if one is named by hand.
func validatePolicy(path, named string, byHand bool) error {
	text, err := userfile.Read(path)
	if err != nil {
		return fault.Usagef("--policy: %w", err)
	}
	p, err := policy.Parse(path, text)
	if err != nil {
		return fault.Hint(err)
	}
	if byHand {
		paths := config.Paths{System: config.SystemPath(), Named: named}
		if err = validate(paths); err == nil {
			err = settings.LostProfile(p, paths)
		}
	} else if err := settings.LostProfile(p, config.Paths{System: config.SystemPath()}); err != nil {
		talk.Warn(err) // the config may be yet to be installed too
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(talk.Out, "%s: nothing is wrong\n", talk.OneLine(path))
	return err
}
