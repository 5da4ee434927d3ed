package settings

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

const apiKeyUsage = "`name` of a stored API key to print instead, in the header that its API wants"

// This file is how the program authenticates to the provider: by a secret, a
// key, a certificate, or where it runs.

// ClientFlags are the settings of that.
var ClientFlags = []string{"client-auth", "client-secret-file", "client-secret-command", "client-secret-fd", "client-key-file", "client-key-command", "client-key-id",
	"client-cert-file", "assertion-audience"}

// credentialFlags name a credential, which is for one provider alone.
var credentialFlags = []string{"client-secret-file", "client-secret-command", "client-key-file", "client-key-command", "client-cert-file", "subject-token-from", "actor-token-from"}

// The commands that need a profile.
const (
	ToolKube  = "kube"
	ToolAWS   = "aws"
	ToolToken = "token"
	ToolLogin = "login"

	ToolLogout = "logout"
	ToolStatus = "status"
	ToolWhoami = "whoami"

	ToolRun    = "run"
	ToolAPIKey = "apikey"
)

// For returns the options of a command with its flags. Each
// run parses them at most twice: for the cached answer, and for cobra.
func For(tool string) *Resolved {
	o := &Resolved{Tool: tool}
	f := pflag.NewFlagSet(tool, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {} // help and errors are cobra's to print
	o.Flags = f

	f.StringVar(&o.Source.Profile, "profile", "", "`name` of the profile to use (default: the config file's default-profile)")
	f.StringVar(&o.Provider.Issuer, "issuer", "", "`URL` of the provider")
	f.StringVar(&o.Provider.ClientID, "client-id", "", "`ID` that the provider knows this program by")
	f.StringSliceVar(&o.Target.Scopes, "scope", nil, "`scope` to ask for beside openid and offline_access; repeatable, commas allowed")
	f.StringVar(&o.Target.Audience, "audience", "", "audience parameter of the authorization request")
	f.StringArrayVar(&o.Target.Resources, "resource", nil, "resource `URI` that the tokens are for (RFC 8707); repeatable")
	f.StringVar(&o.Provider.Session, "session", "", "`label` that keeps two people's sign-ins at one issuer apart")
	f.StringVar(&o.Provider.Organization, "organization", "", "`ID` of the organization to sign in to")
	f.StringVar(&o.SignIn.Flow, "flow", "auto", "how to sign in: auto, pkce (a browser here), device (a code for any browser) or paste (a browser anywhere, its last address brought back); services: client-credentials, token-exchange, jwt-bearer, or workload (its own token is what is wanted)")
	f.StringVar(&o.SignIn.Device, "device", flows.DeviceAllow, "when a device sign-in may be used: allow, headless (only where no browser can be reached) or never; a flag cannot loosen what a profile says")
	f.Var((*Program)(&o.SignIn.Browser), "browser", "`command` that opens a page, without a shell; %s stands for the URL; none opens nothing (default: $BROWSER, then the system's)")
	f.StringArrayVar(&o.SignIn.RedirectURIs, "redirect-uri", []string{AnyPort}, "loopback `URI` to listen on; port 0 means any free one; repeatable, tried in order")
	f.StringVar(&o.SignIn.LoginHint, "login-hint", "", "`account` to suggest to the provider")
	f.StringArrayVar(&o.SignIn.AuthParams, "auth-param", nil, "further `K=V` of the authorization request, or of a service's request for a token; repeatable")
	f.StringArrayVar(&o.SignIn.ACR, "acr", nil, "`acr` that the sign-in must have, else somebody is asked to sign in anew (acr_values); repeatable, any of them will do")
	f.DurationVar(&o.SignIn.MaxAge, "max-age", -1, "how long ago the sign-in may have been, else somebody is asked to sign in anew; 0s is now")
	f.StringVar(&o.SignIn.Claims, "claims", "", "parameter claims of a sign-in: `JSON`, or its base64 as a claims challenge has it")
	f.StringVar(&o.SignIn.PAR, "par", flows.PARAuto, "push the authorization request to the provider, so that the browser's address has only a reference to it: auto (where the provider requires it), always or never")
	f.StringVar(&o.SignIn.Offline, "offline", "auto", "auto, or never: offline_access is not asked for, and no refresh token is kept")
	f.DurationVar(&o.SignIn.Timeout, "login-timeout", 0, "how long a person may take to sign in (default 5m; 50s under aws)")
	f.StringVar(&o.SignIn.Interactive, "interactive", "auto", "auto, or never: no prompt and no browser")
	f.StringVar(&o.Provider.Identity, "identity", "", "human or service; a service never opens a browser and asks nobody (default: human; service for the flows of services)")
	f.StringVar(&o.Provider.Dialect, "provider", "", "the provider's `dialect`: okta, entra, workos and others; see docs/providers (default: by the issuer's host, else oidc)")
	f.Var((*Path)(&o.Client.SecretFile), "client-secret-file", "`file` with the client's secret, if it has one; or the variable SSO_EXEC_CLIENT_SECRET")
	addServiceFlags(f, o)
	f.StringVar(&o.Target.TokenType, "token-type", "", "id or access (default: id for kube and aws, access for token)")
	f.DurationVar(&o.Target.MinTTL, "min-ttl", -1, "how long a cached answer must still last (default: 1m or a fifth of its life; aws: 15m or half of it)")
	f.BoolVar(&o.Target.Force, "force", false, "ask for a new credential even if the cached one is good")
	f.Var((*Path)(&o.Network.CAFile), "ca-file", "`file` of PEM certificates to trust beside the system's")
	f.StringVar(&o.Network.CAData, "ca-data", "", "the same as `BASE64`")
	f.StringVar(&o.Storage.Store, "store", "file", "where the refresh token rests: file, keyring (the system's), or none (nothing is kept)")
	f.Var((*Path)(&o.Storage.CacheDir), "cache-dir", "`directory` of the cache (default: $XDG_CACHE_HOME/sso-exec or ~/.cache/sso-exec)")
	f.DurationVar(&o.Network.Timeout, "http-timeout", 15*time.Second, "how long one request to a server may take")
	f.Var((*Path)(&o.Source.Config), "config", "config `file` (default: $XDG_CONFIG_HOME/sso-exec/config.yaml or ~/.config/sso-exec/config.yaml)")
	f.BoolVar(&o.Report.Explain, "explain", false, "say on stderr which flow was chosen, and by which facts")
	f.BoolVarP(&o.Report.Verbose, "verbose", "v", false, "the same as --log-level info")
	f.StringVar(&o.Report.LogLevel, "log-level", "warn", "debug, info, warn or error; no secrets at any level")
	f.Var((*Path)(&o.Report.LogFile), "log-file", "`file` to append the log to, instead of stderr")

	f.Lookup("min-ttl").DefValue = "0s" // -1 stands for the rule that the usage tells
	f.Lookup("max-age").DefValue = ""   // -1 is any time

	switch tool {
	case ToolAWS:
		AddAWSFlags(f, o)
	case ToolToken:
		f.StringVarP(&o.Output, "output", "o", "raw", "raw, header (an Authorization header) or json")
		f.BoolVarP(&o.NoNewline, "no-newline", "n", false, "leave out the newline at the end")
		f.StringVar(&o.APIKey, "api-key", "", apiKeyUsage)
	case ToolRun:
		f.StringVar(&o.APIKey, "api-key", "", "`name` of a stored API key to put into --token-env instead of a token")
	}
	return o
}

func addServiceFlags(f *pflag.FlagSet, o *Resolved) {
	f.Var((*Program)(&o.Client.SecretCommand), "client-secret-command", "`command` that prints the client's secret; no shell")
	f.IntVar(&o.Client.SecretFD, "client-secret-fd", -1, "file `descriptor` to read the client's secret from")
	f.StringVar(&o.Client.Auth, "client-auth", "", "how the client authenticates: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none (default: by what it has and what the provider's metadata names)")
	f.Var((*Path)(&o.Client.KeyFile), "client-key-file", "`file` with the client's private key: PEM or JWK")
	f.Var((*Program)(&o.Client.KeyCommand), "client-key-command", "`command` that prints that key; no shell")
	f.StringVar(&o.Client.KeyID, "client-key-id", "", "`ID` (kid) by which the provider knows that key")
	f.Var((*Path)(&o.Client.CertFile), "client-cert-file", "`file` with the client's certificate and its chain, PEM")
	f.StringVar(&o.Client.AssertionAudience, "assertion-audience", "issuer", "audience of a client assertion: issuer, token-endpoint or a `URI`")
	f.Var((*source)(&o.Workload.SubjectFrom), "subject-token-from", "`source` of the workload's own token: auto, github, gitlab, kubernetes, gcp, azure, spiffe:PATH, file:PATH, env:NAME or command:CMD")
	f.StringVar(&o.Workload.SubjectAudience, "subject-token-audience", "", "`audience` to ask the source for (default: the issuer)")
	f.StringVar(&o.Workload.SubjectType, "subject-token-type", "", "what that token is in a token exchange: jwt, id_token, access_token or a `URN` (default: by its source)")
	f.Var((*source)(&o.Workload.ActorFrom), "actor-token-from", "`source` of the token of who acts for the subject, in a token exchange")
	f.StringVar(&o.Workload.ActorType, "actor-token-type", "", "what that token is, as for --subject-token-type; a `URN` or its last word")
	f.StringArrayVar(&o.Exchange.Audiences, "exchange-audience", nil, "exchange the token for one for this `audience` (RFC 8693); repeatable")
	f.StringArrayVar(&o.Exchange.Resources, "exchange-resource", nil, "exchange the token for one for this resource `URI`; repeatable")
	f.StringSliceVar(&o.Exchange.Scopes, "exchange-scope", nil, "`scope` of the exchanged token; repeatable, commas allowed")
	f.StringVar(&o.Exchange.TokenType, "exchange-token-type", "", "what to exchange the token for: access_token, id_token or jwt (default: the provider's choice)")
	f.StringArrayVar(&o.Exchange.Params, "exchange-param", nil, "further `K=V` of the exchange; repeatable")

	f.Lookup("client-secret-fd").DefValue = "" // -1 is none
}

func AddAWSFlags(f *pflag.FlagSet, o *Resolved) {
	f.StringVar(&o.AWS.RoleARN, "role-arn", "", "`ARN` of the role to assume")
	f.StringVar(&o.AWS.RoleSessionName, "role-session-name", "", "`name` of the session in CloudTrail (default: who signed in)")
	f.DurationVar(&o.AWS.Duration, "duration", 0, "how long the keys are to live (default: the service's, an hour)")
	f.StringVar(&o.AWS.Region, "region", "", "`region` whose STS is asked (default: $AWS_REGION, else by the role's partition)")
	f.StringVar(&o.AWS.STSEndpoint, "sts-endpoint", "", "`URL` of another STS (default: $AWS_ENDPOINT_URL_STS or $AWS_ENDPOINT_URL)")
	f.StringArrayVar(&o.AWS.PolicyARNs, "policy-arn", nil, "`ARN` of a session policy that narrows the role; repeatable")
}

// Flags that no profile can set, that no variable can set, and those that a
// profile keeps in its section aws.
var (
	noKey    = []string{"config", "profile", "client-secret-fd", "force", "explain", "verbose", "log-level", "log-file", "output", "no-newline", "help"}
	NoEnv    = []string{"output", "no-newline", "help"}
	AWSFlags = []string{"role-arn", "role-session-name", "duration", "region", "sts-endpoint", "policy-arn"}
)

// SessionFlags are those that a sign-in of the same session takes over.
var SessionFlags = []string{"config", "profile", "issuer", "provider", "client-id", "client-secret-file", "client-secret-command", "client-secret-fd",
	"client-auth", "client-key-file", "client-key-command", "client-key-id", "client-cert-file", "assertion-audience",
	"subject-token-from", "subject-token-audience", "subject-token-type", "actor-token-from", "actor-token-type", "scope", "audience", "resource",
	"session", "organization", "flow", "device", "browser", "redirect-uri", "login-hint", "auth-param", "acr", "max-age", "claims", "par", "offline", "ca-file", "ca-data", "cache-dir", "store", "identity"}

// ProfileKey returns the name of a flag in a profile: its own, but for --scope,
// and within the section aws for those of that command. Empty: it has none.
func ProfileKey(name string) string {
	switch {
	case slices.Contains(noKey, name):
		return ""
	case name == "scope":
		return "scopes"
	case slices.Contains(AWSFlags, name):
		return ToolAWS + "." + name
	}
	return name
}

// ProfileKeys lists every key that a profile can have.
func ProfileKeys() []config.Key {
	var keys []config.Key
	For(ToolAWS).Flags.VisitAll(func(f *pflag.Flag) {
		full := ProfileKey(f.Name)
		if full == "" {
			return
		}
		key := config.Key{Name: full, Type: config.String, Enum: EnumOf(f.Name), Check: checkOf(f.Name), From: fromOf(f.Name), Usage: f.Usage, Default: f.DefValue}
		if section, name, ok := strings.Cut(full, "."); ok {
			key.Section, key.Name = section, name
		}
		if f.Name == "role-arn" {
			key.Other = "sts-endpoint"
			key.CheckWithout = func(v string) error {
				if v == "" {
					return nil
				}
				return CheckARN(v)
			}
		}
		_, list := f.Value.(pflag.SliceValue)
		switch {
		case list:
			key.Type, key.Default = config.List, ""
		case key.Enum != nil:
			key.Type = config.Enum
		case f.Value.Type() == pathType:
			key.Type = config.Path
		case f.Value.Type() == "duration":
			key.Type = config.Duration
		}
		keys = append(keys, key)
	})
	return append(keys, config.Key{Name: "api-key", Type: config.String, Check: checkOf("api-key"), Usage: apiKeyUsage}) // of token alone
}

// fromOf returns what has the relative paths in a flag's value start at a directory,
// where the value is more than a path; nil: none is in it.
func fromOf(flag string) func(dir, value string) string {
	switch flag {
	case "browser", "client-secret-command", "client-key-command":
		return commandline.From
	case "subject-token-from", "actor-token-from":
		return func(dir, spec string) string {
			kind, what, _ := strings.Cut(spec, ":")
			switch {
			case kind == "command":
				return kind + ":" + commandline.From(dir, what)
			case isFileSource(kind, what):
				if p, err := userfile.Expand(what); err == nil && !filepath.IsAbs(p) {
					return kind + ":" + filepath.Join(dir, p)
				}
			}
			return spec
		}
	}
	return nil
}

// Anywhere returns a flag's value as it means the same in every directory.
func Anywhere(f *pflag.Flag, value string) (string, error) {
	from := fromOf(f.Name)
	switch {
	case value == "":
	case f.Value.Type() == pathType:
		return filepath.Abs(value)
	case from != nil:
		here, err := os.Getwd()
		return from(here, value), err
	}
	return value, nil
}

// EnumOf lists the values that a flag can have; nil: it takes others.
func EnumOf(flag string) []string {
	switch flag {
	case "flow":
		return append([]string{flows.FlowAuto, flows.FlowPKCE, flows.FlowDevice, flows.FlowPaste}, ServiceFlows...)
	case "client-auth":
		return flows.AuthMethods()
	case "exchange-token-type":
		return []string{"access_token", "id_token", "jwt"}
	case "device":
		return DeviceRules
	case "identity":
		return []string{credential.Human, credential.Service}
	case "provider":
		return providerNames()
	case "store":
		return []string{"file", "keyring", "none"}
	case "par":
		return []string{flows.PARAuto, flows.PARAlways, flows.PARNever}
	case "interactive", "offline":
		return []string{"auto", "never"}
	case "token-type":
		return []string{credential.IDToken, credential.AccessToken}
	case "log-level":
		return []string{"debug", "info", "warn", "error"}
	}
	return nil
}

// DeviceRules are the values of --device, each stricter than the one before.
var DeviceRules = []string{flows.DeviceAllow, flows.DeviceHeadless, flows.DeviceNever}

// VariableOf returns the variable of a flag.
func VariableOf(flag string) string {
	return "SSO_EXEC_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// NamesProfile reports whether a word of the command line is a profile's name: always
// under login; where it may be a session's ID, if there is such a profile.
func (o *Resolved) NamesProfile(word string) bool {
	switch o.Tool {
	case ToolLogin:
		return true
	case ToolLogout, ToolWhoami:
		named := cmp.Or(o.Flags.Lookup("config").Value.String(), os.Getenv(VariableOf("config")))
		c, err := config.DefaultPaths(named).Open()
		return err == nil && slices.Contains(c.Names(), word)
	}
	return false
}

const ToolOrg = "org"

// NameProfile has a word of the command line name the profile.
func (o *Resolved) NameProfile(word string) error {
	if f := o.Flags.Lookup("profile"); f.Changed && f.Value.String() != word {
		return fault.Usagef("--profile %s and the profile %q contradict each other: leave one of them out", talk.Quote(f.Value.String()), word)
	}
	if u, err := url.Parse(word); err == nil && u.Scheme != "" && u.Host != "" {
		return fault.InUsage(fmt.Errorf("%q is not the name of a profile", word), "an issuer is a flag: --issuer URL --client-id ID")
	}
	return o.Flags.Set("profile", word)
}
