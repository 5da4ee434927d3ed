package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// The variables by which Google's auth libraries tell an executable what they want
// (google.aip.dev/auth/4117, "Executable-sourced credentials").
const (
	GCPAudience    = "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"
	GCPTokenType   = "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE"
	GCPInteractive = "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE"
	GCPOutputFile  = "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"
)

// The types of subject tokens (RFC 8693 §3) that [EncodeGCP] has an answer for.
const (
	GCPIDToken = "urn:ietf:params:oauth:token-type:id_token"
	GCPJWT     = "urn:ietf:params:oauth:token-type:jwt"
)

// gcpAnswer is what such an executable prints. The library hands the token to Google's
// STS.
type gcpAnswer struct {
	Version    int    `json:"version"`
	Success    bool   `json:"success"`
	TokenType  string `json:"token_type,omitempty"`
	IDToken    string `json:"id_token,omitempty"`
	Expiration int64  `json:"expiration_time,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
}

// EncodeGCP answers with a token of the type that was asked for, both of which are JWTs:
// another one is an error, and is not handed to Google. expiration_time is
// left out where it is not known; libraries then refuse the answer in an output file.
func EncodeGCP(tokenType string, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	switch {
	case token == "" || !visible(token):
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	case strings.Count(token, ".") != 2: // RFC 7519 §3
		return nil, errors.New("the token is not a JWT; Google's STS accepts only those")
	case tokenType != GCPIDToken && tokenType != GCPJWT:
		return nil, fmt.Errorf("no token of the type %q", tokenType)
	}
	doc := gcpAnswer{Version: 1, Success: true, TokenType: tokenType, IDToken: token}
	if !c.ExpiresAt.IsZero() {
		doc.Expiration = c.ExpiresAt.Unix()
	}
	return encode(doc)
}

// EncodeGCPError answers with a failure: the library shows both texts.
func EncodeGCPError(code, message string) []byte {
	b, _ := encode(gcpAnswer{Version: 1, Code: code, Message: message}) // of texts alone
	return b
}

// IsGCPAnswer reports whether a file's content is an earlier answer of [EncodeGCP], and
// nothing else.
func IsGCPAnswer(text []byte) bool {
	members, err := object(text)
	for name := range members {
		switch name {
		case "version", "success", "token_type", "id_token", "expiration_time":
		default:
			return false
		}
	}
	return err == nil && string(members["version"]) == "1" && string(members["success"]) == "true" &&
		members["token_type"] != nil && members["id_token"] != nil
}
