package cli

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/hack/man"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// commands lists all commands that help shows, with the root.
func commands() (list []*cobra.Command) {
	root := NewRoot()
	command.Each(root, func(c *cobra.Command) {
		if c == root || c.Name() != "help" && c.IsAvailableCommand() {
			list = append(list, c)
		}
	})
	return list
}

// Every command says what it is, in a line and at length, and shows how it is
// used.
func TestHelpIsThere(t *testing.T) {
	for _, c := range commands() {
		name := c.CommandPath()
		if c.Short == "" || c.Short != strings.TrimRight(c.Short, ".") || len(c.Short) > 66 {
			t.Errorf("%s: its line is %q", name, c.Short)
		}
		if first, _ := utf8.DecodeRuneInString(c.Short); first >= 'A' && first <= 'Z' &&
			!regexp.MustCompile(`^[A-Z]{2}`).MatchString(c.Short) {
			t.Errorf("%s: its line begins with a capital: %q", name, c.Short)
		}
		if c.Long == "" || c.Example == "" {
			t.Errorf("%s: Long is %q, Example %q", name, c.Long, c.Example)
		}
	}
}

// It fits a screen: the commands are seen at once, and no line is broken by a
// terminal of 80 columns; nor by one of 40, but what is to be pasted, and long
// words.
func TestHelpFits(t *testing.T) {
	root := NewRoot()
	if n := strings.Count(helpText(root, 80), "\n"); n > 24 {
		t.Errorf("sso-exec --help has %d lines", n)
	}
	command.Each(root, func(c *cobra.Command) {
		text := helpText(c, 80)
		if n := strings.Count(text, "\n"); n > helpLines && c.Name() != topicSettings { // which is searched, or read on
			t.Errorf("%s --help has %d lines", c.CommandPath(), n)
		}
		for line := range strings.Lines(text + fullHelp(c, 80)) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s --help, %d columns: %q", c.CommandPath(), n, line)
			}
		}
	})
	for _, c := range commands() {
		asIs := slices.Collect(strings.Lines(c.Example + "\n" + usageLine(c)))
		for _, width := range []int{80, 40} {
			for line := range strings.Lines(helpText(c, width)) {
				line = strings.TrimRight(line, "\n")
				long := slices.ContainsFunc(strings.Fields(line), func(word string) bool { return len(word)+8 > width })
				isAsIs := strings.HasPrefix(line, "Usage: ") || strings.HasPrefix(line, "To begin: ") ||
					strings.HasPrefix(line, "  # ") ||
					slices.ContainsFunc(asIs, func(s string) bool { return strings.TrimRight(s, "\n") == line })
				if utf8.RuneCountInString(line) > width && !long && !isAsIs {
					t.Errorf("%s, %d columns: %q", c.CommandPath(), width, line)
				}
			}
		}
	}
}

// On a screen as well each flag is explained or named, or the group that it is in;
// the whole text explains each.
func TestHelpNamesAll(t *testing.T) {
	for _, c := range commands() {
		if !c.HasParent() {
			continue
		}
		screen, whole := helpText(c, 80), fullHelp(c, 80)
		_, more, _ := strings.Cut(strings.Join(strings.Fields(screen), " "), "More settings: ")
		explained := 0
		c.Flags().VisitAll(func(f *pflag.Flag) {
			flag := regexp.MustCompile(`--` + f.Name + `\b`)
			r := settings.RowOf(f)
			if r != nil && r.Group != "" && flag.MatchString(screen[strings.Index(screen, "\nFlags:")+1:]) {
				explained++
			}
			if !f.Hidden && f.Name != "help" && !flag.MatchString(screen) &&
				!(r != nil && r.Group != "" && strings.Contains(strings.ToLower(more), strings.ToLower(string(r.Group)))) {
				t.Errorf("%s --help does not name --%s", c.CommandPath(), f.Name)
			}
			if flag.MatchString(whole[strings.Index(whole, "\nFlags:"):]) == f.Hidden {
				t.Errorf("%s, the whole: --%s, hidden: %v", c.CommandPath(), f.Name, f.Hidden)
			}
		})
		if more != "" && (explained < 2 || explained > 12 || !strings.Contains(more, c.CommandPath()+" --help-all")) {
			t.Errorf("%s --help explains %d settings, and ends: %s", c.CommandPath(), explained, more)
		}
	}
	for _, m := range matter {
		for _, name := range strings.Fields(m.settings) {
			if settings.Find(name) == nil {
				t.Errorf("%q lists %q, which is not a setting", m.commands, name)
			}
		}
	}
	var topic *cobra.Command
	command.Each(NewRoot(), func(c *cobra.Command) {
		if c.Name() == topicSettings {
			topic = c
		}
	})
	text := fullHelp(topic, 80)
	for _, r := range settings.Rows(settings.ToolAWS) {
		ofCommand := r.Group == "" // whose help explains it
		if !ofCommand && !strings.Contains(text, " --"+r.Name+" ") && !strings.Contains(text, " --"+r.Name+"\n") {
			t.Errorf("help settings does not explain --%s", r.Name)
		}
	}
}

