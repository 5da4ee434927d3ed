package tools

import (
	"errors"
	"fmt"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/plugin"
)

var terraform = &tool{
	name: settings.ToolTerraform, short: "answer Terraform as a credentials helper",
	long: `Speak Terraform's credentials helper protocol: get prints a token for a host
that the profile's hosts name, and {} for others. store and forget fail: your
sign-in is kept by sso-exec itself. Without --profile, the profile is the one
that names the host.

Terraform looks for its helper among its plugins: sso-exec setup terraform puts
a link there. It keeps stderr to itself: sign in first with sso-exec login where
there is no browser.`,
	example: `  # in ~/.terraformrc, as sso-exec setup terraform writes it
  credentials_helper "sso-exec" {
    args = ["--profile=corp"]
  }

  sso-exec terraform get app.terraform.io`,
	words: "get HOST", calledAs: "terraform-credentials-sso-exec",
	by:      acquire.Caller{Name: "Terraform", Swallows: true, StdinTaken: func() bool { return true }},
	request: terraformRequest,
}

func terraformRequest(words []string) (*request, error) {
	if len(words) != 2 {
		return nil, fault.Usagef("%s takes an operation and a host: get HOST", settings.ToolTerraform)
	}
	switch words[0] {
	case "get":
	case "store", "forget":
		// Terraform writes the token there and waits until it is read.
		_, _ = readRequest(func([]byte) bool { return false })
		return nil, fault.Hint(errors.New(words[0]+": nothing is kept for terraform: sso-exec keeps your sign-in"),
			"to sign in, run: sso-exec login", "to sign out, run: sso-exec logout")
	default:
		return nil, fault.Usagef("terraform's operation %q is not known: get", words[0])
	}
	q := &request{none: plugin.TerraformNone(),
		encode: func(_ *settings.Resolved, c credential.Credential) ([]byte, error) {
			if c.TokenType != "Bearer" {
				return nil, fmt.Errorf("terraform cannot send a token of the type %q", c.TokenType)
			}
			return plugin.EncodeTerraform(c)
		}}
	q.host, _ = hosts.Of("https", words[1])
	return q, nil
}
