package cli

import (
	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup/aws"
	"github.com/sso-exec/sso-exec/internal/cli/setup/kube"
	"github.com/sso-exec/sso-exec/internal/cli/setup/provider"
)

// newSetup makes the commands that write another tool's configuration. Each
// shows what it would change, asks, keeps a backup, and changes nothing when it
// is run again.
func newSetup() *cobra.Command {
	return command.OfOthers(&cobra.Command{
		Use:   "setup",
		Short: "have a tool call sso-exec",
		Long: `Write another tool's configuration, or a profile of sso-exec's own. Each command
shows what it would change, asks, keeps a backup, and changes nothing when it is
run again; --dry-run only shows it, --remove undoes it.`,
		Example: "  sso-exec setup provider corp\n  sso-exec setup kube --profile corp --user corp\n" +
			"  sso-exec setup aws --profile corp --aws-profile corp",
	}, "tool", kube.New(), aws.New(), provider.New())
}
