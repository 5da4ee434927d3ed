package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/plugin"
)

const (
	awsLong = `Trade the ID token for a role's temporary keys (AssumeRoleWithWebIdentity) and
print them for credential_process of the AWS CLI and SDKs. The role must trust
the provider; the keys are kept until fewer than 15 minutes are left.

The AWS CLI keeps stderr to itself: sign in first with sso-exec login where
there is no browser.`
	awsExample = `  # in ~/.aws/config, where the profile aws-dev of sso-exec has the role
  [profile dev]
  credential_process = sso-exec aws --profile aws-dev

  sso-exec aws --profile corp --role-arn arn:aws:iam::123456789012:role/dev`
)

// awsTTL is how long a role's cached keys must last: SDKs call the process
// again and again once fewer than 15 minutes are left.
var awsTTL = session.TTL{Exact: -1, Most: 15 * time.Minute, Part: 2}

// checkAWS checks the flags of the command aws, and settles where STS is.
func (o *options) checkAWS() error {
	if o.roleARN == "" {
		return fault.InUsage(errors.New("no role to assume"), "give --role-arn arn:aws:iam::ACCOUNT:role/NAME, or role-arn in the section aws of a profile")
	}
	if err := checkRole(o.roleARN); err != nil {
		return fault.Usagef("--role-arn %w", err)
	}
	for _, arn := range o.policyARNs {
		if err := checkARN(arn); err != nil {
			return fault.Usagef("--policy-arn %w", err)
		}
	}
	if err := checkDuration("duration", o.duration); err != nil {
		return fault.Usagef("--duration %w", err)
	}
	if o.stsEndpoint == "" {
		return o.settleSTS()
	}
	if _, err := flows.CheckURL("the STS endpoint", o.stsEndpoint); err != nil {
		return fault.InUsage(err)
	}
	return nil
}

// settleSTS finds the endpoint of STS as the AWS SDKs do: by their variables,
// else by the region, else by the role's partition.
func (o *options) settleSTS() error {
	ignored, err := awsSwitch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if err != nil {
		return err
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"} {
		url := awsVariable(name)
		if url == "" || ignored {
			continue
		}
		if _, err := flows.CheckURL("variable "+name+":", url); err != nil {
			return fault.InUsage(err, "give another --sts-endpoint, or unset "+name+" for this command")
		}
		o.stsEndpoint = url
		return nil
	}
	if err := checkARN(o.roleARN); err != nil {
		return fault.InUsage(fmt.Errorf("--role-arn %w", err), "a role of another service needs --sts-endpoint URL")
	}
	if o.region == "" {
		o.region = cmp.Or(awsVariable("AWS_REGION"), awsVariable("AWS_DEFAULT_REGION"))
	}
	place := sts.Place{RoleARN: o.roleARN, Region: o.region}
	var errs [2]error
	place.FIPS, errs[0] = awsSwitch("AWS_USE_FIPS_ENDPOINT")
	place.DualStack, errs[1] = awsSwitch("AWS_USE_DUALSTACK_ENDPOINT")
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return err
	}
	if o.stsEndpoint, err = place.Endpoint(); err != nil {
		return fault.InUsage(err, "see --role-arn and --region (or AWS_REGION); another service needs --sts-endpoint URL")
	}
	return nil
}

// awsVariable returns a variable of the AWS SDKs.
func awsVariable(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// awsSwitch returns one that is true or false.
func awsSwitch(name string) (on bool, err error) {
	switch v := awsVariable(name); strings.ToLower(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fault.Usagef("variable %s: %q is neither true nor false", name, flows.Clean(v, 80))
	}
}

// awsSteps is the chain from the ID token to the role's keys.
func awsSteps(o *options, s *session.Session) []session.Step {
	request := sts.WebIdentity{
		Endpoint: o.stsEndpoint, RoleARN: o.roleARN, SessionName: o.roleSessionName,
		Duration: o.duration, PolicyARNs: o.policyARNs,
	}
	params := []any{o.tokenType, request}
	bundle := awsBundle()
	if bundle != "" { // keys that came under other roots are not for those who trust them not
		params = append(params, bundle)
	}
	return []session.Step{{
		Kind: "web-identity", Params: params, For: o.roleARN,
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			hc, err := o.clientForSTS(s, bundle)
			if err != nil {
				return credential.Credential{}, err
			}
			return sts.AssumeRoleWithWebIdentity(ctx, hc, request, token.Token)
		},
	}}
}

// awsBundle returns the file of AWS_CA_BUNDLE.
func awsBundle() string {
	path := awsVariable("AWS_CA_BUNDLE")
	if path == "" {
		return ""
	}
	if expanded, err := userfile.Expand(path); err == nil {
		path = expanded
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// clientForSTS returns the session's client, which under AWS_CA_BUNDLE trusts
// those certificates as well. The identity provider is never asked with it.
func (o *options) clientForSTS(s *session.Session, bundle string) (*http.Client, error) {
	if bundle == "" {
		return s.HTTP, nil
	}
	pem, err := userfile.Read(bundle)
	if pem = userfile.Text(pem); err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("no certificate in PEM form in %s", bundle)
	}
	if err != nil {
		return nil, &session.LocalError{Kind: session.FailedUsage, Err: fault.Usagef("variable AWS_CA_BUNDLE: %w", err)}
	}
	hc, err := flows.NewHTTPClient(o.httpTimeout, slices.Concat(o.extraRoots().pem, pem))
	if err != nil {
		return nil, err
	}
	flows.HoldLike(hc, s.HTTP, "AWS_CA_BUNDLE")
	hc.Transport = requestLog{hc.Transport, s.Log}
	return hc, nil
}

func encodeAWS(_ *options, c credential.Credential) ([]byte, error) {
	return plugin.EncodeProcessCredentials(c)
}
