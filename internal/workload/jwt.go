package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// claims are those of a token that matter here (RFC 7519 §4.1). Nothing in them
// has been verified.
type claims struct {
	issuer   string
	subject  string
	audience []string
	expires  time.Time // zero: not said
	pod      string    // uid of the pod that a Kubernetes token is bound to
}

var errNotJWT = errors.New("it is not a JWT")

// parseJWT reads the claims of a signed JWT (RFC 7519, RFC 7515 §7.1) and
// verifies nothing. Claims of a form that they cannot have count as absent. The
// error never holds a part of the token.
func parseJWT(token string) (claims, error) {
	var c claims
	t, err := credential.ParseJWT(token)
	if err != nil || len(token) > maxToken || len(t.Signature) == 0 { // an unsecured one (RFC 7519 §6) has none
		return c, errNotJWT
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var payload map[string]json.RawMessage
	if json.Unmarshal(t.Header, &header) != nil || header.Algorithm == "" || json.Unmarshal(t.Payload, &payload) != nil ||
		payload == nil {
		return c, errNotJWT
	}
	c.issuer, c.subject = text(payload["iss"]), text(payload["sub"])
	// RFC 7519 §4.1.3: one string, or an array of them.
	if one := text(payload["aud"]); one != "" {
		c.audience = []string{one}
	} else {
		_ = json.Unmarshal(payload["aud"], &c.audience)
	}
	c.expires = numericDate(payload["exp"])
	// KEP-1205: tokens from the TokenRequest API name what they are bound to.
	var kubernetes struct {
		Pod struct{ UID string }
	}
	if json.Unmarshal(payload["kubernetes.io"], &kubernetes) == nil {
		c.pod = kubernetes.Pod.UID
	}
	return c, nil
}

// numericDate reads seconds since 1970 (RFC 7519 §2), as a number or, as some
// metadata servers write it, in a string. The zero time: absent or nonsense.
func numericDate(raw json.RawMessage) time.Time {
	var n float64
	if s := text(raw); s != "" {
		raw = json.RawMessage(s)
	}
	if json.Unmarshal(raw, &n) != nil || n <= 0 || n > math.MaxUint32*50 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// text is a JSON string, or nothing.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// An audienceError says that a token is for somebody else.
type audienceError struct {
	what string // which token
	has  []string
	want string
}

func (e *audienceError) Error() string {
	if len(e.has) == 0 {
		return fmt.Sprintf("%s names no audience, and must name %s", e.what, quote(e.want))
	}
	var has []string
	for i, a := range e.has {
		if i == 3 {
			has = append(has, "…")
			break
		}
		has = append(has, quote(a))
	}
	return fmt.Sprintf("%s is for the audience %s, not for %s", e.what, strings.Join(has, ", "), quote(e.want))
}

func quote(s string) string { return `"` + flows.Clean(s, 120) + `"` }

// checkAudience returns an [*audienceError] unless the token is for want.
func (c claims) checkAudience(what, want string) error {
	if want == "" || slices.Contains(c.audience, want) {
		return nil
	}
	return &audienceError{what, c.audience, want}
}

// checkExpired refuses a token that has ended.
func (c claims) checkExpired(what string, now time.Time) error {
	if c.expires.IsZero() || c.expires.After(now) {
		return nil
	}
	return &flows.VerifyError{Err: fmt.Errorf("%s ended at %s, %s ago: either it was not renewed, or this machine's "+
		"clock is wrong",
		what, c.expires.Format(time.RFC3339), now.Sub(c.expires).Round(time.Second))}
}

// jwt is the token of these claims.
func (c claims) jwt(value string) Token {
	return Token{Value: credential.NewSecret(value), Type: TypeJWT, Expires: c.expires}
}

// who is what tells a token's subject from others, and stays when the token
// rotates: what it says of itself, or a hash of it if it says nothing.
func who(token string) []string {
	c, err := parseJWT(token)
	if err != nil || c.subject == "" {
		return hashed(token)
	}
	parts := []string{"sub", c.issuer, c.subject}
	if c.pod != "" {
		parts = append(parts, c.pod)
	}
	return parts
}

// hashed is a token that stands for itself.
func hashed(token string) []string { return []string{"sha256", hash(token)} }

// hash stands for a token in a principal.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// principal joins parts so that no two lists give the same.
func principal(parts ...string) string {
	b, _ := json.Marshal(parts) // strings always can be
	return string(b)
}
