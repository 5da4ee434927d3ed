package cli

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// setHelp gives all commands the help of this file, and adds the topic settings.
func setHelp(root *cobra.Command) {
	all := false
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		command.WarnOfPolicy()
		text := helpText
		if all || cmd.Name() == topicSettings {
			text = fullHelp
		}
		if _, err := fmt.Fprint(cmd.OutOrStdout(), text(cmd, helpWidth())); err != nil { // which cobra has no way for
			command.Complain(nil, err)
			os.Exit(command.ExitCode(err))
		}
	})
	root.PersistentFlags().Var((*helpAll)(&all), "help-all", "explain every flag")
	root.PersistentFlags().Lookup("help-all").NoOptDefVal = "true"
	root.PersistentFlags().Lookup("help-all").Hidden = true // --help names it
	root.AddCommand(newSettingsTopic())
	root.InitDefaultHelpCmd()
	command.Each(root, func(cmd *cobra.Command) {
		cmd.SuggestionsMinimumDistance = 2 // a wrong word gets the near one everywhere
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			// Shells show a usage as it is.
			f.Annotations = map[string][]string{valueName: {placeholder(f)}}
			f.Usage = strings.ReplaceAll(f.Usage, "`", "")
		})
		if cmd.Parent() != root {
			return
		}
		if cmd.Name() == "help" {
			cmd.Long = "Explain a command, or with the word settings all settings of a sign-in."
			cmd.Example = "  sso-exec help setup kube\n  sso-exec setup kube --help-all\n  sso-exec help settings"
			cmd.Flags().BoolVar(&all, "all", false, "every flag, and all that it means")
		}
		// They are accepted, so that a command line can be taken over, but not shown.
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if r := settings.RowOf(f); r != nil && r.IsIdle(cmd.Name()) {
				f.Hidden = true
			}
		})
	})
}

// helpAll is the flag --help-all: it ends the reading of a command line as --help does.
type helpAll bool

func (a *helpAll) String() string   { return "" }
func (a *helpAll) Type() string     { return "bool" }
func (a *helpAll) Set(string) error { *a = true; return pflag.ErrHelp }

// topicSettings is explained by help, and is no command.
const topicSettings = "settings"

func newSettingsTopic() *cobra.Command {
	c := &cobra.Command{
		Use:   topicSettings,
		Short: "the settings of a sign-in, which many commands share",
		Long: `The settings of a sign-in. Each is a flag of the commands that use it, a
variable (--client-id is SSO_EXEC_CLIENT_ID) and, with few exceptions, a key of
a profile in the config file. A flag overrides a variable, and both override
the profile.`,
	}
	c.Flags().SortFlags = false
	settings.For(settings.ToolAWS).Bind(c.Flags())
	return c
}

// valueName annotates a flag with what stands for its value.
const valueName = "sso-exec_value_name"

// helpWidth is how wide help is: 80 columns, or a terminal's if it has fewer.
// Where stdout is a pager's, stderr still tells.
func helpWidth() int {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if t := terminal.Of(f); t != nil {
			columns, _ := t.Size()
			return min(columns, 80)
		}
	}
	return 80
}

func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND [flags]"
	}
	return cmd.UseLine()
}

// helpGroup is a heading with rows of a name and what it means.
type helpGroup struct {
	heading string
	rows    [][2]string
}

// order is that of the root's commands for people; others come after these.
var order = []string{"login", "status", "whoami", "org", "logout", "run", "setup", "config"}

// commandGroups lists the commands below one; the root's by whom they are for,
// and those that every program has by name alone.
func commandGroups(cmd *cobra.Command) (groups []helpGroup, others []string) {
	var all, tools, people [][2]string
	var byName []string // tools that each have a protocol of their own
	for _, c := range cmd.Commands() {
		row := [2]string{c.Name(), c.Short}
		protocol, isTool := c.Annotations[command.ForTool]
		switch {
		case cmd.HasParent() && c.IsAvailableCommand():
			all = append(all, row)
		case slices.Contains([]string{"audit", "completion", "doctor", "help", "policy", "profile", "version"}, c.Name()):
			others = append(others, c.Name())
		case !c.IsAvailableCommand():
		case isTool && protocol != "":
			byName = append(byName, c.Name())
		case isTool:
			tools = append(tools, row)
		default:
			people = append(people, row)
		}
	}
	if len(byName) > 0 {
		tools = append(tools, [2]string{"or one of", strings.Join(byName, ", ")})
	}
	rank := func(row [2]string) int { return (slices.Index(order, row[0]) + len(order) + 1) % (len(order) + 1) }
	sort.SliceStable(people, func(i, j int) bool { return rank(people[i]) < rank(people[j]) })
	groups = []helpGroup{{"Commands", all}, {"For a tool to call", tools}, {"For a person", people}}
	return slices.DeleteFunc(groups, func(g helpGroup) bool { return len(g.rows) == 0 }), others
}

// shownGroup is a heading with the flags below it.
type shownGroup struct {
	heading string
	flags   []*pflag.Flag
}

// fewFlags are so many that they need no headings.
const fewFlags = 8

// groupsOf sorts the flags of a command under headings, its own first.
func groupsOf(cmd *cobra.Command) []shownGroup {
	var all []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			all = append(all, f)
		}
	})
	var own []*pflag.Flag
	for _, f := range all {
		r := settings.RowOf(f)
		role := r != nil && r.Group == settings.GroupAWS && r.Of(cmd.Name()) // it is what the command is about
		if r == nil || r.Group == "" || role || len(all) <= fewFlags {
			own = append(own, f)
		}
	}
	// --help, which everybody knows, comes last.
	slices.SortStableFunc(own, func(a, b *pflag.Flag) int { return helpLast(a) - helpLast(b) })
	groups := []shownGroup{{"Flags", own}}
	for _, group := range settings.Groups() {
		shown := shownGroup{heading: string(group)}
		for _, r := range settings.In(group) {
			if f := cmd.Flags().Lookup(r.Name); slices.Contains(all, f) && !slices.Contains(own, f) {
				shown.flags = append(shown.flags, f)
			}
		}
		if len(shown.flags) > 0 {
			groups = append(groups, shown)
		}
	}
	return groups
}

func helpLast(f *pflag.Flag) int {
	if f.Name == "help" {
		return 1
	}
	return 0
}

// flagName is a flag as it is given, with what stands for its value.
func flagName(f *pflag.Flag) string {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if value := f.Annotations[valueName]; len(value) > 0 && value[0] != "" {
		name += " " + value[0]
	}
	return name
}

// placeholder stands for a flag's value: the word in backquotes of its usage, a
// few known values, or the last word of its name. A switch has none.
func placeholder(f *pflag.Flag) string {
	if f.Value.Type() == "bool" {
		return ""
	}
	if before, rest, ok := strings.Cut(f.Usage, "`"); ok {
		if word, _, ok := strings.Cut(rest, "`"); ok && before+word != "" {
			return strings.ToUpper(word)
		}
	}
	if f.Value.Type() == "duration" {
		return "DURATION"
	}
	if r := settings.RowOf(f); r != nil && len(r.Values()) == 2 {
		return strings.Join(r.Values(), "|")
	}
	return strings.ToUpper(f.Name[strings.LastIndexByte(f.Name, '-')+1:])
}

// flagUsage is what a flag means, with its default.
func flagUsage(f *pflag.Flag) string {
	switch def := strings.Trim(f.DefValue, "[]"); def {
	case "", "false", "0", "0s":
		return f.Usage
	default:
		return f.Usage + " (default: " + def + ")"
	}
}
