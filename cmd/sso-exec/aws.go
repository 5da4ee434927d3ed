package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/session"
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

// checkAWS checks the flags of the command aws.
func (o *options) checkAWS() error {
	if o.roleARN == "" {
		return &usageError{errors.New("no role to assume"), "give --role-arn arn:aws:iam::ACCOUNT:role/NAME, or role-arn in the section aws of a profile"}
	}
	if err := checkARN(o.roleARN); err != nil {
		return usagef("--role-arn %w", err)
	}
	for _, arn := range o.policyARNs {
		if err := checkARN(arn); err != nil {
			return usagef("--policy-arn %w", err)
		}
	}
	if err := checkDuration("duration", o.duration); err != nil {
		return usagef("--duration %w", err)
	}
	if o.region == "" && o.stsEndpoint == "" {
		o.region = cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	}
	if o.stsEndpoint == "" {
		var err error
		if o.stsEndpoint, err = flows.STSEndpoint(o.region); err != nil {
			return &usageError{err, "see --region and AWS_REGION"}
		}
	}
	if _, err := flows.CheckURL("the STS endpoint", o.stsEndpoint); err != nil {
		return &usageError{err: err}
	}
	return nil
}

// awsSteps is the chain from the ID token to the role's keys.
func awsSteps(o *options, s *session.Session) []session.Step {
	request := flows.WebIdentity{
		Endpoint: o.stsEndpoint, RoleARN: o.roleARN, SessionName: o.roleSessionName,
		Duration: o.duration, PolicyARNs: o.policyARNs,
	}
	return []session.Step{{
		Kind: "web-identity", Params: []any{o.tokenType, request}, For: o.roleARN,
		Run: func(ctx context.Context, token credential.Credential) (credential.Credential, error) {
			return flows.AssumeRoleWithWebIdentity(ctx, s.HTTP, request, token.Token)
		},
	}}
}

func encodeAWS(_ *options, c credential.Credential) ([]byte, error) {
	return plugin.EncodeProcessCredentials(c)
}
