package settings

import (
	"slices"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/plugin"
)

// The table. A new setting is a row here, and a field in settings.go. Its order is
// that of flags where they are written down: in hints, in another tool's file, in
// a profile.
var table = slices.Concat(personRows, serviceRows, runRows)

// Table lists every setting there is.
func Table() []*Row { return table }

// Find returns the setting of a name, or nil.
func Find(name string) *Row {
	for _, r := range table {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// In lists the settings of a group, as help shows them.
func In(group Group) (rows []*Row) {
	for _, r := range table {
		if r.Group == group && r.After == "" {
			rows = append(rows, r)
		}
	}
	for _, r := range table {
		if r.Group == group && r.After != "" {
			above := slices.IndexFunc(rows, func(a *Row) bool { return a.Name == r.After })
			rows = slices.Insert(rows, above+1, r)
		}
	}
	return rows
}

// NamesIn lists the names of the settings of a group.
func NamesIn(group Group) (names []string) {
	for _, r := range In(group) {
		names = append(names, r.Name)
	}
	return names
}

// With lists the names of the settings that have all of these traits.
func With(t Trait) (names []string) {
	for _, r := range table {
		if r.Is(t) {
			names = append(names, r.Name)
		}
	}
	return names
}

// AnyPort is the redirect URI where the provider takes any port (RFC 8252 §7.3).
const AnyPort = "http://127.0.0.1:0/callback"

// DeviceRules are the values of device, each stricter than the one before.
var DeviceRules = []string{flows.DeviceAllow, flows.DeviceHeadless, flows.DeviceNever}

// autoOrNever are the values of a switch that usually goes by the circumstances.
var autoOrNever = []string{"auto", "never"}

func dialects() (names []string) {
	for _, d := range dialect.All() {
		names = append(names, d.Name)
	}
	return names
}

// personRows are the settings of a sign-in.
var personRows = []*Row{
	{Name: "profile", Group: GroupProvider, Traits: NoKey | Main | Names | Contradicts | Keeps, Complete: CompleteProfiles,
		Help: "`name` of the profile to use (default: the config file's default-profile)",
		at:   func(s *Settings) any { return &s.Source.Profile }},
	{Name: "issuer", Group: GroupProvider, Traits: Main | Names | Contradicts | Keeps, Check: checkIssuer,
		Help: "`URL` of the provider",
		at:   func(s *Settings) any { return &s.Provider.Issuer }},
	{Name: "client-id", Group: GroupProvider, Traits: Main | Names | Contradicts | Keeps,
		Help: "`ID` that the provider knows this program by",
		at:   func(s *Settings) any { return &s.Provider.ClientID }},
	{Name: "scope", Group: GroupTarget, Kind: Words, KeyName: "scopes", Traits: Names | Contradicts | Keeps | Needed,
		Help: "`scope` to ask for beside openid and offline_access; repeatable, commas allowed",
		at:   func(s *Settings) any { return &s.Target.Scopes }},
	{Name: "audience", Group: GroupTarget, Traits: Names | Contradicts | Keeps | Needed,
		Help: "audience parameter of the authorization request",
		at:   func(s *Settings) any { return &s.Target.Audience }},
	{Name: "resource", Group: GroupTarget, Kind: List, Traits: Names | Contradicts | Keeps | Needed, Check: checkResource,
		Help: "resource `URI` that the tokens are for (RFC 8707); repeatable",
		at:   func(s *Settings) any { return &s.Target.Resources }},
	{Name: "session", Group: GroupSignIn, After: "identity", Traits: Names | Contradicts | Keeps | Needed,
		Help: "`label` that keeps two people's sign-ins at one issuer apart",
		at:   func(s *Settings) any { return &s.Provider.Session }},
	{Name: "organization", Group: GroupProvider, Traits: Names | Contradicts | Keeps | Needed,
		Complete: CompleteOrganizations,
		Help:     "`ID` of the organization to sign in to",
		at:       func(s *Settings) any { return &s.Provider.Organization }},
	{Name: "flow", Group: GroupSignIn, Kind: Word, Default: flows.FlowAuto, Traits: Keeps | Reaches | Asks,
		Choices: []string{flows.FlowAuto, flows.FlowPKCE, flows.FlowDevice, flows.FlowPaste,
			flows.FlowClientCredentials, flows.FlowTokenExchange, flows.FlowJWTBearer, flows.FlowWorkload},
		Help: "how to sign in: auto, pkce (a browser here), device (a code for any browser) or paste (a browser anywhere, " +
			"its last address brought back); services: client-credentials, token-exchange, jwt-bearer, or workload " +
			"(its own token is what is wanted)",
		at: func(s *Settings) any { return &s.SignIn.Flow }},
	{Name: "device", Group: GroupSignIn, Kind: Word, Default: flows.DeviceAllow, Traits: Keeps | Reaches | Asks,
		Choices: DeviceRules,
		Help: "when a device sign-in may be used: allow, headless (only where no browser can be reached) or never; " +
			"a flag cannot loosen what a profile says",
		at: func(s *Settings) any { return &s.SignIn.Device }},
	{Name: "browser", Group: GroupSignIn, Kind: Command, Traits: Keeps | Reaches, Check: browser.Check,
		Idle: []string{ToolStatus, ToolWhoami},
		Help: "`command` that opens a page, without a shell; %s stands for the URL; none opens nothing " +
			"(default: $BROWSER, then the system's)",
		at: func(s *Settings) any { return &s.SignIn.Browser }},
	{Name: "redirect-uri", Group: GroupSignIn, Kind: List, Default: AnyPort, Traits: Keeps | Reaches | Asks | Needed,
		Check: checkRedirectURI,
		Help:  "loopback `URI` to listen on; port 0 means any free one; repeatable, tried in order",
		at:    func(s *Settings) any { return &s.SignIn.RedirectURIs }},
	{Name: "login-hint", Group: GroupSignIn, Traits: Keeps | Reaches | Asks,
		Help: "`account` to suggest to the provider",
		at:   func(s *Settings) any { return &s.SignIn.LoginHint }},
	{Name: "auth-param", Group: GroupSignIn, After: "claims", Kind: List, Traits: Contradicts | Keeps | Asks | Needed,
		Check: CheckParam,
		Help:  "further `K=V` of the authorization request, or of a service's request for a token; repeatable",
		at:    func(s *Settings) any { return &s.SignIn.AuthParams }},
	{Name: "acr", Group: GroupSignIn, Kind: List, Traits: Keeps | Asks, Check: checkACR,
		Help: "`acr` that the sign-in must have, else somebody is asked to sign in anew (acr_values); " +
			"repeatable, any of them will do",
		at: func(s *Settings) any { return &s.SignIn.ACR }},
	{Name: "max-age", Group: GroupSignIn, Kind: Duration, Open: "-1ns", Traits: Keeps | Asks, Check: checkWholeSeconds,
		Help: "how long ago the sign-in may have been, else somebody is asked to sign in anew; 0s is now",
		at:   func(s *Settings) any { return &s.SignIn.MaxAge }},
	{Name: "claims", Group: GroupSignIn, Traits: Keeps | Asks, Check: checkClaims,
		Help: "parameter claims of a sign-in: `JSON`, or its base64 as a claims challenge has it",
		at:   func(s *Settings) any { return &s.SignIn.Claims }},
	{Name: "par", Group: GroupSignIn, Kind: Word, Default: flows.PARAuto, Traits: Keeps | Asks,
		Choices: []string{flows.PARAuto, flows.PARAlways, flows.PARNever},
		Help: "push the authorization request to the provider, so that the browser's address has only a reference to it: " +
			"auto (where the provider requires it), always or never",
		at: func(s *Settings) any { return &s.SignIn.PAR }},
	{Name: "offline", Group: GroupSignIn, Kind: Word, Choices: autoOrNever, Default: "auto", Traits: Keeps | Asks,
		Help: "auto, or never: offline_access is not asked for, and no refresh token is kept",
		at:   func(s *Settings) any { return &s.SignIn.Offline }},
	{Name: "login-timeout", Group: GroupSignIn, Kind: Duration, Default: "0s", Traits: Reaches | Asks,
		Check: checkPositive,
		Help:  "how long a person may take to sign in (default 5m; 50s under aws)",
		at:    func(s *Settings) any { return &s.SignIn.Timeout }},
	{Name: "interactive", Group: GroupSignIn, Kind: Word, Choices: autoOrNever, Default: "auto", Traits: Reaches,
		Idle: []string{ToolStatus, ToolWhoami},
		Help: "auto, or never: no prompt and no browser",
		at:   func(s *Settings) any { return &s.SignIn.Interactive }},
	{Name: "identity", Group: GroupSignIn, Kind: Word, Traits: Names | Contradicts | Keeps | Needed,
		Choices: []string{credential.Human, credential.Service},
		Help: "human or service; a service never opens a browser and asks nobody " +
			"(default: human; service for the flows of services)",
		at: func(s *Settings) any { return &s.Provider.Identity }},
	{Name: "provider", Group: GroupProvider, After: "issuer", Kind: Word, choices: dialects,
		Traits: Contradicts | Keeps | Needed,
		Idle:   []string{ToolWhoami},
		Help: "the provider's `dialect`: okta, entra, workos and others; see docs/providers " +
			"(default: by the issuer's host, else oidc)",
		at: func(s *Settings) any { return &s.Provider.Dialect }},
}

// runRows are the settings of what is wanted from a session, and of the run itself.
var runRows = []*Row{
	{Name: "token-type", Group: GroupTarget, Kind: Word, Traits: Asks,
		Choices: []string{credential.IDToken, credential.AccessToken},
		Help:    "id or access (default: id for kube and aws, access for token)",
		at:      func(s *Settings) any { return &s.Target.TokenType }},
	{Name: "min-ttl", Group: GroupTarget, Kind: Duration, Default: "0s", Open: "-1ns", Traits: Reaches | Asks,
		Check: checkNotNegative,
		Help:  "how long a cached answer must still last (default: 1m or a fifth of its life; aws: 15m or half of it)",
		at:    func(s *Settings) any { return &s.Target.MinTTL }},
	{Name: "force", Group: GroupTarget, Kind: Switch, Traits: NoKey | Asks,
		Help: "ask for a new credential even if the cached one is good",
		at:   func(s *Settings) any { return &s.Target.Force }},
	{Name: "ca-file", Group: GroupNetwork, Kind: Path, Traits: Keeps | Reaches | Needed, Idle: []string{ToolWhoami},
		Help: "`file` of PEM certificates to trust beside the system's",
		at:   func(s *Settings) any { return &s.Network.CAFile }},
	{Name: "ca-data", Group: GroupNetwork, Traits: Keeps | Reaches | Needed, Idle: []string{ToolWhoami},
		Check: checkCAData,
		Help:  "the same as `BASE64`",
		at:    func(s *Settings) any { return &s.Network.CAData }},
	{Name: "store", Group: GroupStorage, Kind: Word, Default: "file", Traits: Contradicts | Keeps,
		Idle:    []string{ToolLogout, ToolStatus},
		Choices: []string{"file", "keyring", "none"},
		Help:    "where the refresh token rests: file, keyring (the system's), or none (nothing is kept)",
		at:      func(s *Settings) any { return &s.Storage.Store }},
	{Name: "cache-dir", Group: GroupStorage, Kind: Path, Traits: Keeps | Reaches,
		Help: "`directory` of the cache (default: $XDG_CACHE_HOME/sso-exec or ~/.cache/sso-exec)",
		at:   func(s *Settings) any { return &s.Storage.CacheDir }},
	{Name: "http-timeout", Group: GroupNetwork, Kind: Duration, Default: "15s", Traits: Reaches,
		Idle:  []string{ToolWhoami},
		Check: checkPositive,
		Help:  "how long one request to a server may take",
		at:    func(s *Settings) any { return &s.Network.Timeout }},
	{Name: "config", Group: GroupProvider, After: "profile", Kind: Path, Traits: NoKey | Main | Keeps,
		Help: "config `file` (default: $XDG_CONFIG_HOME/sso-exec/config.yaml or ~/.config/sso-exec/config.yaml)",
		at:   func(s *Settings) any { return &s.Source.Config }},
	{Name: "explain", Group: GroupReport, Kind: Switch, Traits: NoKey | Asks,
		Help: "say on stderr which flow was chosen, and by which facts",
		at:   func(s *Settings) any { return &s.Report.Explain }},
	{Name: "verbose", Short: "v", Group: GroupReport, Kind: Switch, Traits: NoKey,
		Help: "the same as --log-level info",
		at:   func(s *Settings) any { return &s.Report.Verbose }},
	{Name: "log-level", Group: GroupReport, Kind: Word, Default: "warn", Traits: NoKey,
		Choices: []string{"debug", "info", "warn", "error"},
		Help:    "debug, info, warn or error; no secrets at any level",
		at:      func(s *Settings) any { return &s.Report.LogLevel }},
	{Name: "log-file", Group: GroupReport, Kind: Path, Traits: NoKey,
		Help: "`file` to append the log to, instead of stderr",
		at:   func(s *Settings) any { return &s.Report.LogFile }},
	{Name: "output", Short: "o", Default: plugin.TokenRaw, Only: []string{ToolToken}, Traits: NoKey | NoVariable,
		Choices: []string{plugin.TokenRaw, plugin.TokenHeader, plugin.TokenJSON},
		Help:    "raw, header (an Authorization header) or json",
		at:      func(s *Settings) any { return &s.Output }},
	{Name: "no-newline", Short: "n", Kind: Switch, Only: []string{ToolToken}, Traits: NoKey | NoVariable,
		Help: "leave out the newline at the end",
		at:   func(s *Settings) any { return &s.NoNewline }},
	{Name: "api-key", Only: []string{ToolToken, ToolRun}, Check: checkAPIKeyName, Complete: CompleteAPIKeys,
		Help: "`name` of a stored API key to print instead, in the header that its API wants",
		at:   func(s *Settings) any { return &s.APIKey }},
	{Name: "role-arn", Group: GroupAWS, Only: awsTools, KeyName: "aws.role-arn", Check: checkRole, Alone: checkRoleARN,
		AloneFrom: "sts-endpoint",
		Help:      "`ARN` of the role to assume",
		at:        func(s *Settings) any { return &s.AWS.RoleARN }},
	{Name: "role-session-name", Group: GroupAWS, Only: awsTools, KeyName: "aws.role-session-name",
		Help: "`name` of the session in CloudTrail (default: who signed in)",
		at:   func(s *Settings) any { return &s.AWS.RoleSessionName }},
	{Name: "duration", Group: GroupAWS, Only: awsTools, KeyName: "aws.duration", Kind: Duration, Default: "0s",
		Check: checkWholeSeconds,
		Help:  "how long the keys are to live (default: the service's, an hour)",
		at:    func(s *Settings) any { return &s.AWS.Duration }},
	{Name: "region", Group: GroupAWS, Only: awsTools, KeyName: "aws.region",
		Help: "`region` whose STS is asked (default: $AWS_REGION, else by the role's partition)",
		at:   func(s *Settings) any { return &s.AWS.Region }},
	{Name: "sts-endpoint", Group: GroupAWS, Only: awsTools, KeyName: "aws.sts-endpoint", Check: checkSTSEndpoint,
		Help: "`URL` of another STS (default: $AWS_ENDPOINT_URL_STS or $AWS_ENDPOINT_URL)",
		at:   func(s *Settings) any { return &s.AWS.STSEndpoint }},
	{Name: "policy-arn", Group: GroupAWS, Only: awsTools, KeyName: "aws.policy-arn", Kind: List, Check: checkARN,
		Help: "`ARN` of a session policy that narrows the role; repeatable",
		at:   func(s *Settings) any { return &s.AWS.PolicyARNs }},
}

// awsTools are the commands that are about an AWS role.
var awsTools = []string{ToolAWS, ToolRun}
