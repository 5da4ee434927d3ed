package sts

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sso-exec/sso-exec/credential"
)

// Cluster is a Kubernetes cluster that knows people by their AWS keys: one of Amazon
// EKS, or one with aws-iam-authenticator.
type Cluster struct {
	Name    string // ASCII that prints
	RoleARN string // whose keys they are, by which the partition is known; empty: the region tells
	Region  string // whose STS the cluster is to ask; empty: the partition's first
	FIPS    bool   // it is to ask STS's FIPS endpoint
}

const (
	// clusterTokenPrefix is what the tokens begin with, and clusterHeader what the
	// cluster's name is signed as.
	clusterTokenPrefix = "k8s-aws-v1." //nolint:gosec // no secret
	clusterHeader      = "X-K8s-Aws-Id"
	// clusterTokenLife: STS honours a signature for 15 minutes, whatever X-Amz-Expires
	// says, and a minute is left for the clocks.
	clusterTokenLife = 14 * time.Minute
)

// Endpoint returns the endpoint of STS that the cluster asks: AWS's own of the region,
// for the cluster accepts no other. A region that is not in the keys' partition is an
// error: there nobody knows them.
func (c Cluster) Endpoint() (string, error) {
	if strings.HasSuffix(c.Region, "-global") {
		c.Region = ""
	}
	if p, ok := partitionOf(c.RoleARN); ok {
		c.Region = cmp.Or(c.Region, p.region)
		if _, err := (Place{RoleARN: c.RoleARN, Region: c.Region}).Endpoint(); err != nil {
			return "", err
		}
	}
	return Regional("sts", c.Region, c.FIPS, false)
}

// Token makes the token by which the cluster knows whose the keys are: the address of a
// GetCallerIdentity that is signed for the next minutes, which the cluster sends to STS
// (aws-iam-authenticator, "API Authorization from Outside a Cluster"). Nothing is sent
// here. It ends with the keys, or 14 minutes from now.
//
// It is signed by AWS's clock, as far as that is known. A clock that was behind may be
// set right while the keys live, and a signature from the future is refused: so the
// token is rather signed by that clock, and ends sooner, unless little would be left.
func (c Cluster) Token(ctx context.Context, keys credential.Credential, now time.Time) (none credential.Credential,
	_ error) {
	endpoint, err := c.Endpoint()
	if err != nil {
		return none, err
	}
	at, end, k := now, now.Add(clusterTokenLife), *keys.AWS
	if k.Skew < 0 || k.Skew > clusterTokenLife-2*time.Minute {
		at = at.Add(k.Skew)
	} else {
		end = end.Add(-k.Skew)
	}
	query := url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}, "X-Amz-Expires": {"60"}}
	req, err := http.NewRequest(http.MethodGet, endpoint+"?"+query.Encode(), nil)
	if err != nil {
		return none, err
	}
	req.Header.Set(clusterHeader, c.Name)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, aws.Credentials{AccessKeyID: k.AccessKeyID,
		SecretAccessKey: k.SecretAccessKey.Reveal(), SessionToken: k.SessionToken.Reveal()},
		req, emptyBody, "sts", SigningRegion(endpoint, ""), at)
	if err != nil {
		return none, err
	}
	if !keys.ExpiresAt.IsZero() && keys.ExpiresAt.Before(end) {
		end = keys.ExpiresAt
	}
	return credential.Credential{TokenType: "Bearer", ExpiresAt: end, IssuedAt: now, Login: keys.Login,
		Token: credential.NewSecret(clusterTokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(signed)))}, nil
}

// emptyBody is the SHA-256 of nothing.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
