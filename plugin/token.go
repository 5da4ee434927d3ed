package plugin

import (
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// Formats of [EncodeToken].
const (
	TokenRaw    = "raw"
	TokenHeader = "header"
	TokenJSON   = "json"
)

// EncodeToken renders a bare token, an Authorization header's line (RFC 6750
// §2.1) or {"token","tokenType","expiresAt"}; expiresAt is left out where it is
// not known. newline ends the raw and the header format, for tools that do not
// trim it can be left out.
func EncodeToken(format string, newline bool, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	if strings.ContainsAny(token, "\r\n\x00") {
		return nil, fmt.Errorf("the token has a line break or a NUL in it, which no header can carry")
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
	return nil, fmt.Errorf("unknown output format %q: use %s, %s or %s", format, TokenRaw, TokenHeader, TokenJSON)
}
