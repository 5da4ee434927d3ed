package tools

import (
	"errors"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var token = &tool{
	name: settings.ToolToken, short: "print a token",
	long: `Print a token: the access token, or with --token-type id the ID token. It goes
to stdout and nothing else does, so that it can be piped or substituted.`,
	example: `  # the header goes through a pipe, where no process list shows it
  sso-exec token --profile corp -o header | curl -H @- https://api.example.com/`,
	check: checkToken,
	encode: func(o *settings.Resolved, c credential.Credential) ([]byte, error) {
		return plugin.EncodeToken(o.Output, !o.NoNewline, c)
	},
}

func checkToken(o *settings.Resolved) error {
	if o.Output == plugin.TokenHeaders && len(o.Asked) == 0 {
		return fault.InUsage(errors.New("-o headers: which server are they for?"), "give --for URL")
	}
	return checkOutput(o)
}

func checkOutput(o *settings.Resolved) error {
	formats := settings.Outputs(o.Tool)
	if !slices.Contains(formats, o.Output) {
		return fault.Usagef("--output %q: use %s", o.Output, strings.Join(formats, ", "))
	}
	return nil
}
