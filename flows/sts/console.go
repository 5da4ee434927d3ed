package sts

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// Console is a request for an address that signs a browser in to the AWS console with
// a role's keys (IAM User Guide, "Enable custom identity broker access to the AWS
// console").
type Console struct {
	RoleARN  string // whose partition decides which console it is; empty: the region's
	Endpoint string // of the sign-in; empty: the partition's own
	Service  string // whose page is shown, as the console's addresses name it; empty: the first page
	Region   string // empty: the partition's first
	// Session is how long the console may be used, in whole seconds, 15 minutes to 12
	// hours; 0: nothing is said of it, as with the keys of a chained role.
	Session time.Duration
}

const doingConsole = "the console's sign-in"

// place returns the address of the sign-in, and the page that it leads to.
func (c Console) place() (signIn, page string, err error) {
	arn := c.RoleARN
	if arn == "" {
		arn = "arn:" + regionsPartition(c.Region).name + ":"
	}
	p, ok := partitionOf(arn)
	if !ok {
		return "", "", fmt.Errorf("the role %q is in none of AWS's partitions, so it has no console", flows.Clean(arn, 200))
	}
	if _, err := (Place{RoleARN: arn, Region: c.Region}).Endpoint(); err != nil {
		return "", "", err
	}
	if len(c.Service) > 64 || strings.Trim(c.Service, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", "", fmt.Errorf("%q is not the name of a service: it is of lower-case letters, digits and -",
			flows.Clean(c.Service, 80))
	}
	region := cmp.Or(c.Region, p.region)
	if strings.HasSuffix(region, "-global") {
		region = p.region
	}
	regional := ""
	if p.name == "aws-eusc" { // which has no address for all regions
		regional = region + "."
	}
	signIn, page = "https://"+regional+"signin."+p.console, "https://"+regional+"console."+p.console
	if c.Endpoint != "" {
		signIn = strings.TrimSuffix(c.Endpoint, "/")
	}
	return signIn + "/federation", page + "/" + cmp.Or(c.Service, "console") + "/home?region=" + region, nil
}

// Check tells what is wrong with a request before anything is sent.
func (c Console) Check() error {
	_, _, err := c.place()
	return err
}

// SignInURL trades a role's keys for the address: one GET. Whoever has the address is
// signed in, for 15 minutes from now.
func SignInURL(ctx context.Context, hc *http.Client, c Console, keys credential.AWSKeys) (credential.Secret, error) {
	var none credential.Secret
	signIn, page, err := c.place()
	if err != nil {
		return none, err
	}
	session, err := json.Marshal(map[string]string{"sessionId": keys.AccessKeyID,
		"sessionKey": keys.SecretAccessKey.Reveal(), "sessionToken": keys.SessionToken.Reveal()})
	if err != nil {
		return none, err
	}
	query := url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}
	if c.Session > 0 {
		query.Set("SessionDuration", strconv.Itoa(int(c.Session.Seconds())))
	}
	req, err := http.NewRequest(http.MethodGet, signIn+"?"+query.Encode(), nil)
	if err != nil {
		return none, fmt.Errorf("%s: the address of it cannot be used", doingConsole)
	}
	a, err := flows.Do(ctx, hc, doingConsole, req)
	if err != nil {
		return none, err
	}
	a.Sent = []string{keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal()}
	if !a.OK() {
		return none, fmt.Errorf("%s refused the keys (status %d)", doingConsole, a.Status)
	}
	var answer struct{ SigninToken string }
	if err := a.JSON(doingConsole, &answer); err != nil {
		return none, err
	}
	token := answer.SigninToken
	if token == "" || len(token) > 16<<10 || strings.ContainsFunc(token,
		func(r rune) bool { return r <= ' ' || r > '~' }) {
		return none, flows.Garbled(doingConsole, "the answer has no sign-in token")
	}
	login := url.Values{"Action": {"login"}, "Issuer": {"sso-exec"}, "Destination": {page}, "SigninToken": {token}}
	return credential.NewSecret(signIn + "?" + login.Encode()), nil
}
