package sts

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest"
)

var secretToken = credential.NewSecret("sEcReT-token")

// mention fails if a text holds a secret.
func mention(t *testing.T, what, text, secret string) {
	t.Helper()
	if strings.Contains(text, secret) {
		t.Errorf("%s mentions the secret %q: %s", what, secret, text)
	}
}

// stsAndToken starts an STS and gets an ID token that it accepts.
func stsAndToken(t *testing.T, c providertest.STSConfig) (*providertest.STS, *http.Client, credential.Secret) {
	t.Helper()
	p := providertest.New(t, providertest.Config{User: providertest.User{Subject: "alice"}})
	c.Provider = p
	s := providertest.NewSTS(t, c)
	hc, err := flows.NewHTTPClient(10*time.Second, slices.Concat(p.CAPEM(), s.CAPEM()))
	if err != nil {
		t.Fatal(err)
	}
	found, err := flows.Discover(t.Context(), hc, nil, p.Issuer(), "")
	if err != nil {
		t.Fatal(err)
	}
	var token credential.Secret
	err = found.PKCE(t.Context(), flows.SignIn{Client: flows.Client{ID: "cli"}, Scopes: []string{"openid"}},
		func(a *flows.Authorization) error {
			go func() {
				if res, err := p.Client().Get(a.URL); err == nil {
					res.Body.Close()
				}
			}()
			return nil
		}, func(r *flows.Result) error { token = r.Tokens.IDToken; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s, hc, token
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	s, hc, token := stsAndToken(t, providertest.STSConfig{})
	for _, c := range []struct {
		name    string
		request WebIdentity
		session string
		life    time.Duration
	}{
		{"an hour, named after who signed in", WebIdentity{RoleARN: "arn:aws:iam::123456789012:role/dev"}, "alice",
			time.Hour},
		{"all parameters", WebIdentity{RoleARN: "arn:aws:iam::123456789012:role/path/dev", SessionName: "job-7",
			Duration:   20 * time.Minute,
			PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/p"}}, "job-7",
			20 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.request.Endpoint = s.URL()
			got, err := AssumeRoleWithWebIdentity(t.Context(), hc, c.request, token)
			if err != nil {
				t.Fatal(err)
			}
			issued := s.Issued()
			keys := issued[len(issued)-1]
			if got.AWS == nil || got.AWS.AccessKeyID != keys.AccessKeyID ||
				got.AWS.SecretAccessKey.Reveal() != keys.SecretAccessKey ||
				got.AWS.SessionToken.Reveal() != keys.SessionToken || got.AWS.AccountID != "123456789012" ||
				keys.RoleSessionName != c.session {
				t.Errorf("got %+v, issued %+v", got.AWS, keys)
			}
			if off := (got.Life() - c.life).Abs(); off > 5*time.Second || got.ExpiresAt.Location() != time.UTC {
				t.Errorf("a life of %v until %v, want %v", got.Life(), got.ExpiresAt, c.life)
			}
		})
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	log := s.Log()
	form := log[len(log)-1].Form
	if form.Get("PolicyArns.member.2.arn") != "arn:aws:iam::123456789012:policy/p" ||
		form.Get("DurationSeconds") != "1200" {
		t.Errorf("sent %v", form)
	}
	if auth := log[len(log)-1].Header.Get("Authorization"); auth != "" {
		t.Errorf("the request is signed: %s", auth)
	}
}

func TestSTSErrors(t *testing.T) {
	s, hc, token := stsAndToken(t, providertest.STSConfig{})
	request := WebIdentity{Endpoint: s.URL(), RoleARN: "arn:aws:iam::123456789012:role/dev"}
	for code, later := range map[string]bool{
		"AccessDenied": false, "ExpiredTokenException": false, "InvalidIdentityToken": false, "IDPRejectedClaim": false,
		"ValidationError":         false,
		"RegionDisabledException": false, "MalformedPolicyDocument": false, "PackedPolicyTooLarge": false,
		"IDPCommunicationError": true, "Throttling": true, "ThrottlingException": true, "RequestLimitExceeded": true,
		"InternalFailure": true, "ServiceUnavailable": true,
	} {
		s.FailNext(code)
		_, err := AssumeRoleWithWebIdentity(t.Context(), hc, request, token)
		var outage *flows.UnavailableError
		var refusal *Error
		if errors.As(err, &outage) != later || !later && (!errors.As(err, &refusal) || refusal.Code != code) {
			t.Errorf("%s: error %v (%T)", code, err, err)
		}
		mention(t, code, err.Error(), token.Reveal())
	}
}

// Answers of something that is not STS, or is broken.
func TestSTSNonsense(t *testing.T) {
	const keys = `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>%s</Arn></AssumedRoleUser><Credentials>%s</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
	const all = `<AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey><SessionToken>C</SessionToken><Expiration>2099-01-02T03:04:05Z</Expiration>`
	for _, c := range []struct {
		name   string
		status int
		body   string
		ok     bool
		later  bool
	}{
		{"as it should be", 200, fmt.Sprintf(keys, "arn:aws:sts::123456789012:assumed-role/dev/x", all), true, false},
		{"no role's ARN: no account", 200, fmt.Sprintf(keys, "", all), true, false},
		{"HTML", 200, "<html><body>portal</html>", false, true},
		{"JSON", 200, "{}", false, true},
		{"nothing", 200, "", false, true},
		{"no secret key", 200, fmt.Sprintf(keys, "", strings.Replace(all, "<SecretAccessKey>B</SecretAccessKey>", "", 1)),
			false, true},
		{"no session token", 200, fmt.Sprintf(keys, "", strings.Replace(all, "<SessionToken>C</SessionToken>", "", 1)), false,
			true},
		{"no end", 200, fmt.Sprintf(keys, "", strings.Replace(all, "<Expiration>2099-01-02T03:04:05Z</Expiration>", "", 1)),
			false, true},
		{"an end that is not a time", 200, fmt.Sprintf(keys, "", strings.Replace(all, "2099-01-02T03:04:05Z", "tomorrow", 1)),
			false, true},
		{"XML that expands itself", 200, `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>`, false, true},
		{"a refusal with hostile words", 403,
			"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no\x0a\u009b2J\u202e</Message></Error></ErrorResponse>",
			false, false},
		{"400 without a code", 400, "<ErrorResponse/>", false, true},
		{"403 of a proxy", 403, "<html>", false, true},
		{"a redirect", 307, "", false, true},
		{"5xx", 500, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://example.com/")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer srv.Close()
			hc, err := flows.NewHTTPClient(10*time.Second, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := AssumeRoleWithWebIdentity(t.Context(), hc, WebIdentity{Endpoint: srv.URL}, secretToken)
			var outage *flows.UnavailableError
			if (err == nil) != c.ok || errors.As(err, &outage) != c.later {
				t.Fatalf("error %v (%T)", err, err)
			}
			if err == nil {
				if got.AWS == nil || got.AWS.AccessKeyID != "A" ||
					!got.ExpiresAt.Equal(time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)) {
					t.Errorf("got %+v", got)
				}
				return
			}
			if flows.Clean(err.Error(), 2000) != err.Error() || got.AWS != nil {
				t.Errorf("error %q next to %+v", err, got)
			}
			mention(t, "the error", err.Error(), secretToken.Reveal())
		})
	}
}

// RoleSessionName: 2 to 64 characters of [\w+=,.@-] (AWS STS API Reference).
func TestRoleSessionName(t *testing.T) {
	token := func(claims string) credential.Secret {
		return credential.NewSecret("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x")
	}
	valid := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for _, c := range []struct {
		token credential.Secret
		want  string // empty: any that is valid
	}{
		{token(`{"email":"alice@corp.example","sub":"00u1"}`), "alice@corp.example"},
		{token(`{"sub":"00u1"}`), "00u1"},
		{token(`{"email":"","sub":"auth0|65 f"}`), "auth0-65-f"},
		{token(`{"sub":"a"}`), "sso-exec-a"},
		{token(`{}`), ""},
		{token(`{"sub":"Jürgen 日本"}`), ""},
		{token(`{"sub":` + quoted(strings.Repeat("日", 500)) + `}`), ""},
		{token(`{"email":` + quoted(strings.Repeat("a", 100)+"@x") + `}`), strings.Repeat("a", 64)},
		{token(`{"sub":"\n"}`), ""},
		{token(`{"sub":7}`), ""},
		{token(`not JSON`), ""},
		{credential.NewSecret("opaque"), ""},
		{credential.NewSecret("a.%%.c"), ""},
		{credential.Secret{}, ""},
	} {
		got := SessionName(c.token)
		if !valid.MatchString(got) || c.want != "" && got != c.want {
			t.Errorf("%q: %q, want %q", c.token.Reveal(), got, c.want)
		}
	}
}

func TestSTSEndpoint(t *testing.T) {
	role := func(partition string) string { return "arn:" + partition + ":iam::123456789012:role/dev" }
	for _, c := range []struct{ partition, region, plain, fips, dual, both string }{
		{"aws", "", "sts.amazonaws.com", "sts-fips.us-east-1.amazonaws.com", "sts.us-east-1.api.aws",
			"sts-fips.us-east-1.api.aws"},
		{"aws", "aws-global", "sts.amazonaws.com", "sts-fips.us-east-1.amazonaws.com", "sts.us-east-1.api.aws",
			"sts-fips.us-east-1.api.aws"},
		{"aws", "eu-central-1", "sts.eu-central-1.amazonaws.com", "sts-fips.eu-central-1.amazonaws.com",
			"sts.eu-central-1.api.aws", "sts-fips.eu-central-1.api.aws"},
		{"aws", "mx-central-1", "sts.mx-central-1.amazonaws.com", "", "", ""},
		{"aws", "fips-us-east-1", "sts-fips.us-east-1.amazonaws.com", "", "", ""},
		{"aws", "us-west-2-fips", "sts-fips.us-west-2.amazonaws.com", "", "", ""},
		{"aws-us-gov", "", "sts.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.api.aws",
			"sts-fips.us-gov-west-1.api.aws"},
		{"aws-us-gov", "us-gov-east-1", "sts.us-gov-east-1.amazonaws.com", "sts.us-gov-east-1.amazonaws.com", "", ""},
		{"aws-us-gov", "aws-us-gov-global", "sts.us-gov-west-1.amazonaws.com", "", "", ""},
		{"aws-cn", "", "sts.cn-north-1.amazonaws.com.cn", "sts-fips.cn-north-1.amazonaws.com.cn",
			"sts.cn-north-1.api.amazonwebservices.com.cn", ""},
		{"aws-cn", "cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn", "", "", ""},
		{"aws-iso", "us-iso-west-1", "sts.us-iso-west-1.c2s.ic.gov", "", "sts.us-iso-west-1.api.aws.ic.gov", ""},
		{"aws-iso", "", "sts.us-iso-east-1.c2s.ic.gov", "", "", ""},
		{"aws-iso-b", "us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov", "", "sts.us-isob-east-1.api.aws.scloud", ""},
		{"aws-iso-e", "", "sts.eu-isoe-west-1.cloud.adc-e.uk", "", "sts.eu-isoe-west-1.api.cloud-aws.adc-e.uk", ""},
		{"aws-iso-f", "us-isof-east-1", "sts.us-isof-east-1.csp.hci.ic.gov", "", "sts.us-isof-east-1.api.aws.hci.ic.gov", ""},
		{"aws-eusc", "", "sts.eusc-de-east-1.amazonaws.eu", "", "sts.eusc-de-east-1.api.amazonwebservices.eu", ""},
		// another partition's
		{"aws", "us-gov-west-1", "", "", "", ""}, {"aws", "cn-north-1", "", "", "", ""},
		{"aws-us-gov", "us-east-1", "", "", "", ""},
		{"aws-us-gov", "aws-global", "", "", "", ""}, {"aws-iso", "us-isob-east-1", "", "", "", ""},
		{"aws-cn", "fips-us-east-1", "", "", "", ""},
		{"aws", "aws-cn-global", "", "", "", ""}, {"minio", "", "", "", "", ""}, {"minio", "us-east-1", "", "", "", ""},
		{"", "us-east-1", "", "", "", ""},
	} {
		for i, want := range []string{c.plain, c.fips, c.dual, c.both} {
			if i > 0 && want == "" {
				continue
			}
			got, err := Place{role(c.partition), c.region, i&1 > 0, i&2 > 0}.Endpoint()
			if want == "" && err == nil || want != "" && (err != nil || got != "https://"+want+"/") {
				t.Errorf("%s, region %q, FIPS %v, dual stack %v: %s, %v, want %s", c.partition, c.region, i&1 > 0, i&2 > 0, got,
					err, want)
			}
		}
	}
}

// A region comes from the environment or a profile; it must not lead the ID
// token to another host.
func TestSTSEndpointStaysAtAmazon(t *testing.T) {
	for _, region := range []string{"evil.example/", "evil.example:1/", "evil.example?", "evil.example#",
		"x@evil.example/", "a/../b", "evil.example\\", "%2f", " ",
		"e\nf", "eu-central-1.evil.example", "EU-CENTRAL-1", strings.Repeat("a", 64)} {
		if got, err := (Place{RoleARN: "arn:aws:iam::123456789012:role/dev", Region: region}).Endpoint(); err == nil {
			t.Errorf("region %q leads to %s", region, got)
		} else if flows.Clean(err.Error(), 1000) != err.Error() {
			t.Errorf("the error is not clean: %q", err)
		}
	}
}

func TestAccountID(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sts::123456789012:assumed-role/dev/alice": "123456789012",
		"arn:aws-cn:sts::123456789012:assumed-role/a:b/c":  "123456789012",
		"": "", "arn:aws:sts:::assumed-role/dev": "", "arn:aws:sts::12345678901x:role": "", "123456789012": "",
		"arn:aws:sts::１２３４:x:y": "",
	} {
		if got := accountID(arn); got != want {
			t.Errorf("%q: %q, want %q", arn, got, want)
		}
	}
}

// FuzzSTSError: a refusal of STS is a refusal or an outage, and prints in one line.
func FuzzSTSError(f *testing.F) {
	f.Add(400, `<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>m</Message></Error></ErrorResponse>`)
	f.Add(200, `<html>`)
	f.Add(403, "<ErrorResponse><Error><Code>\x1b[2J</Code></Error></ErrorResponse>")
	f.Add(317, "<Error><Code>\x7f")
	f.Fuzz(func(t *testing.T, status int, body string) {
		err := refusal(doingChain, "arn:aws:iam::123456789012:role/b",
			&flows.Answer{Host: "sts.example", Status: status, Header: http.Header{}, Body: []byte(body)})
		var refusal *Error
		var outage *flows.UnavailableError
		if !errors.As(err, &refusal) && !errors.As(err, &outage) {
			t.Errorf("%T", err)
		}
		if s := err.Error(); flows.Clean(s, len(s)) != s {
			t.Errorf("%q does not print", s)
		}
	})
}

// FuzzRoleSessionName: whatever a token says, STS takes the name.
func FuzzRoleSessionName(f *testing.F) {
	f.Add("a.eyJlbWFpbCI6ImFAYiJ9.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		name := SessionName(credential.NewSecret(token))
		if len(name) < 2 || len(name) > 64 {
			t.Errorf("%q", name)
		}
	})
}
