package cli

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// shells are those that a completion script is printed for.
var shells = []struct {
	name, long, example string
	write               func(root *cobra.Command, w io.Writer, descriptions bool) error
}{
	{"bash", `Print the completion script for bash, version 4.2 or later. It needs the package
bash-completion.`,
		`  # in this shell
  source <(sso-exec completion bash)
  # in all your shells from now on
  mkdir -p ~/.local/share/bash-completion/completions
  sso-exec completion bash > ~/.local/share/bash-completion/completions/sso-exec`,
		func(root *cobra.Command, w io.Writer, d bool) error { return root.GenBashCompletionV2(w, d) }},
	{"zsh", `Print the completion script for zsh. Completion must be on: "autoload -U
compinit; compinit" in ~/.zshrc.`,
		`  # in this shell
  source <(sso-exec completion zsh)
  # in all your shells from now on
  sso-exec completion zsh > "${fpath[1]}/_sso-exec"`,
		func(root *cobra.Command, w io.Writer, d bool) error {
			if d {
				return root.GenZshCompletion(w)
			}
			return root.GenZshCompletionNoDesc(w)
		}},
	{"fish", "Print the completion script for fish.",
		`  # in this shell
  sso-exec completion fish | source
  # in all your shells from now on
  sso-exec completion fish > ~/.config/fish/completions/sso-exec.fish`,
		func(root *cobra.Command, w io.Writer, d bool) error { return root.GenFishCompletion(w, d) }},
	{"powershell", "Print the completion script for PowerShell.",
		`  # in this shell; for all your shells, put this line into the file $PROFILE
  sso-exec completion powershell | Out-String | Invoke-Expression`,
		func(root *cobra.Command, w io.Writer, d bool) error {
			if d {
				return root.GenPowerShellCompletionWithDesc(w)
			}
			return root.GenPowerShellCompletion(w)
		}},
}

// newCompletion makes the command that prints completion scripts.
func newCompletion() *cobra.Command {
	parent := command.OfOthers(&cobra.Command{
		Use:   "completion",
		Short: "print a completion script for your shell",
		Long: `Print a script with which a shell completes commands, flags, their values and
the names of your profiles.`,
		Example: "  source <(sso-exec completion bash)",
	}, "shell")
	for _, s := range shells {
		bare := false
		c := &cobra.Command{
			Use: s.name, Short: "print the script for " + s.name, Long: s.long, Example: s.example, Args: command.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return command.Failed(nil, s.write(cmd.Root(), os.Stdout, !bare))
			},
		}
		c.Flags().BoolVar(&bare, "no-descriptions", false, "complete only names, without descriptions")
		parent.AddCommand(c)
	}
	return parent
}

// setCompletions says what completes the words of all commands that exist,
// going by what stands for them in help (setHelp comes first).
// None of it asks anybody anything, writes a file or uses the network.
func setCompletions(root *cobra.Command) {
	root.CompletionOptions.DisableDefaultCmd = true
	// Files are offered only where a file is meant.
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	command.Each(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, f) })
		switch path := strings.TrimPrefix(cmd.CommandPath(), root.Name()+" "); {
		case path == "help":
			cmd.ValidArgsFunction = commandNames
		case path == settings.ToolLogout:
			cmd.ValidArgsFunction = lookup.ProfilesAndIDs
		case path == settings.ToolWhoami:
			cmd.ValidArgsFunction = command.FirstOf(lookup.ProfilesAndIDs)
		case path == "setup provider" || path == settings.ToolLogin:
			cmd.ValidArgsFunction = command.FirstOf(lookup.ProfileNames)
		case cmd.ValidArgsFunction == nil && slices.ContainsFunc(strings.Fields(cmd.Use), meansFile):
			cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		}
	})
}

func completeFlag(cmd *cobra.Command, f *pflag.Flag) {
	complete, by := cobra.CompletionFunc(nil), settings.Completion(0)
	if r := settings.RowOf(f); r != nil {
		by = r.Complete
	}
	values, stands := valuesOf(cmd, f.Name), strings.Join(f.Annotations[valueName], "")
	switch {
	case values != nil:
		complete = cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	case by == settings.CompleteProfiles:
		complete = lookup.ProfileNames
	case by == settings.CompleteOrganizations:
		complete = lookup.OrganizationIDs
	case by == settings.CompleteAPIKeys || f.Name == "with":
		complete = lookup.APIKeyNames
	case by == settings.CompleteRoles:
		complete = lookup.RoleNames
	case by == settings.CompleteSSOSessions:
		complete = lookup.SSOSessions
	case stands == "DIRECTORY":
		complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case meansFile(stands):
		complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	default:
		return
	}
	_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // an error: the command gave it another itself
}

// meansFile reports whether what stands for a word in help is a file or a program,
// of which a shell knows most.
func meansFile(stands string) bool {
	return slices.Contains([]string{"FILE", "PATH", "COMMAND"}, strings.Trim(stands, "[]."))
}

// valuesOf lists the values that a flag of a command can have; nil: it takes
// others.
func valuesOf(cmd *cobra.Command, flag string) []string {
	if r := settings.RowOf(cmd.Flags().Lookup(flag)); r != nil && flag == "output" {
		return settings.Outputs(cmd.Name())
	} else if r != nil {
		return r.Values()
	}
	switch flag {
	case "provider": // of API keys
		return []string{apikeys.ProviderWorkOS}
	case "interactive-mode":
		return []string{"IfAvailable", "Never", "Always"}
	case "api-version":
		return []string{"v1", "v1beta1"}
	case "output":
		return []string{"text", "json"}
	}
	return nil
}

// commandNames completes what help explains.
func commandNames(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if about, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
		for _, c := range about.Commands() {
			if c.IsAvailableCommand() || c.Name() == topicSettings {
				names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
