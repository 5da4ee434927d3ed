package sts

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

func TestConsolePlaces(t *testing.T) {
	for _, c := range []struct{ role, region, service, signIn, page string }{
		{"arn:aws:iam::1:role/a", "", "", "https://signin.aws.amazon.com/federation",
			"https://console.aws.amazon.com/console/home?region=us-east-1"},
		{"arn:aws:iam::1:role/a", "eu-west-1", "s3", "https://signin.aws.amazon.com/federation",
			"https://console.aws.amazon.com/s3/home?region=eu-west-1"},
		{"arn:aws:iam::1:role/a", "aws-global", "", "https://signin.aws.amazon.com/federation",
			"https://console.aws.amazon.com/console/home?region=us-east-1"},
		{"arn:aws-us-gov:iam::1:role/a", "", "ec2", "https://signin.amazonaws-us-gov.com/federation",
			"https://console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1"},
		{"arn:aws-cn:iam::1:role/a", "cn-northwest-1", "", "https://signin.amazonaws.cn/federation",
			"https://console.amazonaws.cn/console/home?region=cn-northwest-1"},
		{"arn:aws-eusc:iam::1:role/a", "", "", "https://eusc-de-east-1.signin.amazonaws-eusc.eu/federation",
			"https://eusc-de-east-1.console.amazonaws-eusc.eu/console/home?region=eusc-de-east-1"},
		{"arn:aws-iso:iam::1:role/a", "", "", "https://signin.c2shome.ic.gov/federation",
			"https://console.c2shome.ic.gov/console/home?region=us-iso-east-1"},
		{"arn:aws-iso-b:iam::1:role/a", "", "", "https://signin.sc2shome.sgov.gov/federation",
			"https://console.sc2shome.sgov.gov/console/home?region=us-isob-east-1"},
		{"arn:aws-iso-e:iam::1:role/a", "", "", "https://signin.csphome.adc-e.uk/federation",
			"https://console.csphome.adc-e.uk/console/home?region=eu-isoe-west-1"},
		{"arn:aws-iso-f:iam::1:role/a", "", "", "https://signin.csphome.hci.ic.gov/federation",
			"https://console.csphome.hci.ic.gov/console/home?region=us-isof-south-1"},
		{"", "cn-north-1", "", "https://signin.amazonaws.cn/federation",
			"https://console.amazonaws.cn/console/home?region=cn-north-1"},
		{"urn:x", "", "", "", ""}, {"arn:aws-other:iam::1:role/a", "", "", "", ""},
		{"arn:aws:iam::1:role/a", "cn-north-1", "", "", ""}, {"arn:aws:iam::1:role/a", "x.evil.example/", "", "", ""},
		{"arn:aws:iam::1:role/a", "", "S3", "", ""}, {"arn:aws:iam::1:role/a", "", "../x", "", ""},
		{"arn:aws:iam::1:role/a", "", "s3#", "", ""},
	} {
		signIn, page, err := Console{RoleARN: c.role, Region: c.region, Service: c.service}.place()
		if signIn != c.signIn || page != c.page || (err == nil) != (c.signIn != "") {
			t.Errorf("%+v: %s, %s, %v", c, signIn, page, err)
		}
	}
}

// What the sign-in answers is an address that leads back to it, or an error without a
// secret in it.
func TestSignInURL(t *testing.T) {
	keys := credential.AWSKeys{AccessKeyID: "ASIA", SecretAccessKey: secretToken,
		SessionToken: credential.NewSecret("sEsSiOn+/==")}
	for name, c := range map[string]struct {
		status int
		body   string
		ok     bool
		later  bool
	}{
		"good":         {200, `{"SigninToken":"a+b/c=="}`, true, false},
		"refused":      {400, `<html>sEcReT-token</html>`, false, false},
		"down":         {503, `{}`, false, true},
		"HTML":         {200, `<html>`, false, true},
		"none":         {200, `{"SigninToken":""}`, false, true},
		"a line break": {200, `{"SigninToken":"a\nb"}`, false, true},
		"huge":         {200, `{"SigninToken":"` + strings.Repeat("a", 20<<10) + `"}`, false, true},
		"a number":     {200, `{"SigninToken":5}`, false, true},
		"elsewhere":    {302, ``, false, true},
	} {
		var asked url.Values
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Query()
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		hc, err := flows.NewHTTPClient(10*time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := SignInURL(t.Context(), hc, Console{RoleARN: "arn:aws:iam::1:role/a", Endpoint: srv.URL,
			Session: time.Hour}, keys)
		srv.Close()
		_, later := err.(*flows.UnavailableError) //nolint:errorlint // nothing wraps it
		if (err == nil) != c.ok || later != c.later {
			t.Errorf("%s: %v (%T)", name, err, err)
			continue
		}
		if err != nil {
			mention(t, name, err.Error(), secretToken.Reveal())
			mention(t, name, err.Error(), "sEsSiOn")
			continue
		}
		var session map[string]string
		_ = json.Unmarshal([]byte(asked.Get("Session")), &session)
		u, _ := url.Parse(got.Reveal())
		if asked.Get("SessionDuration") != "3600" || session["sessionKey"] != secretToken.Reveal() ||
			u.Query().Get("SigninToken") != "a+b/c==" || u.Query().Get("Action") != "login" {
			t.Errorf("asked %v, got %s", asked, got.Reveal())
		}
	}
}
