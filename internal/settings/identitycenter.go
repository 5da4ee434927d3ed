package settings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
)

// This file is IAM Identity Center: a start URL and a region in the place of an issuer
// and a client ID.

// The values of aws-cli-cache.
const (
	AWSCLICacheUpdate = "update"
	AWSCLICacheWrite  = "write"
)

// Center returns the Identity Center that is named; nil: the provider is another.
func (o *Resolved) Center() *aws.Center { return o.center }

// SetCenter makes it the provider.
func (o *Resolved) SetCenter(c *aws.Center) {
	o.center, o.Provider.Dialect, o.Provider.Issuer, o.Provider.ClientID = c, identitycenter.Name, c.StartURL, ""
}

// ForgetCenter has the provider be another.
func (o *Resolved) ForgetCenter() { o.center = nil }

// settleCenter finds out where the Identity Center is, if one is named; what is wrong
// with it is an error when something is asked of it.
func (o *Resolved) settleCenter() {
	p := &o.Provider
	if p.Dialect == "" && p.StartURL+p.SSOSession != "" && p.Issuer == "" {
		p.Dialect = identitycenter.Name
	}
	if p.Dialect != identitycenter.Name {
		return
	}
	asked := aws.Asked{StartURL: p.StartURL, Region: p.SSORegion, Session: p.SSOSession}
	c, found, err := aws.Find(asked)
	switch {
	case o.bound() && o.Policy.OverridesDenied && asked.NeedsConfig():
		c, err = nil, o.Policy.Forbid("overrides", "the AWS config, which is yours", "name start-url and sso-region")
	case o.From.Said("issuer"):
		err = cmp.Or(err, fault.InUsage(errors.New("--issuer: IAM Identity Center has a start URL in its place"),
			"leave it out, and give --start-url and --sso-region, or --sso-session"))
	}
	if err != nil {
		c = aws.Broken(p.StartURL, err)
	}
	o.SetCenter(c)
	if o.AWS.AccountID == "" && o.AWS.RoleName == "" {
		o.AWS.AccountID, o.AWS.RoleName = found.AccountID, found.RoleName
	}
	if len(found.Scopes) > 0 && !o.From.Said("scope") {
		o.Target.Scopes = found.Scopes
	}
	if len(o.Target.Scopes) == 0 {
		o.Target.Scopes = []string{identitycenter.Scope}
	}
}

// centerTools are the commands that an Identity Center has something for. Its tokens go
// to nobody else.
var centerTools = []string{ToolAWS, ToolEKS, ToolRun, ToolLogin, ToolLogout, ToolStatus, ToolWhoami, ToolList,
	ToolDoctor}

// checkCenter tells what is wrong with how an Identity Center is named, or with what is
// asked of it.
func (o *Resolved) checkCenter() error {
	c := o.center
	switch {
	case c == nil && o.Provider.StartURL+o.Provider.SSORegion+o.Provider.SSOSession != "":
		return fault.InUsage(errors.New("--start-url, --sso-region and --sso-session are for --provider "+
			identitycenter.Name), "leave them out, or the issuer")
	case c == nil && (o.From.Given("account-id") || o.From.Given("role-name") && o.role == ""):
		return fault.InUsage(errors.New("--account-id and --role-name are for --provider "+identitycenter.Name),
			"elsewhere a role is named by --role-arn, or by its name in the profile: aws: {roles: …}")
	case c == nil:
		return nil
	case c.Err != nil:
		return c.Err
	case o.Provider.Identity == credential.Service:
		return fault.Usagef("IAM Identity Center is for people, not for a service")
	case !slices.Contains(centerTools, o.Tool):
		return fault.InUsage(fmt.Errorf("IAM Identity Center has no token for %s: it only gives keys of AWS roles", o.Tool),
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
		return fault.InUsage(errors.New("--duration, --policy-arn and --role-session-name: in IAM Identity Center the "+
			"permission set decides that"), "leave them out")
	}
	return cmp.Or(o.checkRow("account-id"), o.checkRow("role-name"))
}

// Takes reports whether a role, as CenterRole names it, is not another than the account or
// the role that is named.
func (o *Resolved) Takes(role string) bool {
	account, name, ok := strings.Cut(role, "/")
	return ok && (o.AWS.AccountID == "" || o.AWS.AccountID == account) &&
		(o.AWS.RoleName == "" || o.AWS.RoleName == name) &&
		cmp.Or(aws.CheckAccountID(account), aws.CheckRoleName(name)) == nil
}

// SetRole takes a role, as CenterRole names it.
func (o *Resolved) SetRole(role string) { o.AWS.AccountID, o.AWS.RoleName, _ = strings.Cut(role, "/") }

// CenterRole names the account and the role for people; empty: none is named.
func (a AWS) CenterRole() string {
	if a.AccountID == "" || a.RoleName == "" {
		return ""
	}
	return a.AccountID + "/" + a.RoleName
}
