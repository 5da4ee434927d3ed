// Package check is what can be told of a single value of a setting, whatever the others
// are and wherever it is used: the config's errors name its line. The cached answer pays
// for it, so it looks at nothing but the value.
package check

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// ErrNoIssuer is a provider that nothing names; a default profile of another client does
// not count.
var ErrNoIssuer = errors.New("no issuer: which provider is it?")

// Issuer checks one: OpenID Connect Discovery §3.
func Issuer(v string) error {
	if at := strings.Index(v, "/.well-known/"); at > 0 {
		return fmt.Errorf("the issuer %q is the address of metadata: leave out what begins with /.well-known/, as in %s", v,
			v[:at])
	}
	u, err := flows.CheckURL("the issuer", v)
	if err == nil && u.RawQuery != "" {
		err = fmt.Errorf("the issuer %q must not have a query", v)
	}
	return err
}

// Resource checks one: RFC 8707 §2.
func Resource(v string) error {
	if u, err := url.Parse(v); err != nil || !u.IsAbs() || u.Fragment != "" {
		return fmt.Errorf("the resource %q must be an absolute URI without a fragment (RFC 8707)", v)
	}
	return nil
}

// Param takes K=V, of a parameter that sso-exec does not set itself.
func Param(kv string) error {
	name, _, ok := strings.Cut(kv, "=")
	switch {
	case !ok || name == "":
		return fmt.Errorf("%q must be K=V", kv)
	case flows.IsOwnParam(name):
		return fmt.Errorf("%s: this parameter is set by sso-exec itself", name)
	}
	return nil
}

// ACR checks one: any text that shows.
func ACR(v string) error {
	if strings.TrimSpace(v) == "" || flows.Clean(v, len(v)) != strings.Join(strings.Fields(v), " ") {
		return fmt.Errorf("%q is not an acr: write it as the provider spells it", flows.Clean(v, 100))
	}
	return nil
}

// Positive is of durations.
func Positive(v string) error {
	d, err := time.ParseDuration(v)
	if err == nil && d <= 0 {
		err = errors.New("must be more than 0")
	}
	return err
}

// WholeSeconds is of durations.
func WholeSeconds(v string) error {
	d, err := time.ParseDuration(v)
	if err == nil && d%time.Second != 0 {
		err = errors.New("must be in whole seconds")
	}
	return cmp.Or(err, NotNegative(v))
}

// NotNegative is of durations.
func NotNegative(v string) error {
	d, err := time.ParseDuration(v)
	if err == nil && d < 0 {
		err = errors.New("must not be negative")
	}
	return err
}

// RedirectURI tells what is wrong with one.
func RedirectURI(v string) error { _, err := flows.CheckRedirectURI(v); return err }

// Claims tells what is wrong with one.
func Claims(v string) error { _, err := flows.ParseClaims(v); return err }

// Command tells what is wrong with one.
func Command(v string) error { _, err := commandline.Command(v); return err }

// CAData tells what is wrong with one.
func CAData(v string) error { _, err := DecodeCAData(v); return err }

// STSEndpoint tells what is wrong with one.
func STSEndpoint(v string) error { _, err := flows.CheckURL("the STS endpoint", v); return err }

// APIKeyName refuses a key in a name's place.
func APIKeyName(v string) error {
	if apikeys.LooksLikeKey(v) {
		return errors.New("it looks like an API key itself, which others can read here: if it is one, revoke it, " +
			"and store the next one with sso-exec apikey set NAME")
	}
	return apikeys.CheckAPIKeyName(v)
}

// AssertionAudience checks one: RFC 7523 §3 leaves it to the two.
func AssertionAudience(v string) error {
	if v != "issuer" && v != "token-endpoint" && !strings.Contains(v, ":") {
		return fmt.Errorf("%q: use issuer, token-endpoint or a URI", v)
	}
	return nil
}

// Source leaves auto, which depends on the place, to where it is used.
func Source(v string) error {
	if v == "auto" {
		return nil
	}
	_, err := workload.Parse(v, workload.Env{})
	return err
}

// TokenType checks one: RFC 8693 §3, by the last word of the URN or the whole.
func TokenType(v string) error {
	if _, ok := flows.TokenTypeURN(v); !ok {
		return fmt.Errorf("%q: use jwt, id_token, access_token or the URN of RFC 8693 §3", v)
	}
	return nil
}

// DecodeCAData reads base64 as tools write it: in lines, without padding, in the
// alphabet of URLs. There must be a certificate in it.
func DecodeCAData(v string) ([]byte, error) {
	v = strings.NewReplacer("-", "+", "_", "/").Replace(strings.Join(strings.Fields(v), ""))
	v += strings.Repeat("=", -len(v)&3)
	text, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return nil, fmt.Errorf("it is not base64: %w", err)
	}
	text = userfile.Text(text)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			return text, nil
		}
	}
	return nil, errors.New("no certificate in PEM form in it")
}

// Role checks one: other services than AWS have roles that are not ARNs.
func Role(v string) error {
	switch n := utf8.RuneCountInString(v); {
	case n > 2048:
		return fmt.Errorf("has %d characters; STS accepts 2048", n)
	case !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%q has characters in it that do not print", flows.Clean(v, 200))
	}
	return nil
}

// RoleARN is of a role of AWS itself.
func RoleARN(v string) error {
	if v == "" {
		return nil
	}
	return ARN(v)
}

// ARN tells whether a value is an ARN, as far as it begins like one.
func ARN(v string) error {
	if !strings.HasPrefix(v, "arn:") {
		return fmt.Errorf(`%q is not an ARN: an ARN begins with "arn:"`, v)
	}
	return nil
}
