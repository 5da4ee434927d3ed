package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/terminal"
)

// flagGroup is a heading with the flags below it, by name.
type flagGroup struct {
	heading string
	names   []string
}

// flagGroups order the settings of a session, so that a person finds one. What
// is in no group is a command's own, and comes first.
var flagGroups = []flagGroup{
	{"Which provider", []string{"profile", "config", "issuer", "provider", "client-id", "client-secret-file", "organization"}},
	{"How to sign in", []string{"flow", "device", "browser", "redirect-uri", "login-hint", "auth-param", "login-timeout", "interactive", "identity", "session"}},
	{"What to get", []string{"scope", "audience", "resource", "token-type", "min-ttl", "force"}},
	{"Which AWS role", awsFlags},
	{"Where to keep it", []string{"store", "cache-dir"}},
	{"Network", []string{"ca-file", "ca-data", "http-timeout"}},
	{"What to tell", []string{"explain", "verbose", "log-level", "log-file"}},
}

// setHelp gives all commands the help of this file.
func setHelp(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		fmt.Fprint(cmd.OutOrStdout(), helpText(cmd, helpWidth()))
	})
	root.InitDefaultHelpCmd()
	each(root, func(cmd *cobra.Command) {
		cmd.SuggestionsMinimumDistance = 2 // a wrong word gets the near one everywhere
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			// Shells show a usage as it is.
			f.Annotations = map[string][]string{valueName: {placeholder(f)}}
			f.Usage = strings.ReplaceAll(f.Usage, "`", "")
		})
	})
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

// helpText explains a command.
func helpText(cmd *cobra.Command, width int) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	b.WriteString(reflow(about, width) + "\nUsage: " + usageLine(cmd) + "\n")
	if cmd.HasParent() && cmd.Example != "" {
		b.WriteString("\nExamples:\n" + strings.TrimRight(cmd.Example, "\n") + "\n")
	}
	groups, others := commandGroups(cmd)
	for _, g := range groups {
		b.WriteString("\n" + g.heading + ":\n")
		table(&b, g.rows, 14, width)
	}
	if len(others) > 0 {
		b.WriteString("\n" + wrap("Beside these: "+strings.Join(others, ", "), width) + "\n")
	}
	for _, g := range groupsOf(cmd) {
		if !cmd.HasParent() {
			break // its only flag is --help
		}
		var rows [][2]string
		for _, f := range g.flags {
			rows = append(rows, [2]string{flagName(f), flagUsage(f)})
		}
		b.WriteString("\n" + g.heading + ":\n")
		table(&b, rows, 30, width)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n")
		if !cmd.HasParent() {
			first, _, _ := strings.Cut(cmd.Example, "\n")
			b.WriteString("To begin: " + strings.TrimSpace(first) + "\n")
		}
		b.WriteString(reflow(fmt.Sprintf("More on one of them: %s COMMAND --help", cmd.CommandPath()), width))
	}
	return b.String()
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
var order = []string{"login", "status", "whoami", "logout", "run", "setup", "config"}

// commandGroups lists the commands below one; the root's by whom they are for,
// and those that every program has by name alone.
func commandGroups(cmd *cobra.Command) (groups []helpGroup, others []string) {
	var all, tools, people [][2]string
	for _, c := range cmd.Commands() {
		row := [2]string{c.Name(), c.Short}
		switch {
		case cmd.HasParent() && c.IsAvailableCommand():
			all = append(all, row)
		case slices.Contains([]string{"completion", "help", "version"}, c.Name()):
			others = append(others, c.Name())
		case !c.IsAvailableCommand():
		case findTool(c.Name()) != nil:
			tools = append(tools, row)
		default:
			people = append(people, row)
		}
	}
	rank := func(row [2]string) int { return (slices.Index(order, row[0]) + len(order) + 1) % (len(order) + 1) }
	slices.SortStableFunc(people, func(a, b [2]string) int { return rank(a) - rank(b) })
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
		grouped := slices.ContainsFunc(flagGroups, func(g flagGroup) bool { return slices.Contains(g.names, f.Name) })
		if !grouped || len(all) <= fewFlags || cmd.Name() == toolAWS && slices.Contains(awsFlags, f.Name) {
			own = append(own, f)
		}
	}
	// --help, which everybody knows, comes last.
	slices.SortStableFunc(own, func(a, b *pflag.Flag) int { return helpLast(a) - helpLast(b) })
	groups := []shownGroup{{"Flags", own}}
	for _, g := range flagGroups {
		shown := shownGroup{heading: g.heading}
		for _, name := range g.names {
			if f := cmd.Flags().Lookup(name); slices.Contains(all, f) && !slices.Contains(own, f) {
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
	if values := enumOf(f.Name); len(values) == 2 {
		return strings.Join(values, "|")
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

// table writes rows of two columns, the second one from a column on; where that
// leaves too little room, below the first.
func table(b *strings.Builder, rows [][2]string, column, width int) {
	narrow := width < 2*column
	if narrow && column < 20 {
		narrow = false
	}
	for _, row := range rows {
		name, at := "  "+row[0], column
		if narrow {
			at = 8
		}
		if narrow || utf8.RuneCountInString(name) > column-2 {
			b.WriteString(name + "\n" + strings.Repeat(" ", at))
		} else {
			b.WriteString(name + strings.Repeat(" ", at-utf8.RuneCountInString(name)))
		}
		b.WriteString(strings.ReplaceAll(wrap(row[1], width-at), "\n", "\n"+strings.Repeat(" ", at)) + "\n")
	}
}

// reflow breaks paragraphs anew for a width below that which they were written
// for. Lines that are indented stay as they are.
func reflow(text string, width int) string {
	text = strings.TrimRight(text, "\n") + "\n"
	if width >= 80 {
		return text
	}
	var b, paragraph strings.Builder
	flush := func() {
		if paragraph.Len() > 0 {
			b.WriteString(wrap(paragraph.String(), width) + "\n")
			paragraph.Reset()
		}
	}
	for line := range strings.Lines(text) {
		if line == "\n" || line[0] == ' ' {
			flush()
			b.WriteString(line)
			continue
		}
		paragraph.WriteString(line)
	}
	flush()
	return b.String()
}

// wrap breaks a text between words.
func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
