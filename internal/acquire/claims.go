package acquire

import (
	"encoding/json"

	"github.com/sso-exec/sso-exec/credential"
)

// ClaimsOf decodes a JWT's claims, without verifying them.
func ClaimsOf(token credential.Secret) (claims map[string]json.RawMessage) {
	credential.PeekClaims(token, &claims)
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
