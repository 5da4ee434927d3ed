package sts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// ChainedLife is how long the keys of a role live at most that another role's
// keys were traded for (IAM User Guide, "Role chaining").
const ChainedLife = time.Hour

// Chained is a request for an AWS role's temporary keys with those of another
// role: AssumeRole of AWS STS.
type Chained struct {
	Endpoint       string // of STS; see [Place]
	Region         string // that the request is signed for; see [SigningRegion]
	RoleARN        string
	SessionName    string        // shows in CloudTrail; empty: that of the keys before
	Duration       time.Duration // 0: the service's default, an hour, which is the most too
	ExternalID     string
	SourceIdentity string
	Tags           []Tag
	TransitiveTags []string // keys of tags that the roles after this one keep
	PolicyARNs     []string // session policies: they can only narrow the role
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

const doingChain = "AssumeRole"

// AssumeRole makes the trade: one signed POST (AWS STS API Reference, version
// 2011-06-15). keys are a role's. Its errors are those of
// [AssumeRoleWithWebIdentity]; an [*Error] names the role.
func AssumeRole(ctx context.Context, hc *http.Client, r Chained, keys credential.AWSKeys) (credential.Credential,
	error) {
	r.SessionName = cmp.Or(r.SessionName, keys.SessionName, "sso-exec")
	form := form("AssumeRole", r.RoleARN, r.SessionName, r.Duration, r.PolicyARNs)
	for name, value := range map[string]string{"ExternalId": r.ExternalID, "SourceIdentity": r.SourceIdentity} {
		if value != "" {
			form.Set(name, value)
		}
	}
	for i, tag := range r.Tags {
		form.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), tag.Key)
		form.Set(fmt.Sprintf("Tags.member.%d.Value", i+1), tag.Value)
	}
	for i, key := range r.TransitiveTags {
		form.Set(fmt.Sprintf("TransitiveTagKeys.member.%d", i+1), key)
	}
	issued := time.Now().UTC()
	a, err := sendSigned(ctx, hc, signed{doing: doingChain, url: r.Endpoint, service: "sts", region: r.Region,
		contentType: "application/x-www-form-urlencoded", accept: "text/xml", body: form.Encode()}, keys)
	if err != nil {
		return credential.Credential{}, err
	}
	if !a.OK() {
		return credential.Credential{}, refusal(doingChain, r.RoleARN, a)
	}
	return stsKeys(a, doingChain, r.SessionName, issued)
}

// form is what both actions have in common.
func form(action, role, session string, life time.Duration, policies []string) url.Values {
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {session}}
	if life > 0 {
		form.Set("DurationSeconds", strconv.Itoa(int(life.Seconds())))
	}
	for i, arn := range policies {
		form.Set(fmt.Sprintf("PolicyArns.member.%d.arn", i+1), arn)
	}
	return form
}

// signed is a POST that is signed with a role's keys.
type signed struct {
	doing, url, service, region       string
	contentType, accept, target, body string
}

// byClock are the refusals of a signature that another clock may be behind, as the
// AWS SDKs see it.
var byClock = []string{"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
	"InvalidSignatureException", "AuthFailure"}

// sendSigned sends a request. Where the signature is refused and this machine's clock
// is off, it is signed once more, by the server's clock.
func sendSigned(ctx context.Context, hc *http.Client, s signed, keys credential.AWSKeys) (*flows.Answer, error) {
	for ahead := time.Duration(0); ; {
		req, err := s.request(ctx, keys, time.Now().Add(ahead))
		if err != nil {
			return nil, err
		}
		a, err := flows.Send(ctx, hc, s.doing, req)
		if err != nil {
			return nil, err
		}
		a.Sent = []string{keys.SessionToken.Reveal(), keys.SecretAccessKey.Reveal()}
		code, _ := awsError(a)
		if a.OK() || ahead != 0 || a.Skew() == 0 || !slices.Contains(byClock, code) {
			return a, nil
		}
		ahead = a.Skew()
	}
}

func (s signed) request(ctx context.Context, keys credential.AWSKeys, at time.Time) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, s.url, strings.NewReader(s.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", s.contentType)
	if s.target != "" {
		req.Header.Set("X-Amz-Target", s.target)
	}
	if err := sign(ctx, req, s.body, keys, s.service, s.region, at); err != nil {
		return nil, err
	}
	req.Header.Set("Accept", s.accept) // not signed: proxies change it
	return req, nil
}

// sign signs a request with its headers (AWS Signature Version 4).
func sign(ctx context.Context, req *http.Request, body string, keys credential.AWSKeys, service, region string,
	at time.Time) error {
	sum := sha256.Sum256([]byte(body))
	return v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: keys.AccessKeyID,
		SecretAccessKey: keys.SecretAccessKey.Reveal(), SessionToken: keys.SessionToken.Reveal()},
		req, hex.EncodeToString(sum[:]), service, region, at)
}

// SigningRegion is the region that a request to an endpoint of STS is signed for: the
// one in its name where it is AWS's, else the one given, else us-east-1.
func SigningRegion(endpoint, region string) string {
	if u, err := url.Parse(endpoint); err == nil {
		labels := strings.Split(u.Hostname(), ".")
		at := slices.IndexFunc(labels, func(l string) bool { return l == "sts" || l == "sts-fips" })
		ours := slices.ContainsFunc(partitions, func(p partition) bool {
			return strings.HasSuffix(u.Hostname(), "."+p.domain) || strings.HasSuffix(u.Hostname(), "."+p.dualStack)
		})
		if ours && at >= 0 && strings.Contains(labels[at+1], "-") {
			return labels[at+1]
		} else if ours && at >= 0 {
			return "us-east-1" // sts.amazonaws.com
		}
	}
	if strings.HasSuffix(region, "-global") {
		region = ""
	}
	return cmp.Or(strings.TrimSuffix(strings.TrimPrefix(region, "fips-"), "-fips"), "us-east-1")
}
