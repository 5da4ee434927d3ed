package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is IAM Identity Center: a start URL and a region in the place of an issuer
// and a client ID.

// Center is the Identity Center that settings name.
type Center struct {
	StartURL string // as it is compared, and as the session's issuer
	Spelled  string // as it is written, which the AWS CLI's file goes by
	Session  string // the sso-session of the AWS config; empty: none
	Region   string
	At       identitycenter.Endpoints
	Moved    []string // the endpoints, where they are not AWS's usual ones of the region; else nil

	dialect *flows.Dialect
	err     error
}

// Key is what tells its sessions from those of other places, beside the start URL.
func (c *Center) Key() []string {
	return append([]string{identitycenter.Name, c.Region}, c.Moved...)
}

// Center returns the Identity Center that is named; nil: the provider is another.
func (o *Resolved) Center() *Center { return o.center }

// NewCenter is one whose session is stored: at the endpoints of its sign-in, or in the
// place of empty ones the region's.
func NewCenter(startURL, region string, at identitycenter.Endpoints) *Center {
	c := &Center{StartURL: startURL, Spelled: startURL, Region: region, At: at}
	usual, err := identitycenter.Regional(region, false, false)
	if at == (identitycenter.Endpoints{}) {
		c.At, c.err = usual, err
	}
	if c.At != usual {
		c.Moved = []string{c.At.OIDC, c.At.Portal}
	}
	c.dialect = identitycenter.Dialect(startURL, c.At)
	return c
}

// SetCenter makes it the provider.
func (o *Resolved) SetCenter(c *Center) {
	o.center, o.Provider.Dialect, o.Provider.Issuer, o.Provider.ClientID = c, identitycenter.Name, c.StartURL, ""
}

// ForgetCenter has the provider be another.
func (o *Resolved) ForgetCenter() { o.center = nil }

// settleCenter finds out where the Identity Center is, if one is named; what is wrong
// with it is an error when something is asked of it.
func (o *Resolved) settleCenter() {
	named := o.Provider.StartURL != "" || o.Provider.SSOSession != ""
	if o.Provider.Dialect == "" && named && o.Provider.Issuer == "" {
		o.Provider.Dialect = identitycenter.Name
	}
	if o.Provider.Dialect != identitycenter.Name {
		return
	}
	given := *o
	c, err := o.findCenter()
	if err != nil {
		c = &Center{err: err, StartURL: given.Provider.StartURL, dialect: identitycenter.Dialect("", identitycenter.Endpoints{})}
	}
	if o.From.Said("issuer") && c.err == nil {
		c.err = fault.InUsage(errors.New("--issuer: IAM Identity Center has a start URL in its place"),
			"leave it out, and give --start-url and --sso-region, or --sso-session")
	}
	o.SetCenter(c)
	if len(o.Target.Scopes) == 0 {
		o.Target.Scopes = []string{identitycenter.Scope}
	}
}

