package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// CheckAWS checks the flags of the command aws, and settles where STS is.
func (o *Resolved) CheckAWS() error {
	if o.AWS.RoleARN == "" {
		return fault.InUsage(errors.New("no role to assume"),
			"give --role-arn arn:aws:iam::ACCOUNT:role/NAME, or role-arn in the section aws of a profile")
	}
	for _, name := range []string{"role-arn", "policy-arn", "duration"} {
		if err := o.checkRow(name); err != nil {
			return err
		}
	}
	if o.AWS.STSEndpoint == "" {
		return o.settleSTS()
	}
	if _, err := flows.CheckURL("the STS endpoint", o.AWS.STSEndpoint); err != nil {
		return fault.InUsage(err)
	}
	return nil
}

// settleSTS finds the endpoint of STS as the AWS SDKs do: by their variables,
// else by the region, else by the role's partition.
func (o *Resolved) settleSTS() error {
	ignored, err := awsSwitch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if err != nil {
		return err
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"} {
		url := AWSVariable(name)
		if url == "" || ignored {
			continue
		}
		if _, err := flows.CheckURL("variable "+name+":", url); err != nil {
			return fault.InUsage(err, "give another --sts-endpoint, or unset "+name+" for this command")
		}
		o.AWS.STSEndpoint, o.stsByVariable = url, true
		return nil
	}
	if err := checkARN(o.AWS.RoleARN); err != nil {
		return fault.InUsage(fmt.Errorf("--role-arn %w", err), "a role of another service needs --sts-endpoint URL")
	}
	if o.AWS.Region == "" {
		o.AWS.Region = cmp.Or(AWSVariable("AWS_REGION"), AWSVariable("AWS_DEFAULT_REGION"))
	}
	place := sts.Place{RoleARN: o.AWS.RoleARN, Region: o.AWS.Region}
	var errs [2]error
	place.FIPS, errs[0] = awsSwitch("AWS_USE_FIPS_ENDPOINT")
	place.DualStack, errs[1] = awsSwitch("AWS_USE_DUALSTACK_ENDPOINT")
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return err
	}
	if o.AWS.STSEndpoint, err = place.Endpoint(); err != nil {
		return fault.InUsage(err, "see --role-arn and --region (or AWS_REGION); another service needs --sts-endpoint URL")
	}
	return nil
}

// AWSVariable returns a variable of the AWS SDKs.
func AWSVariable(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// awsSwitch returns one that is true or false.
func awsSwitch(name string) (on bool, err error) {
	switch v := AWSVariable(name); strings.ToLower(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fault.Usagef("variable %s: %q is neither true nor false", name, flows.Clean(v, 80))
	}
}
