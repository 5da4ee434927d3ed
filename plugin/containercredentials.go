package plugin

import (
	"errors"

	"github.com/sso-exec/sso-exec/credential"
)

// The variables by which an AWS SDK finds an endpoint that it gets keys from,
// and the value of the Authorization header that it sends there (AWS SDKs and
// Tools Reference Guide, "Container credential provider"). The SDKs take http
// only for a loopback address.
const (
	ContainerCredentialsURI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	ContainerAuthorization  = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
)

// EncodeContainerCredentials renders what such an endpoint answers. An SDK asks
// again when the keys near their Expiration, and never without one, so keys
// without an end are refused.
func EncodeContainerCredentials(c credential.Credential) ([]byte, error) {
	k := c.AWS
	if k == nil {
		return nil, errors.New("an AWS SDK takes AWS keys, not a token")
	}
	if c.ExpiresAt.IsZero() {
		return nil, errors.New("the AWS keys have no expiration")
	}
	return encode(struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      string
		AccountID       string `json:"AccountId,omitempty"`
	}{k.AccessKeyID, k.SecretAccessKey.Reveal(), k.SessionToken.Reveal(), rfc3339(c.ExpiresAt), k.AccountID})
}

// EncodeContainerError renders a failure of such an endpoint, as the body of an
// answer with a status of 400 and above. SDKs show the message.
func EncodeContainerError(code, message string) ([]byte, error) {
	return encode(struct{ Code, Message string }{code, message})
}
