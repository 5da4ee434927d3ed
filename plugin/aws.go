package plugin

import (
	"errors"

	"github.com/sso-exec/sso-exec/credential"
)

// EncodeProcessCredentials renders the document of AWS's credential_process
// (AWS SDKs and Tools Reference Guide, "Process credential provider"). Version
// is a number there, and without Expiration an SDK never asks again, so keys
// without an end are refused.
func EncodeProcessCredentials(c credential.Credential) ([]byte, error) {
	k := c.AWS
	if k == nil {
		return nil, errors.New("credential_process takes AWS keys, not a token")
	}
	if c.ExpiresAt.IsZero() {
		return nil, errors.New("the AWS keys have no expiration")
	}
	return encode(struct {
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId,omitempty"`
	}{1, k.AccessKeyID, k.SecretAccessKey.Reveal(), k.SessionToken.Reveal(), rfc3339(c.ExpiresAt), k.AccountID})
}
