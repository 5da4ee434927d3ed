package plugin

import (
	"errors"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// What get of the program keyring prints: the password alone, or the user name before
// it; as lines, or as a JSON object.
const (
	KeyringPassword = "password"
	KeyringCreds    = "creds"
	KeyringPlain    = "plain"
	KeyringJSON     = "json"
)

// EncodeKeyring answers get: the token is the password, behind the user name where
// creds is asked for.
func EncodeKeyring(mode, format, username string, c credential.Credential) ([]byte, error) {
	token := c.Token.Reveal()
	switch {
	case token == "" || !visible(token):
		return nil, errors.New("the token has characters in it that no token can have (RFC 6749 A.12)")
	case mode != KeyringCreds:
		username = ""
	case username == "" || !visible(username) || strings.Contains(username, ":"): // RFC 7617 §2
		return nil, errors.New("the user name has characters in it that Basic authentication cannot carry")
	}
	if format == KeyringJSON {
		return encode(struct {
			Username string `json:"username,omitempty"`
			Password string `json:"password"`
		}{username, token})
	}
	return []byte(strings.TrimPrefix(username+"\n"+token+"\n", "\n")), nil
}
