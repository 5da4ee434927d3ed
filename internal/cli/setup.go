package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup/agent"
	"github.com/sso-exec/sso-exec/internal/cli/setup/aws"
	"github.com/sso-exec/sso-exec/internal/cli/setup/bazel"
	"github.com/sso-exec/sso-exec/internal/cli/setup/cargo"
	"github.com/sso-exec/sso-exec/internal/cli/setup/docker"
	"github.com/sso-exec/sso-exec/internal/cli/setup/gcp"
	"github.com/sso-exec/sso-exec/internal/cli/setup/git"
	"github.com/sso-exec/sso-exec/internal/cli/setup/keyring"
	"github.com/sso-exec/sso-exec/internal/cli/setup/kube"
	"github.com/sso-exec/sso-exec/internal/cli/setup/pnpm"
	"github.com/sso-exec/sso-exec/internal/cli/setup/provider"
	"github.com/sso-exec/sso-exec/internal/cli/setup/terraform"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// newSetup makes the commands that write another tool's configuration. Each
// shows what it would change, asks, keeps a backup, and changes nothing when it
// is run again.
func newSetup() *cobra.Command {
	c := command.OfOthers(&cobra.Command{
		Use:   "setup",
		Short: "have a tool call sso-exec",
		Long: `Write another tool's configuration, or a profile of sso-exec's own. Each command
shows what it would change, asks, keeps a backup, and changes nothing when it is
run again; --dry-run only shows it, --remove undoes it.`,
		Example: "  sso-exec setup provider login.example.com\n  sso-exec setup kube --profile corp --user corp\n" +
			"  sso-exec setup aws --profile corp --aws-profile corp",
	}, "command", kube.New(), kube.NewEKS(), kube.NewGKE(), kube.NewAKS(), aws.New(), git.New(), docker.New(), cargo.New(),
		terraform.New(), keyring.New(),
		pnpm.New(), bazel.New(), gcp.New(), agent.New(), provider.New())
	others := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && (args[0] == "npm" || args[0] == "yarn") {
			return command.Failed(nil, fault.InUsage(errors.New(args[0]+
				" runs no program for its token, so nothing can be set up"),
				"sso-exec run --npm https://npm.example.com/ -- "+args[0]+" publish", "pnpm does: sso-exec setup pnpm"))
		}
		if len(args) == 1 && (args[0] == "pip" || args[0] == "uv") {
			return command.Failed(nil, fault.InUsage(errors.New(args[0]+" runs the program keyring"), "sso-exec setup keyring"))
		}
		if len(args) > 0 {
			return others(cmd, args)
		}
		var rows [][2]string
		for _, below := range cmd.Commands() {
			row := [2]string{below.Name(), below.Short + onThisMachine(below.Name())}
			if below.Name() == "provider" { // which comes before the tools
				rows = slices.Insert(rows, 0, row)
				continue
			}
			rows = append(rows, row)
		}
		var b strings.Builder
		talk.Table(&b, rows, 14, helpWidth())
		_, err := fmt.Fprintf(talk.Out, "What can be set up, and what is on this machine:\n%s\n"+
			"More on one of them: %s COMMAND --help\n",
			b.String(), cmd.CommandPath())
		return err
	}
	return c
}

// onThisMachine tells whether the program is here that a setup command is for.
func onThisMachine(name string) string {
	if name == "agent" {
		if found := agent.Found(); len(found) > 0 {
			return "; found: " + strings.Join(found, ", ")
		}
		return "; none found"
	}
	program, ok := map[string]string{"kube": "kubectl", "eks": "kubectl", "gke": "kubectl", "aks": "kubectl", "aws": "aws",
		"git": "git", "docker": "docker",
		"cargo": "cargo", "terraform": "terraform", "keyring": "pip", "pnpm": "pnpm", "bazel": "bazel", "gcp": "gcloud"}[name]
	if !ok {
		return ""
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "; not found: " + program
	}
	return "; found: " + path
}
