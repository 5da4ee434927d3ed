// Package aws is what settings know of AWS: its SDKs' variables, what a value may be, and
// the IAM Identity Center that is named, in them or in the AWS config.
package aws

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
)

// Center is an Identity Center.
type Center struct {
	StartURL string // as it is compared, and as the session's issuer
	Spelled  string // as it is written
	Name     string // that the AWS CLI's file goes by: the sso-session's, else the start URL as it is written
	Region   string
	At       identitycenter.Endpoints
	Moved    []string // the endpoints, where they are not AWS's usual ones of the region; else nil

	Dialect *flows.Dialect
	Err     error // why it cannot be used
}

// ARN is the beginning of those in its partition.
func (c *Center) ARN() string { return "arn:" + sts.Partition(c.Region) + ":" }

// Key is what tells its sessions from those of other places, next to the start URL.
func (c *Center) Key() []string {
	return append([]string{identitycenter.Name, c.Region}, c.Moved...)
}

// New is one whose session is stored: at the endpoints of its sign-in.
func New(startURL, region string, at identitycenter.Endpoints) *Center {
	c := &Center{StartURL: startURL, Spelled: startURL, Name: startURL, Region: region, At: at}
	if usual, err := identitycenter.Regional(region, false, false); err != nil || at != usual {
		c.Moved = []string{at.OIDC, at.Portal}
	}
	c.Dialect = identitycenter.Dialect(startURL, at)
	return c
}

// Broken is one that cannot be used.
func Broken(startURL string, err error) *Center {
	return &Center{StartURL: startURL, Err: err, Dialect: identitycenter.Dialect("", identitycenter.Endpoints{})}
}

// OnLoopbackIfMoved reports whether the endpoints are AWS's usual ones, or on literal
// loopback addresses: only of those the AWS CLI's file can be told to be.
func (c *Center) OnLoopbackIfMoved() bool {
	usual, err := identitycenter.Regional(c.Region, false, false)
	own := func(at, usual string) bool {
		u, perr := url.Parse(at)
		return err == nil && at == usual || perr == nil && loopback.IsLiteral(u.Hostname())
	}
	return own(c.At.OIDC, usual.OIDC) && own(c.At.Portal, usual.Portal)
}

// Asked is what settings say.
type Asked struct{ StartURL, Region, Session string }

// Found is what else the AWS config says; empty: nothing.
type Found struct {
	AccountID, RoleName string
	Scopes              []string
}

// Find returns the Identity Center that is asked for.
func Find(a Asked) (*Center, Found, error) {
	var found Found
	keys, err := a.readAWSConfig()
	if err != nil {
		return nil, found, err
	}
	spelled, region := cmp.Or(a.StartURL, keys["sso_start_url"]), cmp.Or(a.Region, keys["sso_region"])
	if spelled == "" {
		return nil, found, fault.InUsage(errors.New("which IAM Identity Center is it?"),
			"give --start-url and --sso-region, or --sso-session NAME of the AWS config")
	}
	start, err := identitycenter.StartURL(spelled)
	if err != nil {
		return nil, found, fault.InUsage(err, "it is like https://d-1234567890.awsapps.com/start: see the AWS access portal")
	}
	if region = cmp.Or(region, identitycenter.RegionOf(start)); region == "" {
		return nil, found, fault.InUsage(errors.New("in which region is the IAM Identity Center?"), "give --sso-region")
	}
	at, err := endpoints(region)
	if err != nil {
		return nil, found, err
	}
	c := New(start, region, at)
	c.Spelled, c.Name = spelled, cmp.Or(keys["sso_session"], spelled)
	found.AccountID, found.RoleName = keys["sso_account_id"], keys["sso_role_name"]
	found.Scopes = strings.FieldsFunc(keys["sso_registration_scopes"], func(r rune) bool { return r == ',' || r == ' ' })
	return c, found, nil
}

// NeedsConfig reports whether the AWS config must be read.
func (a Asked) NeedsConfig() bool { return a.StartURL == "" }

// readAWSConfig reads what is not said: the section of the session that is named, or,
// where nothing is, AWS_PROFILE's profile with its session.
func (a Asked) readAWSConfig() (map[string]string, error) {
	name, profile := a.Session, ""
	switch {
	case name != "" && a.StartURL != "":
		return nil, fault.Usagef("--start-url and --sso-session contradict each other: leave one of them out")
	case !a.NeedsConfig():
		return nil, nil
	case name == "":
		profile = cmp.Or(Variable("AWS_PROFILE"), Variable("AWS_DEFAULT_PROFILE"), "default")
	}
	text, path, err := readConfig()
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	if profile != "" {
		if of, _ = awsconfig.Profile(text, profile); of["sso_session"] == "" {
			return of, nil
		}
		name = of["sso_session"]
	}
	keys, ok := awsconfig.Section(text, ssoSession, name)
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

const ssoSession = "sso-session" // what its section begins with

// Sessions are the sso-sessions of the AWS config, with their start URLs; none where
// there is something wrong with it.
func Sessions() map[string]string {
	text, _, _ := readConfig()
	all := map[string]string{}
	for _, name := range awsconfig.Names(text, ssoSession) {
		keys, _ := awsconfig.Section(text, ssoSession, name)
		all[name] = keys["sso_start_url"]
	}
	return all
}

// endpoints are where AWS's own variables move them, else the region's.
func endpoints(region string) (at identitycenter.Endpoints, err error) {
	fips, dual, err := Switches()
	if err != nil {
		return at, err
	}
	if at, err = identitycenter.Regional(region, fips, dual); err != nil {
		return at, fault.InUsage(fmt.Errorf("--sso-region: %w", err))
	}
	for service, endpoint := range map[string]*string{"sso_oidc": &at.OIDC, "sso": &at.Portal} {
		moved, err := Endpoint(service)
		if err != nil {
			return at, err
		}
		if moved != "" {
			*endpoint = strings.TrimRight(moved, "/")
		}
	}
	return at, nil
}
