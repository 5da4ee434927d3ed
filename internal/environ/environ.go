// Package environ makes the environment of a command that gets credentials.
package environ

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// awsVariables are those that would override our keys in some SDK, or next to
// them: other keys, a profile, a role.
var awsVariables = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
	"AWS_ACCOUNT_ID",
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", // of old SDKs
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
}

// programVariables are those that programs or the loader go by, next to LD_* and
// DYLD_*. A token in one of them would keep the command from running, or be
// shown: the loader prints a library that it does not find.
var programVariables = []string{"PATH", "HOME", "SHELL", "IFS", "PATHEXT", "COMSPEC", "SYSTEMROOT", "USERPROFILE"}

// IsProgramVariable tells whether a variable is no place for a token.
func IsProgramVariable(name string) bool {
	name = commandline.Fold(name)
	return slices.Contains(programVariables, name) || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "DYLD_")
}

// Environment is that of a command: ours, without our own settings, the secret
// ones above all, and with what is set.
type Environment struct{ vars []string }

// NewEnvironment is ours, as NAME=VALUE each, without our own settings.
func NewEnvironment(ours []string) *Environment { return &Environment{commandline.WithoutOurs(ours)} }

// List is the environment, NAME=VALUE each.
func (e *Environment) List() []string { return e.vars }

func (e *Environment) drop(which func(name string) bool) {
	e.vars = slices.DeleteFunc(e.vars, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return which(commandline.Fold(name))
	})
}

// Set gives a variable its value, whatever it had before.
func (e *Environment) Set(name, value string) {
	e.Unset(name)
	e.vars = append(e.vars, name+"="+value)
}

func (e *Environment) get(name string) string {
	value, _ := e.lookup(name)
	return value
}

func (e *Environment) lookup(name string) (string, bool) {
	for _, kv := range slices.Backward(e.vars) {
		if n, value, _ := strings.Cut(kv, "="); commandline.Fold(n) == commandline.Fold(name) {
			return value, true
		}
	}
	return "", false
}

// DropAWS takes out the variables that would win over a role's keys.
func (e *Environment) DropAWS() {
	e.drop(func(name string) bool { return slices.Contains(awsVariables, name) })
}

// SetKeys puts keys where every AWS SDK looks first.
func (e *Environment) SetKeys(c credential.Credential) {
	e.Set("AWS_ACCESS_KEY_ID", c.AWS.AccessKeyID)
	e.Set("AWS_SECRET_ACCESS_KEY", c.AWS.SecretAccessKey.Reveal())
	e.Set("AWS_SESSION_TOKEN", c.AWS.SessionToken.Reveal())
	if !c.ExpiresAt.IsZero() {
		e.Set("AWS_CREDENTIAL_EXPIRATION", c.ExpiresAt.UTC().Format(time.RFC3339))
	}
}

// SetRegion sets a region for all SDKs: some know one name, some the other.
func (e *Environment) SetRegion(region string) {
	if region != "" {
		e.Set("AWS_REGION", region)
		e.Set("AWS_DEFAULT_REGION", region)
	}
}

// HideDefaultProfile keeps the command from the files whose profile "default"
// has credentials of its own: every SDK takes those before it asks an endpoint.
// It returns what to tell a person.
func (e *Environment) HideDefaultProfile() (told []string) {
	const profile = "default"
	home, set := e.lookup(userfile.HomeVariable)
	if !set {
		home, _ = userfile.Home()
	}
	read := func(path string) string {
		f, err := awsconfig.Open(path)
		if err != nil { // nor do the SDKs
			return ""
		}
		return f.Text
	}
	config, credentials := awsconfig.ConfigPath(e.lookup, home), awsconfig.CredentialsPath(e.lookup, home)
	configText := read(config)
	wins := map[awsconfig.Place]string{}
	if _, ok := awsconfig.Get(configText, profile, "credential_process"); ok {
		wins[awsconfig.InConfig] = "credential_process"
	}
	for _, c := range awsconfig.Conflicts(configText, read(credentials), profile, func(string) string { return "" }) {
		if c.Key != "profile" && wins[c.In] == "" {
			wins[c.In] = c.Key
		}
	}
	hide := func(in awsconfig.Place, path, variable string) {
		if key := wins[in]; key != "" {
			e.Set(variable, os.DevNull)
			told = append(told, "the command does not see "+path+": "+key+
				" of its profile default would override keys that renew")
		}
	}
	if region, ok := awsconfig.Get(configText, profile, "region"); ok && wins[awsconfig.InConfig] != "" &&
		e.get("AWS_REGION") == "" && e.get("AWS_DEFAULT_REGION") == "" {
		e.SetRegion(region)
	}
	hide(awsconfig.InConfig, config, "AWS_CONFIG_FILE")
	hide(awsconfig.InCredentials, credentials, "AWS_SHARED_CREDENTIALS_FILE")
	return told
}

// Unset takes a variable out.
func (e *Environment) Unset(name string) {
	e.drop(func(n string) bool { return n == commandline.Fold(name) })
}
