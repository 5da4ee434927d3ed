package tools

import (
	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var aws = &tool{
	name: settings.ToolAWS, short: "print AWS credential_process credentials",
	long: `Trade the ID token for a role's temporary keys (AssumeRoleWithWebIdentity) and
print them for credential_process of the AWS CLI and SDKs. The role must trust
the provider; the keys are kept until fewer than 15 minutes are left.

The AWS CLI keeps stderr to itself: sign in first with sso-exec login where
there is no browser.`,
	example: `  # in ~/.aws/config, where the profile aws-dev of sso-exec has the role
  [profile dev]
  credential_process = sso-exec aws --profile aws-dev

  sso-exec aws --profile corp --role-arn arn:aws:iam::123456789012:role/dev
  eval "$(sso-exec aws --profile aws-dev -o env)"   # in a shell`,
	by: acquire.Caller{Name: "AWS", Swallows: true}, keys: true, check: checkOutput,
	encode: func(o *settings.Resolved, c credential.Credential) ([]byte, error) {
		return plugin.EncodeKeys(o.Output, c)
	},
	below: func() []*cobra.Command { return []*cobra.Command{newConsole(), newList()} },
}
