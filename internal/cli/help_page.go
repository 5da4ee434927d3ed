package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// helpLines is how many lines of 80 columns a command's help may have, so that
// it fits a screen.
const helpLines = 40

// matter lists the settings that matter most to commands, by their names: setup kube
// is about what kube is. The last list is that of all others.
var matter = []struct{ commands, settings string }{
	{"aws eks run", "role-arn account-id role-name region duration profile issuer client-id start-url flow"},
	{"kube gke aks", "profile issuer client-id scope token-type flow browser redirect-uri client-secret-file ca-file"},
	{"login provider", "profile issuer client-id start-url scope organization flow browser redirect-uri login-hint store"},
	{"logout status whoami list use", "profile issuer client-id organization session cache-dir config ca-file"},
	{"token", "profile issuer client-id scope audience resource token-type min-ttl flow client-secret-file"},
	{"", "profile issuer client-id host scope token-type flow browser client-secret-file config"},
}

// mattering returns that list of a command.
func mattering(cmd *cobra.Command) []string {
	for _, m := range matter {
		if m.commands == "" || slices.Contains(strings.Fields(m.commands), cmd.Name()) {
			return strings.Fields(m.settings)
		}
	}
	return nil
}

// helpPage is what a command's help has of its flags.
type helpPage struct {
	cmd   *cobra.Command
	own   []*pflag.Flag // the command's own that are explained
	more  []*pflag.Flag // its own that are only named
	which []*pflag.Flag // settings that are explained
	rest  []string      // the groups of the others
	brief bool          // its own are explained in a line each
}

// name adds a group to those that are only named.
func (p *helpPage) name(g settings.Group) {
	if name := strings.ToLower(string(g[:1])) + string(g[1:]); !slices.Contains(p.rest, name) {
		p.rest = append(p.rest, name)
	}
}

// fewSettings are explained even where there is no room for more.
const fewSettings = 6

// helpText explains a command on a screen: its own flags, the settings that
// matter most, and the groups of the others. What would still be too long is told
// in fewer words.
func helpText(cmd *cobra.Command, width int) string {
	cmd.InitDefaultHelpFlag()
	p := helpPage{cmd: cmd}
	groups, names := groupsOf(cmd), mattering(cmd)
	for _, g := range groups {
		for _, f := range g.flags {
			r := settings.RowOf(f)
			switch {
			case r == nil || r.Group == "" || len(groups) == 1:
				p.own = append(p.own, f)
			case slices.Contains(names, f.Name):
				p.which = append(p.which, f)
			default:
				p.name(r.Group)
			}
		}
	}
	if len(p.rest) > 0 {
		p.own = slices.DeleteFunc(p.own, func(f *pflag.Flag) bool { return f.Name == "help" }) // just asked for
	}
	slices.SortFunc(p.which, func(a, b *pflag.Flag) int {
		return slices.Index(names, a.Name) - slices.Index(names, b.Name)
	})
	fits := func() bool { return strings.Count(p.text(80), "\n") <= helpLines }
	p.brief = !fits()
	// The ones that matter most come first.
	for !fits() && len(p.which) > fewSettings {
		last := len(p.which) - 1
		p.name(settings.RowOf(p.which[last]).Group)
		p.which = p.which[:last]
	}
	for !fits() && len(p.own) > 1 {
		last := len(p.own) - 1
		p.own, p.more = p.own[:last], append([]*pflag.Flag{p.own[last]}, p.more...)
	}
	return p.text(width)
}

// fullHelp explains a command with every flag and all that it means.
func fullHelp(cmd *cobra.Command, width int) string {
	cmd.InitDefaultHelpFlag()
	b := helpHead(cmd, width)
	for i, g := range groupsOf(cmd) {
		if i == 0 && cmd.Name() == topicSettings {
			continue // --help
		}
		flagTable(b, g.heading, g.flags, flagUsage, width)
	}
	helpFoot(b, cmd, width)
	return b.String()
}

