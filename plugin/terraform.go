package plugin

import (
	"errors"

	"github.com/sso-exec/sso-exec/credential"
)

// TerraformNone answers get of Terraform's credentials helper protocol for a host that
// there is no token for (Terraform, "Credentials Helpers").
func TerraformNone() []byte { return []byte("{}\n") }

// EncodeTerraform answers get: Terraform sends the token as a bearer token, and asks
// again in each command.
func EncodeTerraform(c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if token == "" || !visible(token) {
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	}
	return encode(map[string]string{"token": token})
}
