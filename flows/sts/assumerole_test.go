package sts

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest"
)

// Test vectors that AWS has published: the Signature Version 4 test suite, and the
// example of the General Reference (iam ListUsers). Of those with a body the suite
// leaves out Content-Length, which is signed here.
func TestSignatureVectors(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	const token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTfl" +
		"fKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6" +
		"fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2" +
		"ICCR/oLxBA=="
	for name, c := range map[string]struct{ method, url, token, contentType, service, signature string }{
		"get-vanilla": {"GET", "https://example.amazonaws.com/", "", "", "service",
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-vanilla-query-order-key-case": {"GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", "", "",
			"service", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"post-vanilla": {"POST", "https://example.amazonaws.com/", "", "", "service",
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"post-sts-header-before": {"POST", "https://example.amazonaws.com/", token, "", "service",
			"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
		"iam ListUsers": {"GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "",
			"application/x-www-form-urlencoded; charset=utf-8", "iam",
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		req, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		keys := credential.AWSKeys{AccessKeyID: "AKIDEXAMPLE", SessionToken: credential.NewSecret(c.token),
			SecretAccessKey: credential.NewSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
		if err := sign(t.Context(), req, "", keys, c.service, "us-east-1", at); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.signature) {
			t.Errorf("%s: %s, want %s", name, got, c.signature)
		}
	}
}

// firstKeys are those of the first role of a chain.
func firstKeys(t *testing.T, c providertest.STSConfig) (*providertest.STS, *http.Client, credential.AWSKeys) {
	t.Helper()
	s, hc, token := stsAndToken(t, c)
	got, err := AssumeRoleWithWebIdentity(t.Context(), hc, WebIdentity{Endpoint: s.URL(),
		RoleARN: "arn:aws:iam::123456789012:role/a"}, token)
	if err != nil {
		t.Fatal(err)
	}
	return s, hc, *got.AWS
}

func TestAssumeRole(t *testing.T) {
	const b = "arn:aws:iam::210987654321:role/path/b"
	s, hc, keys := firstKeys(t, providertest.STSConfig{Region: "eu-west-1", ExternalIDs: map[string]string{b: "x-1"}})
	request := Chained{Endpoint: s.URL(), Region: "eu-west-1", RoleARN: b, Duration: 20 * time.Minute,
		ExternalID: "x-1", SourceIdentity: "alice", Tags: []Tag{{"team", "a & b=c"}, {"größe", ""}},
		TransitiveTags: []string{"team"}, PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}}
	got, err := AssumeRole(t.Context(), hc, request, keys)
	if err != nil {
		t.Fatal(err)
	}
	issued := s.Issued()
	last := issued[len(issued)-1]
	if got.AWS.SecretAccessKey.Reveal() != last.SecretAccessKey || got.AWS.AccountID != "210987654321" ||
		last.RoleSessionName != "alice" || got.AWS.SessionName != "alice" || last.By != "arn:aws:iam::123456789012:role/a" ||
		last.SourceIdentity != "alice" || !slices.Equal(last.Transitive, []string{"team"}) {
		t.Errorf("got %+v, issued %+v", got.AWS, last)
	}
	if off := (got.Life() - 20*time.Minute).Abs(); off > 5*time.Second {
		t.Errorf("a life of %v", got.Life())
	}
	log := s.Log()
	sent := log[len(log)-1]
	if sent.Form.Get("Tags.member.1.Value") != "a & b=c" || sent.Form.Get("Tags.member.2.Key") != "größe" ||
		sent.Form.Get("PolicyArns.member.1.arn") == "" || sent.Header.Get("Accept") != "text/xml" {
		t.Errorf("sent %v", sent.Form)
	}
	// Keys of the chain are good for the next link.
	next, err := AssumeRole(t.Context(), hc, Chained{Endpoint: s.URL(), Region: "eu-west-1",
		RoleARN: "arn:aws:iam::123456789012:role/c", SessionName: "me"}, *got.AWS)
	if err != nil || next.AWS.SessionName != "me" {
		t.Errorf("the third: %v", err)
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// A refusal names the role and STS's code, and no secret.
func TestAssumeRoleRefused(t *testing.T) {
	const b = "arn:aws:iam::210987654321:role/b"
	s, hc, keys := firstKeys(t, providertest.STSConfig{ExternalIDs: map[string]string{b: "x-1"}})
	right := Chained{Endpoint: s.URL(), Region: "us-east-1", RoleARN: b, ExternalID: "x-1"}
	for name, c := range map[string]struct {
		change func(*Chained, *credential.AWSKeys)
		code   string
		parent bool // it is the keys that are refused
	}{
		"another external ID": {func(r *Chained, _ *credential.AWSKeys) { r.ExternalID = "x-2" }, "AccessDenied", false},
		"too long": {func(r *Chained, _ *credential.AWSKeys) { r.Duration = 2 * time.Hour }, "ValidationError",
			false},
		"another region": {func(r *Chained, _ *credential.AWSKeys) { r.Region = "eu-west-1" }, "SignatureDoesNotMatch",
			false},
		"another secret": {func(_ *Chained, k *credential.AWSKeys) { k.SecretAccessKey = secretToken },
			"SignatureDoesNotMatch", false},
		"another session": {func(_ *Chained, k *credential.AWSKeys) { k.SessionToken = secretToken },
			"InvalidClientTokenId", true},
	} {
		r, k := right, keys
		c.change(&r, &k)
		_, err := AssumeRole(t.Context(), hc, r, k)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != c.code || refusal.RefusesToken() != c.parent ||
			!strings.Contains(err.Error(), "STS refused "+b+": "+c.code) {
			t.Errorf("%s: %v", name, err)
		}
		mention(t, name, err.Error(), keys.SecretAccessKey.Reveal())
		mention(t, name, err.Error(), keys.SessionToken.Reveal())
	}
	s.FailNext("ThrottlingException")
	_, err := AssumeRole(t.Context(), hc, right, keys)
	if outage, ok := errors.AsType[*flows.UnavailableError](err); !ok || !strings.Contains(outage.Error(), b) {
		t.Errorf("throttled: %v", err)
	}
}

// A clock that is off by an hour costs one request more, not the keys.
func TestAssumeRoleByAnotherClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		now := func() time.Time { return time.Now().Add(off) }
		_, hc, keys := firstKeys(t, providertest.STSConfig{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
			signedAt, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			if err != nil || now().Sub(signedAt).Abs() > 5*time.Minute {
				w.WriteHeader(403)
				_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>`)
				return
			}
			_, _ = io.WriteString(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>`+
				`<SecretAccessKey>B</SecretAccessKey><SessionToken>C</SessionToken><Expiration>`+
				now().Add(time.Hour).UTC().Format(time.RFC3339)+`</Expiration></Credentials></AssumeRoleResult>`+
				`</AssumeRoleResponse>`)
		}))
		got, err := AssumeRole(t.Context(), hc, Chained{Endpoint: srv.URL, Region: "us-east-1", RoleARN: "r"}, keys)
		srv.Close()
		if err != nil || (time.Until(got.ExpiresAt)-time.Hour).Abs() > time.Minute {
			t.Errorf("%v: %v, until %v", off, err, got.ExpiresAt)
		}
	}
}

func TestSigningRegion(t *testing.T) {
	for _, c := range [][3]string{
		{"https://sts.amazonaws.com/", "eu-west-1", "us-east-1"}, {"https://sts.eu-west-1.amazonaws.com/", "", "eu-west-1"},
		{"https://sts-fips.us-east-2.amazonaws.com/", "", "us-east-2"},
		{"https://sts.eu-central-1.api.aws/", "", "eu-central-1"},
		{"https://sts.cn-north-1.amazonaws.com.cn/", "", "cn-north-1"},
		{"https://vpce-1-a.sts.us-west-2.vpce.amazonaws.com", "eu-west-1", "us-west-2"},
		{"http://127.0.0.1:9000", "", "us-east-1"}, {"http://127.0.0.1:9000", "eu-west-1", "eu-west-1"},
		{"http://127.0.0.1:9000", "aws-global", "us-east-1"}, {"http://127.0.0.1:9000", "fips-us-west-2", "us-west-2"},
		{"https://sts.evil-1.example", "eu-west-1", "eu-west-1"}, {"sts.amazonaws.com", "", "us-east-1"},
	} {
		if got := SigningRegion(c[0], c[1]); got != c[2] {
			t.Errorf("%s, %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