func (o *Resolved) findCenter() (*Center, error) {
	p := &o.Provider
	keys, err := o.readAWSConfig()
	if err != nil {
		return nil, err
	}
	url, region := p.StartURL, p.SSORegion
	url, region = cmp.Or(url, keys["sso_start_url"]), cmp.Or(region, keys["sso_region"])
	if url == "" {
		return nil, fault.InUsage(errors.New("which IAM Identity Center is it?"),
			"give --start-url and --sso-region, or --sso-session NAME of the AWS config")
	}
	start, err := identitycenter.StartURL(url)
	if err != nil {
		return nil, fault.InUsage(err, "it is like https://d-1234567890.awsapps.com/start: see the AWS access portal")
	}
	if region = cmp.Or(region, identitycenter.RegionOf(start)); region == "" {
		return nil, fault.InUsage(errors.New("in which region is the IAM Identity Center?"), "give --sso-region")
	}
	at, err := centerEndpoints(region)
	if err != nil {
		return nil, err
	}
	c := NewCenter(start, region, at)
	c.Spelled, c.Session = url, p.SSOSession
	if c.Session == "" {
		c.Session = keys["sso_session"]
	}
	if o.AWS.AccountID == "" && o.AWS.RoleName == "" {
		o.AWS.AccountID, o.AWS.RoleName = keys["sso_account_id"], keys["sso_role_name"]
	}
	if scopes := keys["sso_registration_scopes"]; scopes != "" && !o.From.Said("scope") {
		o.Target.Scopes = strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return c, nil
}

// readAWSConfig reads what is not said here: the section of the session that is named,
// or, where nothing is, AWS_PROFILE's profile with its session.
func (o *Resolved) readAWSConfig() (map[string]string, error) {
	name, profile := o.Provider.SSOSession, ""
	switch {
	case name != "" && o.Provider.StartURL != "":
		return nil, fault.Usagef("--start-url and --sso-session contradict each other: leave one of them out")
	case name == "" && o.Provider.StartURL != "":
		return nil, nil
	case o.bound() && o.Policy.OverridesDenied:
		return nil, o.Policy.Forbid("overrides", "the AWS config, which is yours", "name start-url and sso-region")
	case name == "":
		profile = cmp.Or(AWSVariable("AWS_PROFILE"), AWSVariable("AWS_DEFAULT_PROFILE"), "default")
	}
	home, err := userfile.Home()
	path := awsconfig.ConfigPath(os.LookupEnv, home)
	if err != nil && path == "" {
		return nil, fault.InUsage(err)
	}
	b, err := userfile.ReadConfig(path)
	if fault.Holds[*userfile.UnsafeError](err) {
		return nil, err
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.InUsage(fmt.Errorf("the AWS config: %w", err))
	}
	text := string(b)
	of := map[string]string{}
	if profile != "" {
		if of, _ = awsconfig.Profile(text, profile); of["sso_session"] == "" {
			return of, nil
		}
		name = of["sso_session"]
	}
	keys, ok := awsconfig.SSOSession(text, name)
	if !ok {
		return nil, fault.InUsage(fmt.Errorf("the AWS config has no [sso-session %s]: %s", flows.Clean(name, 100), path),
			"name one that it has, or give --start-url and --sso-region")
	}
	keys["sso_session"] = name
	for _, k := range []string{"sso_account_id", "sso_role_name"} {
		keys[k] = of[k]
	}
	return keys, nil
}

// centerEndpoints are where AWS's own variables move them, else the region's.
func centerEndpoints(region string) (at identitycenter.Endpoints, err error) {
	fips, err := awsSwitch("AWS_USE_FIPS_ENDPOINT")
	if err != nil {
		return at, err
	}
	dual, err := awsSwitch("AWS_USE_DUALSTACK_ENDPOINT")
	if err != nil {
		return at, err
	}
	if at, err = identitycenter.Regional(region, fips, dual); err != nil {
		return at, fault.InUsage(fmt.Errorf("--sso-region: %w", err))
	}
	ignored, err := awsSwitch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if err != nil || ignored {
		return at, err
	}
	for name, endpoint := range map[string]*string{"AWS_ENDPOINT_URL_SSO_OIDC": &at.OIDC, "AWS_ENDPOINT_URL_SSO": &at.Portal} {
		for _, name := range []string{name, "AWS_ENDPOINT_URL"} {
			url := AWSVariable(name)
			if url == "" {
				continue
			}
			if _, err := flows.CheckURL("variable "+name+":", url); err != nil {
				return at, fault.InUsage(err, "unset "+name+" for this command")
			}
			*endpoint = strings.TrimRight(url, "/")
			break
		}
	}
	return at, nil
}

// centerTools are the commands that an Identity Center has something for. Its tokens go
// to nobody else.
var centerTools = []string{ToolAWS, ToolRun, ToolLogin, ToolLogout, ToolStatus, ToolWhoami}

// checkCenter tells what is wrong with how an Identity Center is named, or with what is
// asked of it.
func (o *Resolved) checkCenter() error {
	c := o.center
	switch {
	case c == nil && o.Provider.StartURL+o.Provider.SSORegion+o.Provider.SSOSession != "":
		return fault.InUsage(errors.New("--start-url, --sso-region and --sso-session are for --provider "+
			identitycenter.Name), "leave them out, or the issuer")
	case c == nil && (o.From.Given("account-id") || o.From.Given("role-name")):
		return fault.InUsage(errors.New("--account-id and --role-name are for --provider "+identitycenter.Name),
			"elsewhere a role is named by --role-arn")
	case c == nil:
		return nil
	case c.err != nil:
		return c.err
	case o.Provider.Identity == credential.Service:
		return fault.Usagef("IAM Identity Center is for people, not for a service")
	case !slices.Contains(centerTools, o.Tool):
		return fault.InUsage(fmt.Errorf("IAM Identity Center has no token for %s: it gives keys of AWS roles alone", o.Tool),
			"see: sso-exec help aws")
	case o.Exchanges():
		return fault.Usagef("--exchange-…: IAM Identity Center exchanges no tokens")
	}
	if p := o.Policy; o.bound() && c.Moved != nil {
		return cmp.Or(p.AllowURL(c.At.OIDC), p.AllowURL(c.At.Portal))
	}
	return nil
}

// checkCenterRole tells what is wrong with the role whose keys are wanted.
func (o *Resolved) checkCenterRole() error {
	switch {
	case o.AWS.RoleARN != "":
		return fault.InUsage(errors.New("--role-arn: in IAM Identity Center a role is named by its account and its name"),
			"give --account-id and --role-name")
	case o.AWS.AccountID == "" || o.AWS.RoleName == "":
		return fault.InUsage(errors.New("no role is named"), "give --account-id and --role-name, or both in the section "+
			"aws of a profile")
	case len(o.AWS.Chain) == 0 && (o.AWS.Duration > 0 || len(o.AWS.PolicyARNs) > 0 || o.AWS.RoleSessionName != ""):
		return fault.InUsage(errors.New("--duration, --policy-arn and --role-session-name: of a role of IAM Identity Center "+
			"the permission set says that"), "leave them out")
	}
	return cmp.Or(o.checkRow("account-id"), o.checkRow("role-name"))
}

// CenterRole names the account and the role for people; empty: none is named.
func (a AWS) CenterRole() string {
	if a.AccountID == "" || a.RoleName == "" {
		return ""
	}
	return a.AccountID + "/" + a.RoleName
}

func checkStartURL(v string) error { _, err := identitycenter.StartURL(v); return err }

func checkAccountID(v string) error {
	if len(v) != 12 || strings.Trim(v, "0123456789") != "" {
		return fmt.Errorf("%q is not the ID of an AWS account: it has 12 digits", flows.Clean(v, 40))
	}
	return nil
}

// checkRoleName: AWS's pattern for the names of roles and permission sets.
func checkRoleName(v string) error {
	if !regexp.MustCompile(`^[\w+=,.@-]{1,64}$`).MatchString(v) {
		return fmt.Errorf("%q is not the name of a role: it is that of the permission set, without a path, as the AWS access "+
			"portal shows it", flows.Clean(v, 100))
	}
	return nil
}
