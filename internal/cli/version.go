package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// Set by the linker in a build from a checkout (see the Makefile): the version, the
// commit, and the commit's time in seconds since 1970.
var version, commit, commitTime string

func newVersion() *cobra.Command {
	output := "text"
	c := &cobra.Command{
		Use: "version", Short: "print the version", Args: command.NoArgs,
		Long: "Print the version, the Go release that built it, and the system that it is for.\n" +
			"-o json: its commit and the commit's time too, where the build knows them.",
		Example: "  sso-exec version -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := command.CheckOutput(output)
			if err != nil || output == "text" {
				return cmp.Or(err, printVersion(cmd))
			}
			command.WarnOfPolicy()
			return command.Failed(nil, talk.PrintJSON(built()))
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

// build is what version -o json prints. Fields are only ever added.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"` // empty: a build that does not know it
	Time    string `json:"time"`   // of the commit, RFC 3339 in UTC
	Go      string `json:"go"`
}

func built() build {
	b := build{Version: versionText(), Commit: commit, Go: runtime.Version()}
	if seconds, err := strconv.ParseInt(commitTime, 10, 64); err == nil {
		b.Time = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	}
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Time = s.Value
			}
		}
	}
	return b
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