// What would not fit a line is cut where a sentence can end.
func TestBriefUsage(t *testing.T) {
	long := strings.Repeat("x", 40)
	for usage, want := range map[string]string{
		"short, and whole":              "short, and whole",
		long + " (as, it, is) or more":  long,
		long + ", or else; not here":    long + ", or else",
		"a (b, c " + long + ") d":       "a",
		long + long + ", what":          long + long + ", what",
		strings.Repeat("x", 50) + ", y": strings.Repeat("x", 50),
	} {
		if got := briefUsage(&pflag.Flag{Usage: usage}); got != want {
			t.Errorf("%q becomes %q, want %q", usage, got, want)
		}
	}
}

// Each flag of a command is under one heading; a command's own come first, and with
// them the settings that it is about.
func TestHelpGroups(t *testing.T) {
	for _, c := range commands() {
		shown := map[string]int{}
		for _, g := range groupsOf(c) {
			for _, f := range g.flags {
				shown[f.Name]++
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if shown[f.Name] != 1 && !f.Hidden {
				t.Errorf("%s --%s is shown %d times", c.CommandPath(), f.Name, shown[f.Name])
			}
		})
	}
	token := groupsOf(toolCommand(t, settings.ToolToken))
	if got := token[0].flags[0].Name; got != "output" || len(token) < 5 {
		t.Errorf("token: the first flag is %s, of %d groups", got, len(token))
	}
	aws := groupsOf(toolCommand(t, settings.ToolAWS))
	if got := aws[0].flags[:2]; got[0].Name != "output" || got[1].Name != "role-arn" {
		t.Errorf("aws: the first flags are %s and %s", got[0].Name, got[1].Name)
	}
}

// Each setting that has values, or is a file, a directory or a command, has its
// values completed; so are the names of profiles, organizations and API keys.
func TestSettingsComplete(t *testing.T) {
	root := NewRoot()
	for _, r := range settings.Table() {
		tool := settings.ToolAWS
		switch {
		case r.Is(settings.KeyOnly):
			continue
		case r.Of(settings.ToolKeyring) && !r.Of(tool) && !r.Of(settings.ToolToken):
			tool = settings.ToolKeyring
		case !r.Of(tool):
			tool = settings.ToolToken
		}
		cmd, _, err := root.Find([]string{tool})
		if err != nil {
			t.Fatal(err)
		}
		complete, ok := cmd.GetFlagCompletionFunc(r.Name)
		values := r.Values()
		if r.Name == "output" {
			values = settings.Outputs(tool)
		}
		wants := values != nil || r.Complete != 0 || r.Kind == settings.Path || r.Kind == settings.Command
		if ok != wants {
			t.Errorf("--%s is completed: %v, want %v", r.Name, ok, wants)
		}
		if !ok || values == nil {
			continue
		}
		if got, _ := complete(cmd, nil, ""); !slices.Equal(got, values) {
			t.Errorf("--%s is completed with %q", r.Name, got)
		}
	}
}

// quotes takes them out.
var quotes = strings.NewReplacer(`"`, "", `'`, "")

// call finds calls of sso-exec in a shell's line or another tool's file.
var call = regexp.MustCompile(`(?:^|[\s(=])sso-exec((?: +(?:"[^"]*"|'[^']*'|[^\s|;&)>"'#]+))*)`)

