package settings

import (
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/plugin"
)

// deviceRules are the values of device, each stricter than the one before.
var deviceRules = []string{flows.DeviceAllow, flows.DeviceHeadless, flows.DeviceNever}

// autoOrNever are the values of a switch that usually goes by the circumstances.
var autoOrNever = []string{"auto", "never"}

func dialects() (names []string) {
	for _, d := range dialect.All() {
		names = append(names, d.Name)
	}
	return names
}

// awsTools are the commands that are about an AWS role.
var awsTools = []string{ToolAWS, ToolRun}

// The values of audit.
const (
	AuditOn  = "on"
	AuditOff = "off"
	AuditAll = "all"
)

// The table. A new setting is a row here, and a field in settings.go. Its order is
// that of flags where they are written down: in hints, in another tool's file, in
// a profile. Nothing in it is computed when the program starts.
var table = []*Row{
	// Which session, and how a person signs in.

	{Name: "profile", Group: GroupProvider, Complete: CompleteProfiles,
		Traits: Free | NoKey | Main | Names | Contradicts | Keeps | Harmless,
		Help:   "`name` of the profile to use (default: the config file's default-profile)",
		at:     func(s *Settings) any { return &s.Source.Profile }},
	{Name: "issuer", Group: GroupProvider, Traits: Main | Names | Contradicts | Keeps, Check: checkIssuer,
		Help: "`URL` of the provider",
		Rule: "issuers",
		at:   func(s *Settings) any { return &s.Provider.Issuer }},
	{Name: "client-id", Group: GroupProvider, Traits: Main | Names | Contradicts | Keeps,
		Help: "`ID` that the provider knows this program by",
		Rule: "client-ids",
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
		Rule:     "organizations",
		at:       func(s *Settings) any { return &s.Provider.Organization }},
	{Name: "flow", Group: GroupSignIn, Kind: Word, Default: flows.FlowAuto, Traits: Keeps | Reaches | Asks,
		Choices: []string{flows.FlowAuto, flows.FlowPKCE, flows.FlowDevice, flows.FlowPaste,
			flows.FlowClientCredentials, flows.FlowTokenExchange, flows.FlowJWTBearer, flows.FlowWorkload},
		Help: "how to sign in: auto, pkce (a browser here), device (a code for any browser) or paste (a browser anywhere, " +
			"its last address brought back); services: client-credentials, token-exchange, jwt-bearer, or workload " +
			"(its own token is what is wanted)",
		Rule: "flows",
		at:   func(s *Settings) any { return &s.SignIn.Flow }},
	{Name: "device", Group: GroupSignIn, Kind: Word, Default: flows.DeviceAllow, Traits: Keeps | Reaches | Asks | Harmless,
		Choices: deviceRules,
		Help: "when a device sign-in may be used: allow, headless (only where no browser can be reached) or never; " +
			"a flag cannot loosen what a profile says",
		at: func(s *Settings) any { return &s.SignIn.Device }},
	{Name: "browser", Group: GroupSignIn, Kind: Command, Traits: Keeps | Reaches | Harmless, Check: browser.Check,
		Idle: []string{ToolStatus, ToolWhoami},
		Help: "`command` that opens a page, without a shell; %s stands for the URL; none opens nothing " +
			"(default: $BROWSER, then the system's)",
		Rule: "helpers",
		at:   func(s *Settings) any { return &s.SignIn.Browser }},
	{Name: "redirect-uri", Group: GroupSignIn, Kind: List, Default: session.AnyPort,
		Traits: Keeps | Reaches | Asks | Needed | Harmless, Check: checkRedirectURI,
		Help: "loopback `URI` to listen on; port 0 means any free one; repeatable, tried in order",
		Rule: "redirect-ports",
		at:   func(s *Settings) any { return &s.SignIn.RedirectURIs }},
	{Name: "login-hint", Group: GroupSignIn, Traits: Keeps | Reaches | Asks,
		Help: "`account` to suggest to the provider",
		at:   func(s *Settings) any { return &s.SignIn.LoginHint }},
	{Name: "auth-param", Group: GroupSignIn, After: "claims", Kind: List, Traits: Contradicts | Keeps | Asks | Needed,
		Check: CheckParam,
		Help:  "further `K=V` of the authorization request, or of a service's request for a token; repeatable",
		at:    func(s *Settings) any { return &s.SignIn.AuthParams }},
	{Name: "acr", Group: GroupSignIn, Kind: List, Traits: Keeps | Asks, Check: checkACR,
		Help: "`acr` that the sign-in must have, else somebody is asked to sign in again (acr_values); " +
			"repeatable, any of them will do",
		at: func(s *Settings) any { return &s.SignIn.ACR }},
	{Name: "max-age", Group: GroupSignIn, Kind: Duration, Open: "-1ns", Traits: Keeps | Asks, Check: checkWholeSeconds,
		Help: "how long ago the sign-in may have been, else somebody is asked to sign in again; 0s is now",
		at:   func(s *Settings) any { return &s.SignIn.MaxAge }},
	{Name: "claims", Group: GroupSignIn, Traits: Keeps | Asks, Check: checkClaims,
		Help: "parameter claims of a sign-in: `JSON`, or its base64 as a claims challenge has it",
		at:   func(s *Settings) any { return &s.SignIn.Claims }},
	{Name: "par", Group: GroupSignIn, Kind: Word, Default: flows.PARAuto, Traits: Keeps | Asks | Harmless,
		Choices: []string{flows.PARAuto, flows.PARAlways, flows.PARNever},
		Help: "push the authorization request to the provider, so that the browser's address has only a reference to it: " +
			"auto (where the provider requires it), always or never",
		at: func(s *Settings) any { return &s.SignIn.PAR }},
	{Name: "offline", Group: GroupSignIn, Kind: Word, Choices: autoOrNever, Default: "auto", Traits: Keeps | Asks,
		Help: "auto, or never: offline_access is not asked for, and no refresh token is kept",
		at:   func(s *Settings) any { return &s.SignIn.Offline }},
	{Name: "login-timeout", Group: GroupSignIn, Kind: Duration, Default: "0s", Traits: Reaches | Asks | Harmless,
		Check: checkPositive,
		Help:  "how long a person may take to sign in (default 5m; 50s under aws)",
		at:    func(s *Settings) any { return &s.SignIn.Timeout }},
	{Name: "interactive", Group: GroupSignIn, Kind: Word, Choices: autoOrNever, Default: "auto",
		Traits: Free | Reaches | Harmless, Idle: []string{ToolStatus, ToolWhoami},
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

	// How a client authenticates, a workload's own token, an exchange.

	{Name: "client-secret-file", Group: GroupClient, After: "client-auth", Kind: Path,
		Traits: Contradicts | Keeps | Credential | Needed, Idle: []string{ToolWhoami},
		Help: "`file` with the client's secret, if it has one; or the variable SSO_EXEC_CLIENT_SECRET",
		at:   func(s *Settings) any { return &s.Client.SecretFile }},
	{Name: "client-secret-command", Group: GroupClient, After: "client-secret-file", Kind: Command,
		Traits: Contradicts | Keeps | Credential, Check: checkCommand,
		Help: "`command` that prints the client's secret; no shell",
		Rule: "helpers",
		at:   func(s *Settings) any { return &s.Client.SecretCommand }},
	{Name: "client-secret-fd", Group: GroupClient, After: "client-secret-command", Kind: Number, Open: "-1",
		Traits: NoKey | Contradicts | Keeps | Here,
		Help:   "file `descriptor` to read the client's secret from",
		at:     func(s *Settings) any { return &s.Client.SecretFD }},
	{Name: "client-auth", Group: GroupClient, Kind: Word, choices: flows.AuthMethods, Traits: Keeps,
		Help: "how the client authenticates: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, " +
			"self_signed_tls_client_auth or none (default: by what it has and what the provider's metadata names)",
		at: func(s *Settings) any { return &s.Client.Auth }},
	{Name: "client-key-file", Group: GroupClient, Kind: Path, Traits: Contradicts | Keeps | Credential,
		Help: "`file` with the client's private key: PEM or JWK",
		at:   func(s *Settings) any { return &s.Client.KeyFile }},
	{Name: "client-key-command", Group: GroupClient, Kind: Command, Traits: Contradicts | Keeps | Credential,
		Check: checkCommand,
		Help:  "`command` that prints that key; no shell",
		Rule:  "helpers",
		at:    func(s *Settings) any { return &s.Client.KeyCommand }},
	{Name: "client-key-id", Group: GroupClient, Traits: Keeps,
		Help: "`ID` (kid) by which the provider knows that key",
		at:   func(s *Settings) any { return &s.Client.KeyID }},
	{Name: "client-cert-file", Group: GroupClient, Kind: Path, Traits: Keeps | Credential,
		Help: "`file` with the client's certificate and its chain, PEM",
		at:   func(s *Settings) any { return &s.Client.CertFile }},
	{Name: "assertion-audience", Group: GroupClient, Default: "issuer", Traits: Keeps, Check: checkAssertionAudience,
		Help: "audience of a client assertion: issuer, token-endpoint or a `URI`",
		at:   func(s *Settings) any { return &s.Client.AssertionAudience }},

	{Name: "subject-token-from", Group: GroupWorkload, Kind: TokenFrom, Traits: Contradicts | Keeps | Credential,
		Check: checkSource,
		Help: "`source` of the workload's own token: auto, github, gitlab, kubernetes, gcp, azure, spiffe:PATH, file:PATH, " +
			"env:NAME or command:CMD",
		Rule: "helpers",
		at:   func(s *Settings) any { return &s.Workload.SubjectFrom }},
	{Name: "subject-token-audience", Group: GroupWorkload, Traits: Keeps,
		Help: "`audience` to ask the source for (default: the issuer)",
		at:   func(s *Settings) any { return &s.Workload.SubjectAudience }},
	{Name: "subject-token-type", Group: GroupWorkload, Traits: Keeps, Check: checkTokenType,
		Help: "what that token is in a token exchange: jwt, id_token, access_token or a `URN` (default: by its source)",
		at:   func(s *Settings) any { return &s.Workload.SubjectType }},
	{Name: "actor-token-from", Group: GroupWorkload, Kind: TokenFrom, Traits: Keeps | Credential, Check: checkSource,
		Help: "`source` of the token of who acts for the subject, in a token exchange",
		Rule: "helpers",
		at:   func(s *Settings) any { return &s.Workload.ActorFrom }},
	{Name: "actor-token-type", Group: GroupWorkload, Traits: Keeps, Check: checkTokenType,
		Help: "what that token is, as for --subject-token-type; a `URN` or its last word",
		at:   func(s *Settings) any { return &s.Workload.ActorType }},

	{Name: "exchange-audience", Group: GroupExchange, Kind: List,
		Help: "exchange the token for one for this `audience` (RFC 8693); repeatable",
		at:   func(s *Settings) any { return &s.Exchange.Audiences }},
	{Name: "exchange-resource", Group: GroupExchange, Kind: List, Check: checkResource,
		Help: "exchange the token for one for this resource `URI`; repeatable",
		at:   func(s *Settings) any { return &s.Exchange.Resources }},
	{Name: "exchange-scope", Group: GroupExchange, Kind: Words,
		Help: "`scope` of the exchanged token; repeatable, commas allowed",
		at:   func(s *Settings) any { return &s.Exchange.Scopes }},
	{Name: "exchange-token-type", Group: GroupExchange, Kind: Word, Choices: []string{"access_token", "id_token", "jwt"},
		Help: "what to exchange the token for: access_token, id_token or jwt (default: the provider's choice)",
		at:   func(s *Settings) any { return &s.Exchange.TokenType }},
	{Name: "exchange-param", Group: GroupExchange, Kind: List, Check: CheckParam,
		Help: "further `K=V` of the exchange; repeatable",
		at:   func(s *Settings) any { return &s.Exchange.Params }},

	// What is wanted of the session, and of the run.

	{Name: "host", Group: GroupTarget, Kind: List, KeyName: "hosts", Check: checkHost, Columns: hostColumns,
		Idle: []string{ToolKube, ToolAWS, ToolRun, ToolLogin, ToolLogout, ToolStatus, ToolWhoami, ToolOrg, ToolAPIKey},
		Help: "`host` that the token may go to, or *.example.com for all below it; repeatable; " +
			"with a profile only some of its own",
		at: func(s *Settings) any { return &s.Target.Hosts }},
	{Name: "token-type", Group: GroupTarget, Kind: Word, Traits: Asks,
		Choices: []string{credential.IDToken, credential.AccessToken},
		Help:    "id or access (default: id for kube and aws, access for token)",
		at:      func(s *Settings) any { return &s.Target.TokenType }},
	{Name: "min-ttl", Group: GroupTarget, Kind: Duration, Default: "0s", Open: "-1ns", Traits: Reaches | Asks | Harmless,
		Check: checkNotNegative,
		Help:  "how long a cached answer must still last (default: 1m or a fifth of its life; aws: 15m or half of it)",
		at:    func(s *Settings) any { return &s.Target.MinTTL }},
	{Name: "force", Group: GroupTarget, Kind: Switch, Traits: Free | NoKey | Asks | Harmless,
		Help: "ask for a new credential even if the cached one is good",
		at:   func(s *Settings) any { return &s.Target.Force }},
	{Name: "ca-file", Group: GroupNetwork, Kind: Path, Traits: Keeps | Reaches | Needed | Harmless,
		Idle: []string{ToolWhoami},
		Help: "`file` of PEM certificates to trust beside the system's",
		at:   func(s *Settings) any { return &s.Network.CAFile }},
	{Name: "ca-data", Group: GroupNetwork, Traits: Keeps | Reaches | Needed | Harmless, Idle: []string{ToolWhoami},
		Check: checkCAData,
		Help:  "the same as `BASE64`",
		at:    func(s *Settings) any { return &s.Network.CAData }},
	{Name: "store", Group: GroupStorage, Kind: Word, Default: "file", Traits: Contradicts | Keeps | Harmless,
		Idle:    []string{ToolLogout, ToolStatus},
		Choices: []string{"file", "keyring", "none"},
		Help:    "where the refresh token rests: file, keyring (the system's), or none (nothing is kept)",
		Rule:    "stores",
		at:      func(s *Settings) any { return &s.Storage.Store }},
	{Name: "cache-dir", Group: GroupStorage, Kind: Path, Traits: Keeps | Reaches | Harmless,
		Help: "`directory` of the cache (default: $XDG_CACHE_HOME/sso-exec or ~/.cache/sso-exec)",
		at:   func(s *Settings) any { return &s.Storage.CacheDir }},
	{Name: "http-timeout", Group: GroupNetwork, Kind: Duration, Default: "15s", Traits: Reaches | Harmless,
		Idle:  []string{ToolWhoami},
		Check: checkPositive,
		Help:  "how long one request to a server may take",
		at:    func(s *Settings) any { return &s.Network.Timeout }},
	{Name: "config", Group: GroupProvider, After: "profile", Kind: Path, Traits: NoKey | Main | Keeps | Harmless,
		Help: "config `file` (default: $XDG_CONFIG_HOME/sso-exec/config.yaml or ~/.config/sso-exec/config.yaml)",
		at:   func(s *Settings) any { return &s.Source.Config }},
	{Name: "agents", Group: GroupTarget, Kind: Instead, Traits: KeyOnly | NoVariable,
		Choices: []string{AgentsAllow, AgentsDeny},
		Default: AgentsAllow,
		Help:    "what a program gets that runs under a coding agent: allow, deny, or {profile: NAME} for a narrower profile",
		at:      func(s *Settings) any { return &s.Source.Agents }},
	{Name: "audit", Group: GroupReport, Kind: Word, Default: AuditOn, Choices: []string{AuditOn, AuditOff, AuditAll},
		Help: "what the audit trail records: on (sign-ins, refreshes, exchanges, sign-outs, refusals), all (cached " +
			"answers too) or off",
		at: func(s *Settings) any { return &s.Report.Audit }},
	{Name: "explain", Group: GroupReport, Kind: Switch, Traits: Free | NoKey | Asks | Harmless,
		Help: "say on stderr which flow was chosen, and by which facts",
		at:   func(s *Settings) any { return &s.Report.Explain }},
	{Name: "verbose", Short: "v", Group: GroupReport, Kind: Switch, Traits: Free | NoKey | Harmless,
		Help: "the same as --log-level info",
		at:   func(s *Settings) any { return &s.Report.Verbose }},
	{Name: "log-level", Group: GroupReport, Kind: Word, Default: "warn", Traits: NoKey | Harmless,
		Choices: []string{"debug", "info", "warn", "error"},
		Help:    "debug, info, warn or error; no secrets at any level",
		at:      func(s *Settings) any { return &s.Report.LogLevel }},
	{Name: "log-file", Group: GroupReport, Kind: Path, Traits: NoKey | Harmless,
		Help: "`file` to append the log to, instead of stderr",
		at:   func(s *Settings) any { return &s.Report.LogFile }},
	{Name: "output", Short: "o", Default: plugin.TokenRaw, Only: []string{ToolToken},
		Traits:  Free | NoKey | NoVariable | Harmless,
		Choices: plugin.TokenFormats(),
		Help: "raw, header (an Authorization header), bearer (what stands in one), headers (a JSON object of them) " +
			"or json",
		at: func(s *Settings) any { return &s.Output }},
	{Name: "for", Only: []string{ToolToken}, Traits: Free | NoKey | Harmless,
		Help: "`URL` that the token is for: one whose host the profile's hosts name",
		at:   func(s *Settings) any { return &s.For }},
	{Name: "no-newline", Short: "n", Kind: Switch, Only: []string{ToolToken}, Traits: Free | NoKey | NoVariable | Harmless,
		Help: "leave out the newline at the end",
		at:   func(s *Settings) any { return &s.NoNewline }},
	{Name: "api-key", Only: []string{ToolToken, ToolRun}, Check: checkAPIKeyName, Complete: CompleteAPIKeys,
		Help: "`name` of a stored API key to print instead, in the header that its API wants",
		Rule: "api-keys",
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
		Rule: "hosts",
		at:   func(s *Settings) any { return &s.AWS.STSEndpoint }},
	{Name: "policy-arn", Group: GroupAWS, Only: awsTools, KeyName: "aws.policy-arn", Kind: List, Check: checkARN,
		Help: "`ARN` of a session policy that narrows the role; repeatable",
		at:   func(s *Settings) any { return &s.AWS.PolicyARNs }},
}
