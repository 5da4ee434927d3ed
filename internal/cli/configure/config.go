// Package configure has the commands of the config file.
package configure

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// New makes the commands that show, check and change the settings.
func New() *cobra.Command {
	return command.OfOthers(&cobra.Command{
		Use:   "config",
		Short: "show, check and change the settings",
		Long: `Show, check and change the settings. They are flags, variables and profiles in
config files: the system's, and above it your own or the one that you name.`,
		Example: "  sso-exec config view --origin",
	}, "command", newConfigView(), newConfigPath(), newConfigValidate(), newConfigEdit(), newConfigSchema())
}

func newConfigView() *cobra.Command {
	o := settings.For(settings.ToolAWS) // which has all settings that a profile can have
	origins, output := false, "text"
	c := &cobra.Command{
		Use:   "view",
		Short: "print the settings that are used here",
		Long: `Print the settings that a command would use here, with the same flags and
variables, as a config file that means the same by itself: with what the
profile extends, the files merged, and absolute paths. Defaults are left out.
A secret is never shown, only where it is. -o json: the same as JSON.`,
		Example: "  sso-exec config view --profile corp --origin\n  sso-exec config view -o json",
		Args:    command.NoArgs,
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&origins, "origin", false, "say behind each value where it came from")
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	o.Bind(c.Flags())
	c.RunE = func(*cobra.Command, []string) error {
		err := command.CheckOutput(output)
		if err == nil {
			err = printView(o, origins, output == "json")
		}
		return command.Failed(o, err)
	}
	return c
}

func printView(o *settings.Resolved, origins, asJSON bool) error {
	p, head, err := view(o)
	switch {
	case err != nil:
		return err
	case asJSON:
		return talk.PrintJSON(p.JSON(settings.ProfileKeys(), origins))
	}
	if c, err := o.ConfigPaths().Open(); err == nil && origins && !o.From.Given("profile") {
		if name, at := c.Default(); name != "" && name == p.Name {
			head += fmt.Sprintf("# The default profile, by %s.\n", talk.OneLine(fmt.Sprint(at)))
		}
	}
	return talk.Print(head + string(p.YAML(settings.ProfileKeys(), origin(origins))))
}

// origin puts where a value came from behind its line; on a terminal that is too narrow
// for both, above it. nil: nowhere.
func origin(wanted bool) func(line, from string) string {
	if !wanted {
		return nil
	}
	return func(line, from string) string {
		columns := talk.Columns()
		if whole := line + " # " + from; utf8.RuneCountInString(whole) <= columns {
			return whole
		}
		mark := line[:len(line)-len(strings.TrimLeft(line, " "))] + "# "
		return mark + strings.ReplaceAll(talk.Wrap(from, columns-len(mark)), "\n", "\n"+mark) + "\n" + line
	}
}

// view is the profile that is used, with what flags and variables say; head is what
// else there is to say of it.
func view(o *settings.Resolved) (p *config.Profile, head string, err error) {
	if err := errors.Join(o.ReadPolicy(true), o.FillFromEnvironment()); err != nil {
		return nil, "", err
	}
	p, err = settings.LoadProfile(o)
	if err == nil && p != nil {
		err = o.FillFromProfile(p.Settings)
	}
	if err != nil {
		return nil, "", err
	}
	if p == nil {
		p = &config.Profile{Name: "default", Settings: map[string]config.Value{}}
		head = "# No profile is in use: only flags and variables set what is shown here.\n"
	}
	for _, r := range settings.Rows(o.Tool) {
		key, values := r.Key(), r.Get(&o.Settings)
		// or the profile stood above the flag
		if key == "" || !o.From.Given(r.Name) || slices.Equal(values, p.Settings[key].Values) {
			continue
		}
		p.Settings[key] = config.Value{Values: values, Origin: config.Origin{Path: o.From.Where(r.Name), Profile: p.Name}}
	}
	if os.Getenv(settings.SecretVariable) != "" && !o.From.Given("client-secret-file") {
		delete(p.Settings, "client-secret-file")
		head += "# The client's secret is in the variable " + settings.SecretVariable + ".\n"
	}
	return p, head, nil
}

