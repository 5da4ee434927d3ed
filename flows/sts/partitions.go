package sts

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// A partition is a part of AWS with accounts, roles and endpoints of its own. An
// ID token for a role of one is never sent to another.
type partition struct {
	name      string // in ARNs
	prefix    string // of its regions' names; empty: all that no other partition has
	region    string // asked where none is given
	domain    string
	dualStack string // domain of the endpoints for IPv4 and IPv6
	console   string // domain of the console and its sign-in
}

// partitions is taken from the AWS SDKs' partitions.json.
var partitions = []partition{
	{"aws-cn", "cn-", "cn-north-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn",
		"amazonaws.cn"},
	{"aws-us-gov", "us-gov-", "us-gov-west-1", "amazonaws.com", "api.aws", "amazonaws-us-gov.com"},
	{"aws-eusc", "eusc-", "eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu",
		"amazonaws-eusc.eu"},
	{"aws-iso", "us-iso-", "us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov", "c2shome.ic.gov"},
	{"aws-iso-b", "us-isob-", "us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud", "sc2shome.sgov.gov"},
	{"aws-iso-e", "eu-isoe-", "eu-isoe-west-1", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk",
		"csphome.adc-e.uk"},
	{"aws-iso-f", "us-isof-", "us-isof-south-1", "csp.hci.ic.gov", "api.aws.hci.ic.gov",
		"csphome.hci.ic.gov"},
	{"aws", "", "us-east-1", "amazonaws.com", "api.aws", "aws.amazon.com"},
}

// Place says which of AWS's own endpoints of STS is asked.
type Place struct {
	RoleARN   string
	Region    string // empty: the one that the role's partition has for that
	FIPS      bool
	DualStack bool
}

// Endpoint returns the URL (endpoint rules of STS in the AWS SDKs). A region
// that is not a plain host label, or is not in the role's partition, is an
// error: the ID token must not go to a host of somebody's choice.
func (s Place) Endpoint() (string, error) {
	role, ok := partitionOf(s.RoleARN)
	if !ok {
		return "", fmt.Errorf("the role %q is in none of AWS's partitions", flows.Clean(s.RoleARN, 200))
	}
	region, fips, err := plainRegion(s.Region, s.FIPS)
	if err != nil {
		return "", err
	}
	if name, isGlobal := strings.CutSuffix(region, "-global"); isGlobal && name == role.name {
		region = ""
	}
	if in := regionsPartition(region); region != "" && in.name != role.name {
		return "", fmt.Errorf("the region %s is in the partition %s, but the role is in %s", region, in.name, role.name)
	}
	if region == "" && role.name == "aws" && !fips && !s.DualStack {
		return "https://sts.amazonaws.com/", nil
	}
	return role.endpoint("sts", cmp.Or(region, role.region), fips, s.DualStack), nil
}

// Regional returns the URL of a service of AWS's in a region, by the endpoint rules of
// the AWS SDKs: service is what its hosts begin with, such as sts or portal.sso. A
// region that is not a plain host label is an error.
func Regional(service, region string, fips, dualStack bool) (string, error) {
	region, fips, err := plainRegion(region, fips)
	if err == nil && region == "" {
		err = errors.New("no region is named")
	}
	if err != nil {
		return "", err
	}
	return regionsPartition(region).endpoint(service, region, fips, dualStack), nil
}

// Partition is the name of the partition that a region is in, as ARNs have it.
func Partition(region string) string { return regionsPartition(region).name }

// plainRegion reads the name of a region, also as older programs write that they want
// FIPS: fips-us-east-1, us-east-1-fips.
func plainRegion(region string, fips bool) (string, bool, error) {
	if len(region) > 63 || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", false, fmt.Errorf("%q is not the name of a region", flows.Clean(region, 80))
	}
	plain := strings.TrimSuffix(strings.TrimPrefix(region, "fips-"), "-fips")
	return plain, fips || plain != region, nil
}

func (p partition) endpoint(service, region string, fips, dualStack bool) string {
	if fips && (p.name != "aws-us-gov" || dualStack) { // GovCloud's is FIPS already
		service += "-fips"
	}
	domain := p.domain
	if dualStack {
		domain = p.dualStack
	}
	return "https://" + service + "." + region + "." + domain + "/"
}

// partitionOf returns the partition of an ARN.
func partitionOf(arn string) (partition, bool) {
	parts := strings.SplitN(arn, ":", 3)
	for _, p := range partitions {
		if len(parts) == 3 && parts[0] == "arn" && parts[1] == p.name {
			return p, true
		}
	}
	return partition{}, false
}

// regionsPartition returns the partition that a region's name belongs to.
func regionsPartition(region string) partition {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) || region == p.name+"-global" {
			return p
		}
	}
	return partition{} // not reached: the last prefix is empty
}
