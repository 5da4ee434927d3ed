package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// Formats of [EncodeKeys].
const (
	KeysProcess    = "process"
	KeysEnv        = "env"
	KeysFish       = "fish"
	KeysPowerShell = "powershell"
)

// KeyFormats lists them.
func KeyFormats() []string { return []string{KeysProcess, KeysEnv, KeysFish, KeysPowerShell} }

// EncodeKeys renders keys for credential_process, or as lines that set the AWS SDKs'
// variables in a POSIX shell, fish or PowerShell. Values stand in single quotes, in
// which none of the three expands anything.
func EncodeKeys(format string, c credential.Credential) ([]byte, error) {
	if format == KeysProcess {
		return EncodeProcessCredentials(c)
	}
	if c.AWS == nil || c.ExpiresAt.IsZero() {
		return nil, errors.New("AWS keys with an expiration are needed")
	}
	line, ok := map[string]string{KeysEnv: "export %s='%s'\n", KeysFish: "set -gx %s '%s'\n",
		KeysPowerShell: "$Env:%s = '%s'\n"}[format]
	if !ok {
		return nil, fmt.Errorf("unknown output format %q: use %s", format, strings.Join(KeyFormats(), ", "))
	}
	quote := map[string]*strings.Replacer{KeysEnv: strings.NewReplacer("'", `'\''`),
		KeysFish: strings.NewReplacer(`\`, `\\`, "'", `\'`), KeysPowerShell: strings.NewReplacer("'", "''")}[format]
	var text strings.Builder
	for _, v := range [][2]string{{"AWS_ACCESS_KEY_ID", c.AWS.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.AWS.SecretAccessKey.Reveal()}, {"AWS_SESSION_TOKEN", c.AWS.SessionToken.Reveal()},
		{"AWS_CREDENTIAL_EXPIRATION", rfc3339(c.ExpiresAt)}} {
		if !visible(v[1]) { // a typographic quote ends a text in PowerShell
			return nil, errors.New("the AWS keys have characters in them that no key can have")
		}
		fmt.Fprintf(&text, line, v[0], quote.Replace(v[1]))
	}
	return []byte(text.String()), nil
}
