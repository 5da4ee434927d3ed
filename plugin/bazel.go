package plugin

import (
	"errors"
	"fmt"

	"github.com/sso-exec/sso-exec/credential"
)

// ParseBazelRequest reads what Bazel has on stdin of its credential helper, and returns
// the URI that headers are wanted for (EngFlow, credential-helper-spec). Members that
// are not known are passed over; what could be read in two ways is an error.
func ParseBazelRequest(in []byte) (uri string, err error) {
	members, err := object(in)
	if err == nil {
		uri, err = text(members, "uri")
	}
	if err == nil && uri == "" {
		err = errors.New("uri is missing")
	}
	if err != nil {
		return "", fmt.Errorf("bazel's request: %w", err)
	}
	return uri, nil
}

// BazelNone answers get where no header is needed.
func BazelNone() []byte { return []byte("{}\n") }

// EncodeBazel answers get with the Authorization header. Bazel keeps it until expires,
// which is left out where it is not known.
func EncodeBazel(c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if token == "" || !visible(token) {
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	}
	doc := struct {
		Headers map[string][]string `json:"headers"`
		Expires string              `json:"expires,omitempty"`
	}{Headers: map[string][]string{"Authorization": {c.TokenType + " " + token}}}
	if !c.ExpiresAt.IsZero() {
		doc.Expires = rfc3339(c.ExpiresAt)
	}
	return encode(doc)
}
