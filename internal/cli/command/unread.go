package command

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// warnUnread names our variables that no command reads: a slip. Calls that are answered
// from the cache do not come here, so that a tool that calls often is not told often.
func warnUnread(root *cobra.Command) {
	known := []string{strings.TrimPrefix(settings.SecretVariable, environ.OwnPrefix)}
	Each(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains(settings.NoEnv, f.Name) {
				known = append(known, strings.TrimPrefix(settings.VariableOf(f.Name), environ.OwnPrefix))
			}
		})
	})
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		word, ours := strings.CutPrefix(environ.Fold(name), environ.OwnPrefix)
		if !ours || slices.Contains(known, word) || value == "" {
			continue
		}
		hint := ""
		if near := config.Nearest(strings.ToUpper(word), known); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", environ.OwnPrefix+near)
		}
		talk.Warn(fmt.Errorf("unknown variable %s%s", name, hint))
	}
}
