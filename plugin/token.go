package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// visible reports whether all of s are VSCHARs, of which tokens are made: what
// goes into a header and to a terminal must not be anything else.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Formats of [EncodeToken].
const (
	TokenRaw     = "raw"
	TokenHeader  = "header"
	TokenBearer  = "bearer"
	TokenHeaders = "headers"
	TokenJSON    = "json"
)

// TokenFormats lists them.
func TokenFormats() []string {
	return []string{TokenRaw, TokenHeader, TokenBearer, TokenHeaders, TokenJSON}
}

// EncodeToken renders a bare token, an Authorization header's line (RFC 6750
// §2.1), its value alone, a JSON object with that header in it, or
// {"token","tokenType","expiresAt"}; expiresAt is left out where it is not known.
// newline ends what is not JSON; for tools that do not trim it can be left out.
func EncodeToken(format string, newline bool, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if !visible(token) {
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	}
	end := ""
	if newline {
		end = "\n"
	}
	switch format {
	case TokenRaw:
		return []byte(token + end), nil
	case TokenHeader:
		return []byte("Authorization: " + c.TokenType + " " + token + end), nil
	case TokenBearer:
		return []byte(c.TokenType + " " + token + end), nil
	case TokenHeaders:
		return encode(map[string]string{"Authorization": c.TokenType + " " + token})
	case TokenJSON:
		doc := struct {
			Token     string `json:"token"`
			TokenType string `json:"tokenType"`
			ExpiresAt string `json:"expiresAt,omitempty"`
		}{Token: token, TokenType: c.TokenType}
		if !c.ExpiresAt.IsZero() {
			doc.ExpiresAt = rfc3339(c.ExpiresAt)
		}
		return encode(doc)
	}
	return nil, fmt.Errorf("unknown output format %q: use %s", format, strings.Join(TokenFormats(), ", "))
}
