package main

import (
	"net/http"
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
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// options are the values of the flags, before they are checked.
type options struct {
	tool  string // the command: kube, aws, token, login
	flags *pflag.FlagSet
	typed map[string]bool // flags on the command line
	given map[string]bool // by flag or variable

	config, profile                               string
	issuer, provider, clientID, clientSecretFile  string
	scopes, resources, redirectURIs, authParams   []string
	audience, session, organization, identity     string
	flow, device, browser, loginHint, interactive string
	offline                                       string
	loginTimeout, httpTimeout, minTTL             time.Duration
	caFile, caData, store, cacheDir               string
	tokenType, logLevel, logFile                  string
	force, explain, verbose                       bool

	// what the sign-in must be like, and how it is asked for
	acr         []string
	maxAge      time.Duration
	claims, par string

	// how a client authenticates; services above all
	clientAuth, clientSecretCommand                              string
	clientSecretFD                                               int
	clientKeyFile, clientKeyCommand, clientKeyID, clientCertFile string
	assertionAudience                                            string
	subjectTokenFrom, subjectTokenAudience, subjectTokenType     string
	actorTokenFrom, actorTokenType                               string
	exchangeAudiences, exchangeResources, exchangeScopes         []string
	exchangeTokenType                                            string
	exchangeParams                                               []string

	http        *http.Client     // of the session; nil before there is one
	roots       *extraRoots      // read for the present --ca-file and --ca-data; may be nil
	live        *session.Session // nil before there is one
	signedInBy  []string         // the flags of a stored session\'s sign-in, if these are the settings of one
	explained   bool             // what --explain asks for was said
	fromProfile bool             // these are a profile's settings, which nobody named

	profileHold *flows.Hold // whom what the profile authenticates with may go to; nil: it does not

	// aws
	roleARN, roleSessionName, region, stsEndpoint string
	duration                                      time.Duration
	policyARNs                                    []string

	// token
	output    string
	noNewline bool
	apiKey    string
}

// The commands that need a profile.
const (
	toolKube  = "kube"
	toolAWS   = "aws"
	toolToken = "token"
	toolLogin = "login"

	toolLogout = "logout"
	toolStatus = "status"
	toolWhoami = "whoami"
)

// newOptions returns the options of a command with its flags. Each
// run parses them at most twice: for the cached answer, and for cobra.
func newOptions(tool string) *options {
	o := &options{tool: tool}
	f := pflag.NewFlagSet(tool, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {} // help and errors are cobra's to print
	o.flags = f

	f.StringVar(&o.profile, "profile", "", "`name` of the profile to use (default: the config file's default-profile)")
	f.StringVar(&o.issuer, "issuer", "", "`URL` of the provider")
	f.StringVar(&o.clientID, "client-id", "", "`ID` that the provider knows this program by")
	f.StringSliceVar(&o.scopes, "scope", nil, "`scope` to ask for beside openid and offline_access; repeatable, commas allowed")
	f.StringVar(&o.audience, "audience", "", "audience parameter of the authorization request")
	f.StringArrayVar(&o.resources, "resource", nil, "resource `URI` that the tokens are for (RFC 8707); repeatable")
	f.StringVar(&o.session, "session", "", "`label` that keeps two people's sign-ins at one issuer apart")
	f.StringVar(&o.organization, "organization", "", "`ID` of the organization to sign in to")
	f.StringVar(&o.flow, "flow", "auto", "how to sign in: auto, pkce (a browser here), device (a code for any browser) or paste (a browser anywhere, its last address brought back); services: client-credentials, token-exchange, jwt-bearer, or workload (its own token is what is wanted)")
	f.StringVar(&o.device, "device", flows.DeviceAllow, "when a device sign-in may be used: allow, headless (only where no browser can be reached) or never; a flag cannot loosen what a profile says")
	f.Var((*program)(&o.browser), "browser", "`command` that opens a page, without a shell; %s stands for the URL; none opens nothing (default: $BROWSER, then the system's)")
	f.StringArrayVar(&o.redirectURIs, "redirect-uri", []string{anyPort}, "loopback `URI` to listen on; port 0 means any free one; repeatable, tried in order")
	f.StringVar(&o.loginHint, "login-hint", "", "`account` to suggest to the provider")
	f.StringArrayVar(&o.authParams, "auth-param", nil, "further `K=V` of the authorization request, or of a service's request for a token; repeatable")
	f.StringArrayVar(&o.acr, "acr", nil, "`acr` that the sign-in must have, else somebody is asked to sign in anew (acr_values); repeatable, any of them will do")
	f.DurationVar(&o.maxAge, "max-age", -1, "how long ago the sign-in may have been, else somebody is asked to sign in anew; 0s is now")
	f.StringVar(&o.claims, "claims", "", "parameter claims of a sign-in: `JSON`, or its base64 as a claims challenge has it")
	f.StringVar(&o.par, "par", flows.PARAuto, "push the authorization request to the provider, so that the browser's address has only a reference to it: auto (where the provider requires it), always or never")
	f.StringVar(&o.offline, "offline", "auto", "auto, or never: offline_access is not asked for, and no refresh token is kept")
	f.DurationVar(&o.loginTimeout, "login-timeout", 0, "how long a person may take to sign in (default 5m; 50s under aws)")
	f.StringVar(&o.interactive, "interactive", "auto", "auto, or never: no prompt and no browser")
	f.StringVar(&o.identity, "identity", "", "human or service; a service never opens a browser and asks nobody (default: human; service for the flows of services)")
	f.StringVar(&o.provider, "provider", "", "the provider's `dialect`: okta, entra, workos and others; see docs/providers (default: by the issuer's host, else oidc)")
	f.Var((*path)(&o.clientSecretFile), "client-secret-file", "`file` with the client's secret, if it has one; or the variable SSO_EXEC_CLIENT_SECRET")
	addServiceFlags(f, o)
	f.StringVar(&o.tokenType, "token-type", "", "id or access (default: id for kube and aws, access for token)")
	f.DurationVar(&o.minTTL, "min-ttl", -1, "how long a cached answer must still last (default: 1m or a fifth of its life; aws: 15m or half of it)")
	f.BoolVar(&o.force, "force", false, "ask for a new credential even if the cached one is good")
	f.Var((*path)(&o.caFile), "ca-file", "`file` of PEM certificates to trust beside the system's")
	f.StringVar(&o.caData, "ca-data", "", "the same as `BASE64`")
	f.StringVar(&o.store, "store", "file", "where the refresh token rests: file, keyring (the system's), or none (nothing is kept)")
	f.Var((*path)(&o.cacheDir), "cache-dir", "`directory` of the cache (default: $XDG_CACHE_HOME/sso-exec or ~/.cache/sso-exec)")
	f.DurationVar(&o.httpTimeout, "http-timeout", 15*time.Second, "how long one request to a server may take")
	f.Var((*path)(&o.config), "config", "config `file` (default: $XDG_CONFIG_HOME/sso-exec/config.yaml or ~/.config/sso-exec/config.yaml)")
	f.BoolVar(&o.explain, "explain", false, "say on stderr which flow was chosen, and by which facts")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "the same as --log-level info")
	f.StringVar(&o.logLevel, "log-level", "warn", "debug, info, warn or error; no secrets at any level")
	f.Var((*path)(&o.logFile), "log-file", "`file` to append the log to, instead of stderr")

	f.Lookup("min-ttl").DefValue = "0s" // -1 stands for the rule that the usage tells
	f.Lookup("max-age").DefValue = ""   // -1 is any time

	switch tool {
	case toolAWS:
		addAWSFlags(f, o)
	case toolToken:
		f.StringVarP(&o.output, "output", "o", "raw", "raw, header (an Authorization header) or json")
		f.BoolVarP(&o.noNewline, "no-newline", "n", false, "leave out the newline at the end")
		f.StringVar(&o.apiKey, "api-key", "", apiKeyUsage)
	case toolRun:
		f.StringVar(&o.apiKey, "api-key", "", "`name` of a stored API key to put into --token-env instead of a token")
	}
	return o
}

func addServiceFlags(f *pflag.FlagSet, o *options) {
	f.Var((*program)(&o.clientSecretCommand), "client-secret-command", "`command` that prints the client's secret; no shell")
	f.IntVar(&o.clientSecretFD, "client-secret-fd", -1, "file `descriptor` to read the client's secret from")
	f.StringVar(&o.clientAuth, "client-auth", "", "how the client authenticates: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none (default: by what it has and what the provider's metadata names)")
	f.Var((*path)(&o.clientKeyFile), "client-key-file", "`file` with the client's private key: PEM or JWK")
	f.Var((*program)(&o.clientKeyCommand), "client-key-command", "`command` that prints that key; no shell")
	f.StringVar(&o.clientKeyID, "client-key-id", "", "`ID` (kid) by which the provider knows that key")
	f.Var((*path)(&o.clientCertFile), "client-cert-file", "`file` with the client's certificate and its chain, PEM")
	f.StringVar(&o.assertionAudience, "assertion-audience", "issuer", "audience of a client assertion: issuer, token-endpoint or a `URI`")
	f.Var((*source)(&o.subjectTokenFrom), "subject-token-from", "`source` of the workload's own token: auto, github, gitlab, kubernetes, gcp, azure, spiffe:PATH, file:PATH, env:NAME or command:CMD")
	f.StringVar(&o.subjectTokenAudience, "subject-token-audience", "", "`audience` to ask the source for (default: the issuer)")
	f.StringVar(&o.subjectTokenType, "subject-token-type", "", "what that token is in a token exchange: jwt, id_token, access_token or a `URN` (default: by its source)")
	f.Var((*source)(&o.actorTokenFrom), "actor-token-from", "`source` of the token of who acts for the subject, in a token exchange")
	f.StringVar(&o.actorTokenType, "actor-token-type", "", "what that token is, as for --subject-token-type; a `URN` or its last word")
	f.StringArrayVar(&o.exchangeAudiences, "exchange-audience", nil, "exchange the token for one for this `audience` (RFC 8693); repeatable")
	f.StringArrayVar(&o.exchangeResources, "exchange-resource", nil, "exchange the token for one for this resource `URI`; repeatable")
	f.StringSliceVar(&o.exchangeScopes, "exchange-scope", nil, "`scope` of the exchanged token; repeatable, commas allowed")
	f.StringVar(&o.exchangeTokenType, "exchange-token-type", "", "what to exchange the token for: access_token, id_token or jwt (default: the provider's choice)")
	f.StringArrayVar(&o.exchangeParams, "exchange-param", nil, "further `K=V` of the exchange; repeatable")

	f.Lookup("client-secret-fd").DefValue = "" // -1 is none
}

func addAWSFlags(f *pflag.FlagSet, o *options) {
	f.StringVar(&o.roleARN, "role-arn", "", "`ARN` of the role to assume")
	f.StringVar(&o.roleSessionName, "role-session-name", "", "`name` of the session in CloudTrail (default: who signed in)")
	f.DurationVar(&o.duration, "duration", 0, "how long the keys are to live (default: the service's, an hour)")
	f.StringVar(&o.region, "region", "", "`region` whose STS is asked (default: $AWS_REGION, else by the role's partition)")
	f.StringVar(&o.stsEndpoint, "sts-endpoint", "", "`URL` of another STS (default: $AWS_ENDPOINT_URL_STS or $AWS_ENDPOINT_URL)")
	f.StringArrayVar(&o.policyARNs, "policy-arn", nil, "`ARN` of a session policy that narrows the role; repeatable")
}

// Flags that no profile can set, that no variable can set, and those that a
// profile keeps in its section aws.
var (
	noKey    = []string{"config", "profile", "client-secret-fd", "force", "explain", "verbose", "log-level", "log-file", "output", "no-newline", "help"}
	noEnv    = []string{"output", "no-newline", "help"}
	awsFlags = []string{"role-arn", "role-session-name", "duration", "region", "sts-endpoint", "policy-arn"}
)

// sessionFlags are those that a sign-in of the same session takes over.
var sessionFlags = []string{"config", "profile", "issuer", "provider", "client-id", "client-secret-file", "client-secret-command", "client-secret-fd",
	"client-auth", "client-key-file", "client-key-command", "client-key-id", "client-cert-file", "assertion-audience",
	"subject-token-from", "subject-token-audience", "subject-token-type", "actor-token-from", "actor-token-type", "scope", "audience", "resource",
	"session", "organization", "flow", "device", "browser", "redirect-uri", "login-hint", "auth-param", "acr", "max-age", "claims", "par", "offline", "ca-file", "ca-data", "cache-dir", "store", "identity"}

// profileKey returns the name of a flag in a profile: its own, but for --scope,
// and within the section aws for those of that command. Empty: it has none.
func profileKey(name string) string {
	switch {
	case slices.Contains(noKey, name):
		return ""
	case name == "scope":
		return "scopes"
	case slices.Contains(awsFlags, name):
		return toolAWS + "." + name
	}
	return name
}

// profileKeys lists every key that a profile can have.
func profileKeys() []config.Key {
	var keys []config.Key
	newOptions(toolAWS).flags.VisitAll(func(f *pflag.Flag) {
		full := profileKey(f.Name)
		if full == "" {
			return
		}
		key := config.Key{Name: full, Type: config.String, Enum: enumOf(f.Name), Check: checkOf(f.Name), From: fromOf(f.Name), Usage: f.Usage, Default: f.DefValue}
		if section, name, ok := strings.Cut(full, "."); ok {
			key.Section, key.Name = section, name
		}
		if f.Name == "role-arn" {
			key.Other = "sts-endpoint"
			key.CheckWithout = func(v string) error {
				if v == "" {
					return nil
				}
				return checkARN(v)
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

// anywhere returns a flag's value as it means the same in every directory.
func anywhere(f *pflag.Flag, value string) (string, error) {
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

// enumOf lists the values that a flag can have; nil: it takes others.
func enumOf(flag string) []string {
	switch flag {
	case "flow":
		return append([]string{flows.FlowAuto, flows.FlowPKCE, flows.FlowDevice, flows.FlowPaste}, serviceFlows...)
	case "client-auth":
		return flows.AuthMethods()
	case "exchange-token-type":
		return []string{"access_token", "id_token", "jwt"}
	case "device":
		return deviceRules
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

// deviceRules are the values of --device, each stricter than the one before.
var deviceRules = []string{flows.DeviceAllow, flows.DeviceHeadless, flows.DeviceNever}

// envName returns the variable of a flag.
func envName(flag string) string {
	return "SSO_EXEC_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
