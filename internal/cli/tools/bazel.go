package tools

import (
	"fmt"
	"path/filepath"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var bazel = &tool{
	name: settings.ToolBazel, short: "answer Bazel as a credential helper",
	long: `Speak Bazel's credential helper protocol on stdin and stdout: get prints the
Authorization header for a URI whose host the profile's hosts name, and {} for
others. Without --profile, the profile is the one that names the host.

Bazel waits ten seconds and would not show a prompt, so it never prompts. Run
sso-exec login first.`,
	example: `  # in ~/.bazelrc, as sso-exec setup bazel writes it
  common --credential_helper=cache.example.com=/home/me/.config/sso-exec/bazel

  echo '{"uri":"https://cache.example.com/"}' | sso-exec bazel get`,
	words:   "get",
	by:      acquire.Caller{Name: "Bazel", Swallows: true, StdinTaken: func() bool { return true }},
	request: bazelRequest,
	check: func(o *settings.Resolved) error {
		if o.Source.Config != "" && !filepath.IsAbs(o.Source.Config) {
			return fault.Usagef("--config %s: bazel runs this in the workspace, whose files do not count; give an absolute path",
				o.Source.Config)
		}
		return nil
	},
}

func bazelRequest(words []string) (*request, error) {
	if len(words) != 1 || words[0] != "get" {
		return nil, fault.Usagef("%s takes one operation: get", settings.ToolBazel)
	}
	in, err := readRequest(func([]byte) bool { return false })
	if err != nil {
		return nil, err
	}
	uri, err := plugin.ParseBazelRequest(in)
	if err != nil {
		return nil, err
	}
	q := &request{none: plugin.BazelNone(),
		encode: func(_ *settings.Resolved, c credential.Credential) ([]byte, error) {
			if c.TokenType != "Bearer" {
				return nil, fmt.Errorf("bazel cannot renew a token of the type %q", c.TokenType)
			}
			return plugin.EncodeBazel(c)
		}}
	q.host, _ = hosts.OfURL(uri)
	return q, nil
}
