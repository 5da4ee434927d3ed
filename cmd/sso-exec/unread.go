package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
)

// warnUnread names our variables that no command reads: a slip. Calls that are answered
// from the cache do not come here, so that a tool that calls often is not told often.
func warnUnread(root *cobra.Command) {
	known := []string{strings.TrimPrefix(secretVariable, ownPrefix)}
	each(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains(noEnv, f.Name) {
				known = append(known, strings.TrimPrefix(envName(f.Name), ownPrefix))
			}
		})
	})
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		word, ours := strings.CutPrefix(fold(name), ownPrefix)
		if !ours || slices.Contains(known, word) || value == "" {
			continue
		}
		hint := ""
		if near := config.Nearest(strings.ToUpper(word), known); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", ownPrefix+near)
		}
		warn(fmt.Errorf("unknown variable %s%s", name, hint))
	}
}
