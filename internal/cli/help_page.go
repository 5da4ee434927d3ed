package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// helpLines is how many lines of 80 columns a command's help may have, so that
// it fits a screen.
const helpLines = 40

// helpPage is what a command's help has of its flags.
type helpPage struct {
	cmd   *cobra.Command
	own   []*pflag.Flag // the command's own that are explained
	more  []*pflag.Flag // its own that are only named
	which []*pflag.Flag // settings that are explained
	rest  []*pflag.Flag // settings that are not
	brief bool          // flags are explained in a line each
	named bool          // the rest is named
}

// helpText explains a command on a screen: its own flags, the settings that
// matter most, and the names of the others. What would still be too long is told
// in fewer words.
func helpText(cmd *cobra.Command, width int) string {
	cmd.InitDefaultHelpFlag()
	p := helpPage{cmd: cmd, named: true}
	for i, g := range groupsOf(cmd) {
		if i == 0 {
			p.own = g.flags
			continue
		}
		p.rest = append(p.rest, g.flags...)
	}
	if len(p.rest) > 0 {
		p.own = without(p.own, "help") // which was just asked for
		for _, name := range settings.With(settings.Main) {
			if f := cmd.Flags().Lookup(name); f != nil {
				p.which, p.rest = append(p.which, f), without(p.rest, name)
			}
		}
	}
	fits := func() bool { return strings.Count(p.text(80), "\n") <= helpLines }
	p.brief = !fits()
	p.named = fits()
	for !fits() && len(p.own) > 1 {
		last := len(p.own) - 1 // the ones that matter most come first
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

func without(flags []*pflag.Flag, name string) (left []*pflag.Flag) {
	for _, f := range flags {
		if f.Name != name {
			left = append(left, f)
		}
	}
	return left
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
	flagTable(b, "Which provider", p.which, briefUsage, width)
	text, where := p.others()
	for i, paragraph := range []string{text, where} {
		if i == 0 && where != "" {
			b.WriteString("\n")
		}
		if paragraph != "" {
			b.WriteString(talk.Wrap(paragraph, width) + "\n")
		}
	}
	helpFoot(b, p.cmd, width)
	return b.String()
}

// others names the flags that are not explained, and says what explains them.
func (p helpPage) others() (text, where string) {
	full := "sso-exec help --all" + strings.TrimPrefix(p.cmd.CommandPath(), "sso-exec")
	switch {
	case len(p.rest) > 0:
		text, where = "Also other settings of a sign-in", "Explained by: sso-exec help settings"
		if len(p.more) > 0 {
			text = "Also " + listed(p.more) + ", and other settings of a sign-in"
		}
		if p.named {
			text += ": " + listed(p.rest)
		}
		if p.brief {
			where += "; all flags: " + full
		}
		text += "."
	case p.brief:
		where = "All flags in full: " + full
		if len(p.more) > 0 {
			text = "Also " + listed(p.more) + "."
		}
	}
	return text, where
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
		b.WriteString("\nUsage: " + usageLine(cmd) + "\n")
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
