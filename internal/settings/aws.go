package settings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/settings/check"
)

// This file is what can be told of an AWS role, and of the chain of roles after it.

// CheckAWS checks the flags of the command aws, and settles where STS is.
func (o *Resolved) CheckAWS() error {
	if o.center != nil {
		if err := o.checkCenterRole(); err != nil {
			return err
		}
	} else if o.AWS.RoleARN == "" {
		return fault.InUsage(errors.New("no role to assume"),
			"give --role-arn arn:aws:iam::ACCOUNT:role/NAME, or role-arn in the section aws of a profile")
	}
	for _, name := range []string{"role-arn", "policy-arn", "duration", "chain-role-arn", "external-id", "source-identity",
		"tag", "transitive-tag", "mfa-serial"} {
		if err := o.checkRow(name); err != nil {
			return err
		}
	}
	if err := o.checkChain(); err != nil {
		return err
	}
	if o.center != nil && len(o.AWS.Chain) == 0 { // STS is not asked
		return nil
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
	url, err := aws.Endpoint("sts")
	if err != nil || url != "" {
		o.AWS.STSEndpoint, o.stsByVariable = url, true
		return err
	}
	o.AWS.Region = o.AWSRegion()
	place := sts.Place{Region: o.AWS.Region}
	if place.FIPS, place.DualStack, err = aws.Switches(); err != nil {
		return err
	}
	flag, endpoint := "--role-arn", ""
	for _, role := range o.Roles() {
		if o.center != nil { // whose keys go to no other partition
			if _, err := (sts.Place{RoleARN: role, Region: o.center.Region}).Endpoint(); err != nil {
				return fault.InUsage(err, "see --chain-role-arn and --sso-region")
			}
		}
		if err := check.ARN(role); err != nil {
			return fault.InUsage(fmt.Errorf("%s %w", flag, err), "give the whole ARN; a role of another service needs --sts-endpoint URL")
		}
		place.RoleARN, flag = role, "--chain-role-arn"
		at, err := place.Endpoint()
		if err == nil && endpoint != "" && at != endpoint {
			err = fmt.Errorf("the role %s is in another partition of AWS than the role that assumes it", role)
		}
		if err != nil {
			return fault.InUsage(err, "see --role-arn and --region (or AWS_REGION); another service needs --sts-endpoint URL")
		}
		endpoint = at
	}
	o.AWS.STSEndpoint = endpoint
	return nil
}

// ECR is the registry of Amazon's that docker asks about; nil: it is another, or none.
func (o *Resolved) ECR() *sts.Registry {
	if o.Tool != ToolDocker || len(o.Asked) != 1 {
		return nil
	}
	if r, ok := sts.ECR(o.Asked[0].String()); ok {
		return &r
	}
	return nil
}

// has reports whether a setting counts: those of the command, and of a role whose keys a
// registry wants.
func (o *Resolved) has(r *Row) bool { return r.Of(o.Tool) || r.Group == GroupAWS && o.ECR() != nil }

// checkECR is CheckAWS for the keys that a registry wants, whose partition must be theirs.
func (o *Resolved) checkECR() error {
	r := o.ECR()
	if r == nil {
		return nil
	}
	if err := o.CheckAWS(); err != nil {
		return err
	}
	for _, role := range o.Roles() {
		if _, err := (sts.Place{RoleARN: role, Region: r.Region}).Endpoint(); err != nil &&
			strings.HasPrefix(role, "arn:aws") {
			return fault.InUsage(fmt.Errorf("%s: %w", r.Host, err), "AWS keys go to no other partition")
		}
	}
	_, err := ECREndpoint(*r)
	return err
}

// ECREndpoint is the address of a registry's API: that of AWS's variables, which is AWS's
// own or on this machine, else its own.
func ECREndpoint(r sts.Registry) (string, error) {
	url, err := aws.Endpoint("ecr")
	if err == nil && url != "" && !r.Takes(url) {
		err = fault.InUsage(fmt.Errorf("%s: AWS_ENDPOINT_URL_ECR or AWS_ENDPOINT_URL leads to %s, which is not ECR's in %s",
			r.Host, flows.Clean(url, 200), r.Region), "allowed: AWS's own endpoints, a VPC's, a literal loopback address")
	}
	return cmp.Or(url, r.Endpoint), err
}

// AllowEndpoint tells whether the policy lets something go to an address that was moved.
func (o *Resolved) AllowEndpoint(url string) error {
	if !o.bound() {
		return nil
	}
	return o.Policy.AllowURL(url)
}

// EKSCluster is the cluster of EKS that is asked for, in the region where the keys can be
// known: the one that is given, else the Identity Center's, else the partition's.
func (o *Resolved) EKSCluster() (c sts.Cluster, err error) {
	c = sts.Cluster{Name: o.AWS.Cluster, Region: o.AWSRegion()}
	for _, role := range o.Roles() {
		c.RoleARN = role
	}
	if c.Region == "" && o.center != nil {
		c.Region = o.center.Region
	}
	c.FIPS, _, err = aws.Switches()
	return c, err
}

// checkCluster tells what is wrong with it, and with the partition of whose keys it is
// asked for.
func (o *Resolved) checkCluster() error {
	if o.AWS.Cluster == "" {
		return fault.InUsage(errors.New("which cluster is it?"), "give --cluster NAME, as EKS knows it")
	}
	c, err := o.EKSCluster()
	if err := cmp.Or(err, o.checkRow("cluster")); err != nil {
		return err
	}
	if _, err = c.Endpoint(); err != nil {
		return fault.InUsage(err, "give the cluster's --region (or AWS_REGION)")
	}
	return nil
}

// Roles are the chain's, the first one's keys being had for the sign-in.
func (o *Resolved) Roles() (all []string) {
	if o.AWS.RoleARN != "" {
		all = append(all, o.AWS.RoleARN)
	}
	return append(all, o.AWS.Chain...)
}

// AWSRegion is the region that is given, by whatever; empty: none. That of AWS_PROFILE,
// which may be about something else, counts in the roles' partition alone.
func (o *Resolved) AWSRegion() string {
	region := cmp.Or(o.AWS.Region, AWSVariable("AWS_REGION"), AWSVariable("AWS_DEFAULT_REGION"))
	if region != "" {
		return region
	}
	region = aws.ProfileRegion()
	roles := o.Roles()
	if o.center != nil {
		roles = append(roles, o.center.ARN())
	}
	for _, role := range roles {
		if _, err := (sts.Place{RoleARN: role, Region: region}).Endpoint(); err != nil {
			return ""
		}
	}
	return region
}

// checkChain tells what is wrong with the roles that are assumed by other roles.
func (o *Resolved) checkChain() error {
	if len(o.AWS.Chain) == 0 {
		for _, name := range []string{"external-id", "source-identity", "tag", "transitive-tag"} {
			if !Find(name).IsEmpty(&o.Settings) {
				return fault.InUsage(fmt.Errorf("--%s is only for a role that another role assumes", name),
					"name that role: --chain-role-arn ARN; or leave out --"+name)
			}
		}
		return nil
	}
	if o.AWS.Duration > sts.ChainedLife {
		return fault.InUsage(fmt.Errorf("--duration %v: the keys of a role that another role assumes live an hour at most",
			o.AWS.Duration), "give --duration 1h or less, or leave it out; sso-exec gets the next keys in time")
	}
	var keys []string
	for _, tag := range o.AWSTags() {
		if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, tag.Key) }) {
			return fault.Usagef("--tag %s: the key is there twice", tag.Key)
		}
		keys = append(keys, tag.Key)
	}
	for _, key := range o.AWS.TransitiveTags {
		if !slices.Contains(keys, key) {
			return fault.InUsage(fmt.Errorf("--transitive-tag %s: no --tag has that key", key), "give --tag "+key+"=VALUE too")
		}
	}
	if len(keys) > 50 {
		return fault.Usagef("--tag: %d tags; AWS accepts 50", len(keys))
	}
	return nil
}

// AWSTags are the session tags of the chain's first role.
func (o *Resolved) AWSTags() (tags []sts.Tag) {
	for _, kv := range o.AWS.Tags {
		key, value, _ := strings.Cut(kv, "=")
		tags = append(tags, sts.Tag{Key: key, Value: value})
	}
	return tags
}

func checkChain(v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("is empty: name a role")
	}
	return check.Role(v)
}

// refuseMFA: SerialNumber and TokenCode of AssumeRole go with the long-term keys of an
// IAM user. A role's keys, which every link here is assumed with, carry no MFA.
func refuseMFA(string) error {
	return errors.New("cannot be used: STS accepts an MFA code only with an IAM user's long-term keys, and a role is " +
		"assumed here with a sign-in or another role's keys; have the identity provider ask for the second factor (--acr)")
}

// AWSVariable returns a variable of the AWS SDKs.
func AWSVariable(name string) string { return aws.Variable(name) }
