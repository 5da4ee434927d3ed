package credential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// PeekClaims reads the claims of a JWT into v, as [json.Unmarshal] does (RFC 7519
// §3), and reports whether that worked. Nothing is verified: neither the signature
// nor whom the token is for, nor whether it has ended.
func PeekClaims(token Secret, v any) bool {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := segment(parts[1])
	return err == nil && json.Unmarshal(payload, v) == nil
}

// JWT is a token in the compact form of a signature (RFC 7515 §7.1), taken apart.
// Nothing of it is verified.
type JWT struct {
	Header, Payload, Signature []byte
	Signed                     string // what the signature is over
}

// ParseJWT takes a token apart. The error says what is wrong, and has nothing of the
// token in it. What stands in the parts is not looked at, and each may be empty.
func ParseJWT(token string) (t JWT, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return t, errors.New("it is not a signed JWT")
	}
	for i, to := range []*[]byte{&t.Header, &t.Payload, &t.Signature} {
		if *to, err = segment(parts[i]); err != nil {
			return t, err
		}
	}
	t.Signed = parts[0] + "." + parts[1]
	return t, nil
}

// segment decodes base64url without padding (RFC 7515 §2).
func segment(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") { // the decoder ignores line ends
		return nil, errors.New("it is not a signed JWT: a part of it is not base64url")
	}
	return b, nil
}
