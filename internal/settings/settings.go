// Package settings has every setting of sso-exec once, as a row of one table:
// its name, kind, group, default, help, and who may set it. Flags, variables,
// keys of profiles, the JSON Schema, help, completions and the manual are all
// made from it.
//
// What a run asks for is a plain value, [Settings]. What gave each of its parts
// stands next to it, in [Origins], never inside.
package settings

import "time"

// Settings are what one run asks for, by topic.
type Settings struct {
	Source   Source
	Provider Provider
	SignIn   SignIn
	Client   Client
	Workload Workload
	Exchange Exchange
	Target   Target
	AWS      AWS
	GKE      GKE
	AKS      AKS
	Storage  Storage
	Network  Network
	Report   Report

	Output    string // how a token is printed
	Mode      string // what of it, under keyring
	NoNewline bool
	For       string // the URL that a token is asked for; empty: any
	APIKey    string // the name of a stored API key, which then stands in place of a session
}

// Source is where further settings come from.
type Source struct {
	Config  string // the config file; empty: the user's own
	Profile string
	Agents  string // what a coding agent gets: allow, deny, or profile:NAME
}

// Provider is the authorization server, and whose session at it.
type Provider struct {
	Issuer       string
	Dialect      string // the name of one; empty: by the issuer
	ClientID     string
	StartURL     string // of IAM Identity Center, as it was given
	SSORegion    string // of that
	SSOSession   string // the section of the AWS config that has both
	Organization string
	Session      string // label
	Identity     string // credential.Human or credential.Service
}

// SignIn is how a person signs in, and what the sign-in must be like.
type SignIn struct {
	Flow         string
	Device       string
	Browser      string
	RedirectURIs []string
	LoginHint    string
	AuthParams   []string // K=V
	ACR          []string
	MaxAge       time.Duration // negative: any
	Claims       string
	PAR          string
	Timeout      time.Duration
	Interactive  string
	Offline      string
}

// Client is how this program authenticates to the provider.
type Client struct {
	Auth              string
	SecretFile        string
	SecretCommand     string
	SecretFD          int // negative: none
	KeyFile           string
	KeyCommand        string
	KeyID             string
	CertFile          string
	AssertionAudience string
}

// Workload is where a service's own token comes from.
type Workload struct {
	SubjectFrom     string
	SubjectAudience string
	SubjectType     string
	ActorFrom       string
	ActorType       string
}

// Exchange is the token that the session's is exchanged for (RFC 8693).
type Exchange struct {
	Audiences []string
	Resources []string
	Scopes    []string
	TokenType string
	Params    []string // K=V
}

// Target is what the token is to be for, and how long it must last.
type Target struct {
	Scopes    []string
	Audience  string
	Resources []string
	Hosts     []string      // that the token may go to
	Clusters  []string      // that have tokens of their own
	Google    []string      // audiences at Google's STS that are answered
	TokenType string        // credential.IDToken or credential.AccessToken
	MinTTL    time.Duration // negative: the rule for the tool
	Force     bool
}

// AWS is the role whose keys are wanted.
type AWS struct {
	RoleARN         string
	RoleSessionName string
	Duration        time.Duration // 0: the service's
	Region          string
	STSEndpoint     string
	PolicyARNs      []string // of the last role

	Chain          []string // roles, each assumed by the one before
	ExternalID     string   // these are for the first of them
	SourceIdentity string
	Tags           []string // K=V
	TransitiveTags []string
	MFASerial      string // which no chain can have
	AccountID      string // with RoleName: a role of IAM Identity Center's
	RoleName       string
	Roles          []string // the names of those in the config
	Cluster        string   // of EKS
}

// GKE is how a token of Google Cloud is had for the sign-in's.
type GKE struct {
	WorkforceProvider string
	UserProject       string
	ServiceAccount    string // that is impersonated
}

// AKS is which API server of Azure's the token is for.
type AKS struct {
	ServerID string
}

// Storage is where a session is kept.
type Storage struct {
	Store    string
	CacheDir string // empty: nowhere

	AWSCLICache string // whether the AWS CLI's copy of a session is only updated, or made too
}

// Network is how servers are reached.
type Network struct {
	CAFile  string
	CAData  string
	Timeout time.Duration // of one request
}

// Report is what is told of a run.
type Report struct {
	Explain  bool
	Verbose  bool
	LogLevel string
	LogFile  string
	Audit    string
}
