package aws

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
)

// CheckStartURL tells what is wrong with a start URL.
func CheckStartURL(v string) error { _, err := identitycenter.StartURL(v); return err }

// CheckAccountID tells what is wrong with the ID of an account.
func CheckAccountID(v string) error {
	if len(v) != 12 || strings.Trim(v, "0123456789") != "" {
		return fmt.Errorf("%q is not the ID of an AWS account: it has 12 digits", flows.Clean(v, 40))
	}
	return nil
}

// CheckCluster tells what is wrong with the name of a cluster: it is sent as a header.
// EKS's own names are of letters, digits, - and _; aws-iam-authenticator takes others.
func CheckCluster(v string) error {
	if len(v) > 253 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q is not the name of a cluster: it is at most 253 characters of printable ASCII, without spaces",
			flows.Clean(v, 100))
	}
	return nil
}

// CheckRoleName checks one by AWS's pattern for the names of roles and permission sets.
func CheckRoleName(v string) error {
	if !regexp.MustCompile(`^[\w+=,.@-]{1,64}$`).MatchString(v) {
		return fmt.Errorf("%q is not the name of a role: it is that of the permission set, without a path, as the AWS "+
			"access portal shows it", flows.Clean(v, 100))
	}
	return nil
}

// isOf reports whether a text is of ASCII letters, digits and these.
func isOf(v, others string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool {
		return r > '~' || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r)
	})
}

// CheckExternalID tells what is wrong with one.
func CheckExternalID(v string) error {
	if len(v) < 2 || len(v) > 1224 || !isOf(v, "_+=,.@:/-") {
		return fmt.Errorf("%q must be 2 to 1224 letters, digits or any of _+=,.@:/-", flows.Clean(v, 80))
	}
	return nil
}

// CheckSourceIdentity tells what is wrong with one.
func CheckSourceIdentity(v string) error {
	if len(v) < 2 || len(v) > 64 || strings.HasPrefix(v, "aws:") || !isOf(v, "_+=,.@-") {
		return fmt.Errorf("%q must be 2 to 64 letters, digits or any of _+=,.@-", flows.Clean(v, 80))
	}
	return nil
}

// CheckTag tells what is wrong with one.
func CheckTag(v string) error {
	key, value, ok := strings.Cut(v, "=")
	if !ok {
		return fmt.Errorf("%q must be K=V", flows.Clean(v, 80))
	}
	if err := CheckTagKey(key); err != nil {
		return err
	}
	return checkTagText("value", value, 0, 256)
}

// CheckTagKey tells what is wrong with one.
func CheckTagKey(v string) error {
	if strings.HasPrefix(strings.ToLower(v), "aws:") {
		return fmt.Errorf("%q: keys that begin with aws: are AWS's own", flows.Clean(v, 80))
	}
	return checkTagText("key", v, 1, 128)
}

func checkTagText(what, v string, least, most int) error {
	n := utf8.RuneCountInString(v)
	if n < least || n > most || strings.ContainsFunc(v, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-@", r)
	}) {
		return fmt.Errorf("the %s %q must be %d to %d letters, digits, spaces or any of _.:/=+-@", what, flows.Clean(v, 80),
			least, most)
	}
	return nil
}
