package sts

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

// The example of the S3 API Reference, "Authenticating Requests: Using Query Parameters",
// which is signed by its address as a cluster's token is.
func TestPresignVector(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	req, err := http.NewRequest(http.MethodGet, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Expires=86400", nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := aws.Credentials{AccessKeyID: "AKIA" + "IOSFODNN7EXAMPLE",
		SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys, req, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
	if err != nil || !strings.Contains(signed,
		"X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404") {
		t.Errorf("%s, %v", signed, err)
	}
}

// address is what a token has in it.
func address(t *testing.T, c credential.Credential) *url.URL {
	t.Helper()
	text, ok := strings.CutPrefix(c.Token.Reveal(), "k8s-aws-v1.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	u, uerr := url.Parse(string(raw))
	if !ok || err != nil || uerr != nil {
		t.Fatal(c.Token.Reveal(), err, uerr)
	}
	return u
}

// What is signed is AWS's own host of the region, FIPS or not, and nothing else.
func TestClusterEndpoint(t *testing.T) {
	const role = ":iam::123456789012:role/dev"
	for _, c := range []struct {
		cluster Cluster
		want    string // empty: refused
	}{
		{Cluster{Region: "eu-central-1"}, "https://sts.eu-central-1.amazonaws.com/"},
		{Cluster{RoleARN: "arn:aws" + role}, "https://sts.us-east-1.amazonaws.com/"},
		{Cluster{RoleARN: "arn:aws" + role, Region: "aws-global"}, "https://sts.us-east-1.amazonaws.com/"},
		{Cluster{RoleARN: "arn:aws" + role, Region: "us-west-2", FIPS: true}, "https://sts-fips.us-west-2.amazonaws.com/"},
		{Cluster{RoleARN: "arn:aws-cn" + role}, "https://sts.cn-north-1.amazonaws.com.cn/"},
		{Cluster{RoleARN: "arn:aws-us-gov" + role, FIPS: true}, "https://sts.us-gov-west-1.amazonaws.com/"},
		{Cluster{Region: "cn-northwest-1"}, "https://sts.cn-northwest-1.amazonaws.com.cn/"},
		{Cluster{RoleARN: "arn:aws" + role, Region: "cn-north-1"}, ""},
		{Cluster{RoleARN: "arn:aws-cn" + role, Region: "eu-central-1"}, ""},
		{Cluster{Region: "evil.example/?"}, ""},
		{Cluster{RoleARN: "arn:minio:iam:::role/x"}, ""},
		{Cluster{}, ""},
	} {
		got, err := c.cluster.Endpoint()
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c.cluster, got, err)
		}
	}
}

// The token is signed by AWS's clock. Of a clock that is behind, which may be set right
// at any time, the token is not from the future then.
func TestClusterTokenClock(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 59, 30, 0, time.UTC)
	for _, c := range []struct{ skew, left, at, end time.Duration }{
		{0, time.Hour, 0, 14 * time.Minute},
		{0, 5 * time.Minute, 0, 5 * time.Minute}, // the keys end first
		{-10 * time.Minute, time.Hour, -10 * time.Minute, 14 * time.Minute},
		{10 * time.Minute, time.Hour, 0, 4 * time.Minute},
		{20 * time.Minute, time.Hour, 20 * time.Minute, 14 * time.Minute},
	} {
		keys := credential.Credential{ExpiresAt: now.Add(c.left), AWS: &credential.AWSKeys{AccessKeyID: "ASIA1",
			SecretAccessKey: credential.NewSecret("s"), SessionToken: credential.NewSecret("t/+="), Skew: c.skew}}
		token, err := Cluster{Name: "prod", Region: "eu-central-1"}.Token(t.Context(), keys, now)
		if err != nil {
			t.Fatal(err)
		}
		q := address(t, token).Query()
		if at := now.Add(c.at).Format("20060102T150405Z"); q.Get("X-Amz-Date") != at || token.ExpiresAt.Sub(now) != c.end ||
			q.Get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id" || q.Get("X-Amz-Expires") != "60" ||
			q.Get("X-Amz-Security-Token") != "t/+=" {
			t.Errorf("%v: %s, ends in %v", c.skew, q, token.ExpiresAt.Sub(now))
		}
	}
}

// A cluster's authenticator knows whose a token is, in its own region, under its own
// name, and until it has ended.
func TestClusterToken(t *testing.T) {
	now := time.Now()
	sts, _, keys := firstKeys(t, providertest.STSConfig{Region: "eu-west-1", Now: func() time.Time { return now }})
	c := Cluster{Name: "prod", Region: "eu-west-1"}
	token, err := c.Token(t.Context(), credential.Credential{AWS: &keys, ExpiresAt: now.Add(time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	text := token.Token.Reveal()
	if arn, err := sts.Identify(text, "prod"); err != nil || !strings.Contains(arn, ":assumed-role/") {
		t.Errorf("%q, %v", arn, err)
	}
	if _, err := sts.Identify(text, "prod2"); err == nil {
		t.Error("another cluster takes it")
	}
	if _, err := sts.Identify(text[:len(text)-8]+"AAAAAAAA", "prod"); err == nil {
		t.Error("what was changed is taken")
	}
	now = now.Add(14*time.Minute + 59*time.Second)
	if _, err := sts.Identify(text, "prod"); err != nil {
		t.Error(err)
	}
	now = now.Add(2 * time.Second)
	if _, err := sts.Identify(text, "prod"); err == nil {
		t.Error("it is taken after 15 minutes")
	}
	c.Region = "us-east-1"
	if token, err = c.Token(t.Context(), credential.Credential{AWS: &keys}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := sts.Identify(token.Token.Reveal(), "prod"); err == nil {
		t.Error("another region's is taken")
	}
}

// Whatever the cluster and the region are called, the address is AWS's own, the cluster's
// name is signed, and nothing of either is in it unescaped.
func FuzzClusterToken(f *testing.F) {
	f.Add("prod", "eu-central-1", "arn:aws:iam::123456789012:role/dev")
	f.Add("a\r\nHost: evil", "cn-north-1", "")
	f.Add("", "evil.example/?", "arn:aws-us-gov:iam::1:role/x")
	f.Fuzz(func(t *testing.T, name, region, role string) {
		keys := credential.Credential{AWS: &credential.AWSKeys{AccessKeyID: "ASIA1",
			SecretAccessKey: credential.NewSecret("s"), SessionToken: credential.NewSecret("t")}}
		token, err := Cluster{Name: name, Region: region, RoleARN: role}.Token(t.Context(), keys, time.Unix(1e9, 0))
		if err != nil {
			return
		}
		u := address(t, token)
		host, q := strings.TrimSuffix(u.Host, ".cn"), u.Query()
		if u.Scheme != "https" || u.Path != "/" || u.User != nil || u.Fragment != "" || !strings.HasPrefix(host, "sts") ||
			!strings.HasSuffix(host, ".amazonaws.com") || q.Get("Action") != "GetCallerIdentity" ||
			q.Get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id" || len(q["X-Amz-Signature"]) != 1 {
			t.Errorf("%q %q %q: %s", name, region, role, u)
		}
	})
}
