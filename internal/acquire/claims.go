package acquire

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// ClaimsOf decodes a JWT's claims, without verifying them.
func ClaimsOf(token credential.Secret) map[string]json.RawMessage {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims map[string]json.RawMessage
	_ = json.Unmarshal(b, &claims)
	return claims
}

// Texts reads a claim that is a string or a list of strings.
func Texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	list := []string{}
	_ = json.Unmarshal(raw, &list)
	return list
}
