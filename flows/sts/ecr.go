package sts

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/loopback"
)

// Registry is a private registry of Amazon ECR, by its host.
type Registry struct {
	Host     string
	Region   string
	Endpoint string // of the service's API
}

// ECRUser is the user name next to ECR's passwords.
const ECRUser = "AWS"

const doingECR = "GetAuthorizationToken"

// ECR recognizes a registry by its host (Amazon ECR User Guide, "Private registries"):
// ACCOUNT.dkr.ecr.REGION.DOMAIN, and for IPv4 and IPv6 ACCOUNT.dkr-ecr.REGION.on.DOMAIN;
// -fips after ecr. The API is in the same region and partition.
func ECR(host string) (r Registry, ok bool) {
	account, rest, _ := strings.Cut(host, ".")
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return r, false
	}
	name, dual := strings.CutPrefix(rest, "dkr-ecr")
	if !dual {
		if name, ok = strings.CutPrefix(rest, "dkr.ecr"); !ok {
			return r, false
		}
	}
	name, fips := strings.CutPrefix(name, "-fips")
	region, domain, _ := strings.Cut(strings.TrimPrefix(name, "."), ".")
	p := regionsPartition(region)
	if !strings.HasPrefix(name, ".") || !strings.Contains(region, "-") ||
		strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return r, false
	}
	on := "on." + strings.TrimPrefix(p.dualStack, "api.")
	if dual && domain != on || !dual && domain != p.domain {
		return r, false
	}
	r = Registry{Host: host, Region: region}
	service := map[bool]string{true: "ecr-fips.", false: map[bool]string{true: "ecr.", false: "api.ecr."}[dual]}[fips]
	r.Endpoint = "https://" + service + region + "." + map[bool]string{true: p.dualStack, false: p.domain}[dual] + "/"
	return r, true
}

// Takes reports whether an address may have the place of the service's API: AWS's own of
// that region, a VPC's endpoint for it, or one on a literal loopback address. Whoever has
// the request can ask for the registry's password with it.
func (r Registry) Takes(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	p, host := regionsPartition(r.Region), u.Hostname()
	own := []string{"api.ecr." + r.Region + "." + p.domain, "ecr-fips." + r.Region + "." + p.domain,
		"ecr." + r.Region + "." + p.dualStack, "ecr-fips." + r.Region + "." + p.dualStack}
	return loopback.IsLiteral(host) || u.Scheme == "https" && (slices.Contains(own, host) ||
		strings.HasSuffix(host, ".api.ecr."+r.Region+".vpce."+p.domain))
}

// Password trades a role's keys for the registry's password: one signed POST (Amazon ECR
// API Reference, GetAuthorizationToken). An [*Error] names the registry.
func (r Registry) Password(ctx context.Context, hc *http.Client, keys credential.AWSKeys) (credential.Credential,
	error) {
	var none credential.Credential
	issued := time.Now().UTC()
	a, err := sendSigned(ctx, hc, signed{doing: doingECR, url: r.Endpoint, service: "ecr", region: r.Region,
		contentType: "application/x-amz-json-1.1", accept: "application/x-amz-json-1.1",
		target: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", body: "{}"}, keys)
	if err != nil {
		return none, err
	}
	if !a.OK() {
		return none, ofService("ECR", refusal(doingECR, r.Host, a))
	}
	var answer struct {
		AuthorizationData []struct {
			AuthorizationToken string
			ExpiresAt          float64 // seconds
		}
	}
	if err := a.JSON(doingECR, &answer); err != nil {
		return none, err
	}
	if len(answer.AuthorizationData) == 0 {
		return none, flows.Garbled(doingECR, "the answer has no authorization token")
	}
	data := answer.AuthorizationData[0]
	text, err := base64.StdEncoding.DecodeString(data.AuthorizationToken)
	password, ok := strings.CutPrefix(string(text), ECRUser+":")
	if err != nil || !ok || password == "" || strings.ContainsFunc(password,
		func(c rune) bool { return c <= ' ' || c > '~' }) {
		return none, flows.Garbled(doingECR, "the authorization token is not base64 of %s:PASSWORD", ECRUser)
	}
	seconds := cmp.Or(data.ExpiresAt, -1)
	end := time.Unix(int64(min(max(seconds, 0), 1<<40)), 0).UTC().Add(-a.Skew())
	if left := end.Sub(a.At); left <= 0 || left > 48*time.Hour { // milliseconds, else
		return none, flows.Garbled(doingECR, "the answer does not say in seconds when the password ends")
	}
	return credential.Credential{Token: credential.NewSecret(password), TokenType: "Basic", IssuedAt: issued,
		ExpiresAt: end}, nil
}