func (p helpPage) text(width int) string {
	b := helpHead(p.cmd, width)
	usage := flagUsage
	if p.brief {
		usage = briefUsage
	}
	if p.cmd.HasParent() { // the root's only flag is --help
		flagTable(b, "Flags", p.own, usage, width)
	}
	flagTable(b, "Common settings", p.which, briefUsage, width)
	var more []string
	if len(p.more) > 0 {
		more = append(more, "More flags: "+listed(p.more)+".")
	}
	if len(p.rest) > 0 {
		more = append(more, "More settings: "+strings.Join(p.rest, ", ")+".")
	}
	if more != nil || p.brief {
		more = append(more, "Explained by: "+p.cmd.CommandPath()+" --help-all")
		b.WriteString("\n")
	}
	for _, paragraph := range more {
		b.WriteString(talk.Wrap(paragraph, width) + "\n")
	}
	helpFoot(b, p.cmd, width)
	return b.String()
}

func listed(flags []*pflag.Flag) string {
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	return strings.Join(names, ", ")
}

// helpHead begins a command's help: what it is, how it is called, examples, the
// commands below it.
func helpHead(cmd *cobra.Command, width int) *strings.Builder {
	b := &strings.Builder{}
	b.WriteString(talk.Reflow(cmp.Or(cmd.Long, cmd.Short), width))
	if cmd.Runnable() {
		b.WriteString("\n" + talk.Wrap("Usage: "+usageLine(cmd), width) + "\n")
	}
	if cmd.HasParent() && cmd.Example != "" {
		b.WriteString("\nExamples:\n" + strings.TrimRight(cmd.Example, "\n") + "\n")
	}
	groups, others := commandGroups(cmd)
	for _, g := range groups {
		b.WriteString("\n" + g.heading + ":\n")
		talk.Table(b, g.rows, 14, width)
	}
	if len(others) > 0 {
		words := strings.ReplaceAll(strings.Join(others, ", "), "help,", "help COMMAND|"+topicSettings+",")
		b.WriteString("\n" + talk.Wrap("Also: "+words, width) + "\n")
	}
	return b
}

// helpFoot ends the help of a command with others below it.
func helpFoot(b *strings.Builder, cmd *cobra.Command, width int) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString("\n")
	if !cmd.HasParent() {
		first, _, _ := strings.Cut(cmd.Example, "\n")
		b.WriteString("To begin: " + strings.TrimSpace(first) + "\n")
		return
	}
	b.WriteString(talk.Reflow(fmt.Sprintf("More on one of them: %s COMMAND --help", cmd.CommandPath()), width))
}

// flagColumn is where the explanations of flags begin.
const flagColumn = 30

// flagTable writes flags below a heading; nothing if there are none.
func flagTable(b *strings.Builder, heading string, flags []*pflag.Flag, usage func(*pflag.Flag) string, width int) {
	if len(flags) == 0 {
		return
	}
	var rows [][2]string
	for _, f := range flags {
		rows = append(rows, [2]string{flagName(f), usage(f)})
	}
	b.WriteString("\n" + heading + ":\n")
	talk.Table(b, rows, flagColumn, width)
}

// briefUsage is as much of what a flag means as fits a line of 80 columns, up to
// a comma or the like that is in no parentheses; all of it if there is none.
func briefUsage(f *pflag.Flag) string {
	usage := flagUsage(f)
	const room = 80 - flagColumn
	if len(usage) <= room {
		return usage
	}
	cut, depth := 0, 0
	for i := range room + 1 {
		if depth == 0 && (strings.ContainsRune(",;:", rune(usage[i])) && usage[i+1] == ' ' ||
			strings.HasPrefix(usage[i:], " (")) {
			cut = i
		}
		switch usage[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
	}
	if cut == 0 {
		return usage
	}
	return usage[:cut]
}
