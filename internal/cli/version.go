package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
)

// version is set by the linker in a release.
var version = ""

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: command.NoArgs,
		Long:    "Print the version, the Go release that built it, and the system that it is for.",
		Example: "  sso-exec version",
		RunE:    func(cmd *cobra.Command, _ []string) error { return printVersion(cmd) },
	}
}

func printVersion(cmd *cobra.Command) error {
	command.WarnOfPolicy()
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "sso-exec %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
	return command.Failed(nil, err)
}

// versionText is the release's version, or what the Go command knows of a build
// from source.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