// Every call in every example exists.
func TestExamples(t *testing.T) {
	for _, c := range commands() {
		calls := 0
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				continue
			}
			for _, m := range call.FindAllStringSubmatch(line, -1) {
				calls++
				if err := parses(strings.Fields(quotes.Replace(m[1]))); err != nil {
					t.Errorf("%s: %s: %v", c.CommandPath(), strings.TrimSpace(m[0]), err)
				}
			}
		}
		if calls == 0 && !strings.Contains(c.Example, "command: sso-exec") {
			t.Errorf("%s: sso-exec is not called in its example", c.CommandPath())
		}
	}
	for line, ok := range map[string]bool{"login --isuer x": false, "kub": false, "kube extra": false,
		"kube --issuer x": true, "help config edit": true, "login --flow pcke": false} {
		if err := parses(strings.Fields(line)); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// toolCommand is the command of a tool.
func toolCommand(t *testing.T, name string) *cobra.Command {
	t.Helper()
	c, _, err := NewRoot().Find([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// docs/config.schema.json is what the command prints; `make schema` writes it.
func TestSchemaInDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/config.schema.json")
	if err != nil || string(b) != string(config.Schema(settings.ProfileKeys())) {
		t.Errorf("docs/config.schema.json is not that of the code: run make schema (%v)", err)
	}
}

var manDir = flag.String("man", "", "a directory to write the manual pages into")

// The manual pages are made from the help texts; `make man` keeps them.
func TestManPages(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands() {
		text := manPage(c).Bytes()
		if i := strings.IndexFunc(string(text), func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\n' }); i >= 0 {
			t.Errorf("%s: not ASCII: %q", c.CommandPath(), text[i:min(len(text), i+20)])
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(string(text), strings.ReplaceAll("--"+f.Name, "-", `\-`)) {
				t.Errorf("%s: --%s is not in its page", c.CommandPath(), f.Name)
			}
		})
		if err := os.WriteFile(filepath.Join(dir, pageName(c)+".1"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func manPage(c *cobra.Command) man.Page {
	c.InitDefaultHelpFlag()
	p := man.Page{Name: pageName(c), Short: c.Short, Source: strings.TrimSpace("sso-exec " + version),
		Synopsis: usageLine(c)}
	p.Sections = append(p.Sections, man.Section{Heading: "description", Text: c.Long})
	commands, _ := commandGroups(c)
	if len(commands) > 0 {
		s := man.Section{Heading: "commands"}
		for _, g := range commands {
			group := man.Group{Heading: g.heading, Items: g.rows}
			if c.HasParent() {
				group.Heading = ""
			}
			s.Groups = append(s.Groups, group)
		}
		p.Sections = append(p.Sections, s)
	}
	options := man.Section{Heading: "options"}
	for i, g := range groupsOf(c) {
		group := man.Group{Heading: g.heading}
		if i == 0 {
			group.Heading = ""
		}
		for _, f := range g.flags {
			group.Items = append(group.Items, [2]string{strings.TrimSpace(flagName(f)), flagUsage(f)})
		}
		options.Groups = append(options.Groups, group)
	}
	p.Sections = append(p.Sections, options)
	if c.Flags().Lookup("issuer") != nil {
		p.Sections = append(p.Sections, man.Section{Heading: "environment",
			Text: "A setting of a session can also be a variable: --client-id is SSO_EXEC_CLIENT_ID. A flag overrides a " +
				"variable, that above a profile."})
	}
	p.Sections = append(p.Sections, man.Section{Heading: "examples", Verbatim: c.Example})
	if !c.HasParent() {
		p.Sections = append(p.Sections, man.Section{Heading: "exit status", Groups: []man.Group{{Items: [][2]string{
			{"0", "it is done; a tool's document is on stdout"},
			{strconv.Itoa(command.ExitOther), "the provider refused for good, or something does not verify"},
			{strconv.Itoa(command.ExitUsage), "the command line or the config is wrong"},
			{strconv.Itoa(command.ExitLogin), "a person must sign in, which is not possible here or now"},
			{strconv.Itoa(command.ExitDenied), "the sign-in was denied, cancelled or not completed in time"},
			{strconv.Itoa(command.ExitUnavailable), "a server cannot be reached or is failing; try again later"},
			{strconv.Itoa(command.ExitStorage), "local files are unsafe, or something could not be kept"},
			{"130, 143", "interrupted, terminated"},
		}}}})
		p.Sections = append(p.Sections, man.Section{Heading: "files", Groups: []man.Group{{Items: [][2]string{
			{"/etc/sso-exec/config.yaml", "profiles for everybody on the machine"},
			{"$XDG_CONFIG_HOME/sso-exec/config.yaml, ~/.config/sso-exec/config.yaml", "your own profiles"},
			{"$XDG_CACHE_HOME/sso-exec, ~/.cache/sso-exec", "sessions"},
		}}}})
	}
	if c.HasParent() {
		p.SeeAlso = append(p.SeeAlso, pageName(c.Parent()))
	}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			p.SeeAlso = append(p.SeeAlso, pageName(below))
		}
	}
	return p
}
