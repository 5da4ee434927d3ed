package acquire

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/settings"
)

// ConsoleURL is the address that signs a browser in to the AWS console, at a service's
// page, with the keys of the settings' role.
func ConsoleURL(ctx context.Context, o *settings.Resolved, by Caller, service string) (none credential.Secret,
	_ error) {
	c := sts.Console{Region: o.AWSRegion(), Service: service}
	for _, role := range o.Roles() {
		c.RoleARN = role
	}
	if center := o.Center(); center != nil && c.RoleARN == "" { // whose keys go to no other partition
		c.RoleARN, c.Region = center.ARN(), cmp.Or(c.Region, center.Region)
	}
	var err error
	if c.Endpoint, err = signInEndpoint(); err != nil {
		return none, err
	}
	if c.Endpoint != "" {
		if err := o.AllowEndpoint(c.Endpoint); err != nil {
			return none, err
		}
	}
	if err := c.Check(); err != nil {
		return none, fault.InUsage(err, "see --service and --region")
	}
	s, err := Open(o, by)
	if err != nil {
		return none, err
	}
	keys, _, err := Obtain(ctx, s, Need(o, s, true))
	if err != nil {
		return none, err
	}
	if len(o.AWS.Chain) == 0 { // AWS refuses it for the keys of a chained role
		c.Session = o.AWS.Duration
		if c.Session == 0 { // no longer than the keys
			c.Session = min(max(time.Until(keys.ExpiresAt).Truncate(time.Second), 15*time.Minute), 12*time.Hour)
		}
	}
	hc, err := clientForSTS(o, s, awsBundle())
	if err != nil {
		return none, err
	}
	at, err := sts.SignInURL(ctx, hc, c, *keys.AWS)
	if err != nil {
		return none, err
	}
	return at, s.Record(audit.Event{Event: audit.Role, Target: "console " + target(o)})
}

// signInEndpoint is that of AWS_ENDPOINT_URL_SIGNIN, which leads to this machine alone:
// keys go to it.
func signInEndpoint() (string, error) {
	const name = "AWS_ENDPOINT_URL_SIGNIN"
	raw := settings.AWSVariable(name)
	if raw == "" {
		return "", nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !loopback.IsLiteral(u.Hostname()) || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" {
		return "", fault.InUsage(fault.Usagef(
			"variable %s: %q must be a literal loopback address, such as http://127.0.0.1:4566",
			name, flows.Clean(raw, 200)), "unset "+name+" for this command")
	}
	return raw, nil
}