func newConfigPath() *cobra.Command {
	c := &cobra.Command{
		Use:   "path",
		Short: "print which config files are looked at",
		Long: `Print which config files are looked at, the lowest first, and what was found
there. A file that --config or SSO_EXEC_CONFIG names replaces your own.`,
		Example: "  sso-exec config path",
		Args:    command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var rows [][]string
			layers, paths := config.DefaultPaths(lookup.NamedConfig(cmd)).Each()
			for i, path := range paths {
				rows = append(rows, []string{layers[i].String(), path, lookup.FoundAt(layers[i], path)})
			}
			_, err := os.Stdout.WriteString(talk.Grid(nil, rows))
			return command.Failed(nil, err)
		},
	}
	command.ConfigFlag(c)
	return c
}

func newConfigValidate() *cobra.Command {
	policyFile := ""
	c := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "check all profiles of the config files",
		Long: `Check everything in the config files, or in FILE in place of your own. Errors
are reported by line, also in profiles that nobody uses now. The exit code is 2
then, and 6 if others can write to a file. The system's policy is checked too
(exit code 6); --policy checks one before you install it, alone or together with
the config FILE.`,
		Example: "  sso-exec config validate\n  sso-exec config validate ./config.yaml\n" +
			"  sso-exec config validate --policy ./policy.yaml ./config.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes one file, but got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			named := lookup.NamedConfig(cmd)
			if len(args) == 1 {
				named = args[0]
			}
			if policyFile != "" {
				return command.Failed(nil, validatePolicy(policyFile, named, len(args) == 1 || cmd.Flags().Changed("config")))
			}
			p, err := policy.Load()
			if err == nil {
				err = validate(config.DefaultPaths(named))
			}
			if err == nil {
				err = settings.LostProfile(p, config.Paths{System: config.SystemPath()})
			}
			if err != nil {
				return &command.Failure{Err: err}
			}
			if p != nil {
				fmt.Fprintf(talk.Out, "%s: nothing is wrong\n", p.Path)
			}
			return nil
		},
	}
	command.ConfigFlag(c)
	c.Flags().StringVar(&policyFile, "policy", "", "check this `file` as a policy instead")
	return c
}

// validate tells what is wrong with the config files, and says so if it is
// nothing.
func validate(paths config.Paths) error {
	found := paths.Validate(settings.ProfileKeys())
	if len(found) > 0 {
		return findingsError(found)
	}
	layers, all := paths.Each()
	none := true
	for i, path := range all {
		if _, err := config.ReadFile(path, layers[i]); err == nil {
			none = false
			fmt.Fprintf(talk.Out, "%s: nothing is wrong\n", talk.OneLine(path))
		}
	}
	if none {
		fmt.Fprintf(talk.Out, "no config file at %s\n", talk.OneLine(strings.Join(all, " or ")))
	}
	return nil
}

// findingsError tells what was found, if it is more than one thing, and returns an
// error about it.
func findingsError(found []config.Finding) error {
	var unsafe *userfile.UnsafeError
	for _, x := range found {
		if len(found) > 1 {
			fmt.Fprintln(talk.Stderr, talk.OneLine(x.Error()))
		}
		if unsafe == nil {
			errors.As(x, &unsafe)
		}
	}
	switch {
	case unsafe != nil:
		return fmt.Errorf("config: %w", unsafe)
	case len(found) == 1:
		return fault.Usagef("config: %w", found[0])
	}
	return fault.Usagef("config: %d things are wrong", len(found))
}

func newConfigSchema() *cobra.Command {
	ofPolicy := false
	c := &cobra.Command{
		Use:   "schema",
		Short: "print a JSON Schema of config files, for editors",
		Long: `Print a JSON Schema of config files. An editor that has one completes keys and
marks what is wrong. With the YAML language server, save it next to the file and
make this line the file's first:

  # yaml-language-server: $schema=config.schema.json`,
		Example: "  sso-exec config schema > ~/.config/sso-exec/config.schema.json",
		Args:    command.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := config.Schema(settings.ProfileKeys())
			if ofPolicy {
				text = policy.Schema()
			}
			_, err := os.Stdout.Write(text)
			return command.Failed(nil, err)
		},
	}
	c.Flags().BoolVar(&ofPolicy, "policy", false, "the schema of the system's policy")
	return c
}
