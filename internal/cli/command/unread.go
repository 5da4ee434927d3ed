package command

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// warnUnread names our variables that no command reads: a slip. Calls that are answered
// from the cache do not come here, so that a tool that calls often is not told often.
func warnUnread() {
	var known []string
	for _, name := range settings.Variables() {
		known = append(known, strings.TrimPrefix(name, environ.OwnPrefix))
	}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		word, ours := strings.CutPrefix(environ.Fold(name), environ.OwnPrefix)
		if !ours || slices.Contains(known, word) || value == "" {
			continue
		}
		hint := ""
		if near := commandline.Nearest(strings.ToUpper(word), known); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", environ.OwnPrefix+near)
		}
		talk.Warn(fmt.Errorf("unknown variable %s%s", name, hint))
	}
}
