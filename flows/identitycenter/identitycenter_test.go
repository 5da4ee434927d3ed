package identitycenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest/awssso"
)

func TestStartURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://d-1234567890.awsapps.com/start":                     "https://d-1234567890.awsapps.com/start",
		"https://d-1234567890.awsapps.com/start/":                    "https://d-1234567890.awsapps.com/start",
		"https://d-1234567890.awsapps.com/start#/":                   "https://d-1234567890.awsapps.com/start",
		"https://d-1234567890.awsapps.com/start/#/?tab=accounts":     "https://d-1234567890.awsapps.com/start",
		" https://D-1234567890.AWSapps.com:443/start ":               "https://d-1234567890.awsapps.com/start",
		"https://ssoins-1.portal.eu-central-1.app.aws":               "https://ssoins-1.portal.eu-central-1.app.aws",
		"https://start.us-gov-home.awsapps.com/directory/d-1/?x=y#/": "https://start.us-gov-home.awsapps.com/directory/d-1",
		"https://start.home.awsapps.cn/directory/d-1":                "https://start.home.awsapps.cn/directory/d-1",
		"http://127.0.0.1:8080/start/":                               "http://127.0.0.1:8080/start",
		"http://d-1.awsapps.com/start":                               "",
		"https://d-1.awsapps.com./start":                             "",
		"https://user:secret@d-1.awsapps.com/start":                  "",
		"d-1.awsapps.com/start":                                      "",
		"https://d-1.awsapps.com/sta\u202ert":                        "",
		"":                                                           "",
	} {
		if got, err := StartURL(raw); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestHostsOfAWS(t *testing.T) {
	for start, region := range map[string]string{
		"https://d-1.awsapps.com/start":                                   "",
		"https://ssoins-1.portal.eu-central-1.app.aws":                    "eu-central-1",
		"https://ssoins-1.us-west-2.portal.amazonaws.com":                 "us-west-2",
		"https://ssoins-1.portal.cn-north-1.app.amazonwebservices.com.cn": "cn-north-1",
		"https://x.portal.evil.app.aws":                                   "",
		"https://identitycenter.amazonaws.com/ssoins-1":                   "",
	} {
		if !IsAWS(start) || RegionOf(start) != region {
			t.Errorf("%s: %v, %q", start, IsAWS(start), RegionOf(start))
		}
	}
	for _, start := range []string{"https://awsapps.com.evil.example/start", "https://evil-awsapps.com/start",
		"https://x.app.aws.example", "https://notidentitycenter.amazonaws.com", "https://amazonaws.com", "x",
		"https://sso.corp.example/portal.eu-central-1.app.aws"} {
		if IsAWS(start) || RegionOf(start) != "" {
			t.Errorf("%s passes for AWS's", start)
		}
	}
}

func TestRegional(t *testing.T) {
	for _, c := range []struct {
		region       string
		fips, dual   bool
		oidc, portal string
	}{
		{"eu-central-1", false, false, "https://oidc.eu-central-1.amazonaws.com",
			"https://portal.sso.eu-central-1.amazonaws.com"},
		{"us-east-1", true, false, "https://oidc-fips.us-east-1.amazonaws.com",
			"https://portal.sso-fips.us-east-1.amazonaws.com"},
		{"us-east-1", false, true, "https://oidc.us-east-1.api.aws", "https://portal.sso.us-east-1.api.aws"},
		{"us-gov-west-1", true, false, "https://oidc.us-gov-west-1.amazonaws.com",
			"https://portal.sso.us-gov-west-1.amazonaws.com"},
		{"us-gov-west-1", true, true, "https://oidc-fips.us-gov-west-1.api.aws",
			"https://portal.sso-fips.us-gov-west-1.api.aws"},
		{"cn-north-1", false, false, "https://oidc.cn-north-1.amazonaws.com.cn",
			"https://portal.sso.cn-north-1.amazonaws.com.cn"},
	} {
		at, err := Regional(c.region, c.fips, c.dual)
		if err != nil || at != (Endpoints{c.oidc, c.portal}) {
			t.Errorf("%+v: %+v, %v", c, at, err)
		}
	}
	for _, region := range []string{"", "x.evil.example/", "eu central", "EU", strings.Repeat("a", 64)} {
		if at, err := Regional(region, false, false); err == nil {
			t.Errorf("%q: %+v", region, at)
		}
	}
}

// A company's own name for its portal leads once, and to AWS alone.
func TestResolve(t *testing.T) {
	heads, location, status := 0, "", http.StatusFound
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if heads++; r.Method != http.MethodHead {
			t.Errorf("%s", r.Method)
		}
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}))
	defer s.Close()
	hc, err := flows.NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"https://d-1.awsapps.com/start/#/":             "https://d-1.awsapps.com/start",
		"https://ssoins-1.portal.eu-central-1.app.aws": "https://ssoins-1.portal.eu-central-1.app.aws",
		"http://d-1.awsapps.com/start":                 "",
		"https://awsapps.com.evil.example/start":       "",
		"https://u:p@d-1.awsapps.com/start":            "",
		"/start":                                       "",
		"":                                             "",
	} {
		location, heads = to, 0
		got, err := Resolve(context.Background(), hc, s.URL+"/aws")
		if got != want || (err == nil) != (want != "") || heads != 1 {
			t.Errorf("%q: %q, %v, %d requests", to, got, err, heads)
		}
	}
	status, location = http.StatusOK, ""
	if got, err := Resolve(context.Background(), hc, s.URL); err == nil {
		t.Errorf("a page of its own: %q", got)
	}
	if got, err := Resolve(context.Background(), hc, "https://d-1.awsapps.com/start"); err != nil || got == "" {
		t.Errorf("AWS's own: %q, %v", got, err)
	}
}

func TestUnixTime(t *testing.T) {
	want := time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC)
	for raw, ok := range map[string]bool{"1795982400": true, "1795982400000": true, "1795982400.0": true,
		`"1795982400"`: true,
		"-1":           false, "1e300": false, `"soon"`: false, "[]": false, "null": false, "": false} {
		got, err := unixTime(json.RawMessage(raw))
		if (err == nil) != ok || ok && !got.Equal(want) {
			t.Errorf("%s: %v, %v", raw, got, err)
		}
	}
}

// Lists come in pages, whose names have characters that must be encoded.
func TestPortal(t *testing.T) {
	s, err := awssso.Start(awssso.Config{PageSize: 2, Accounts: map[string][]string{
		"111111111111": {"a"}, "222222222222": {"a", "b", "c", "d", "e"}, "333333333333": {"a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hc, err := flows.NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	p := Portal{HTTP: hc, Endpoint: s.Portal, Token: credential.NewSecret(s.SignIn()["accessToken"])}
	if all, err := p.Accounts(ctx); err != nil || len(all) != 3 || all[2].ID != "333333333333" || all[0].Email == "" {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := p.Roles(ctx, "222222222222"); err != nil || strings.Join(all, "") != "abcde" {
		t.Errorf("%q, %v", all, err)
	}
	var refused *Error
	if _, err := p.Keys(ctx, "222222222222", "x"); !errors.As(err, &refused) || !refused.NotAssigned() ||
		refused.RefusesToken() {
		t.Errorf("%v", err)
	}
	s.Answer("assignment/roles", awssso.Answer{Status: 200, Body: `{"roleList":[],"nextToken":"x"}`})
	if _, err := p.Roles(ctx, "222222222222"); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("a page that is not there: %v", err)
	}
	for _, body := range []string{`{"roleList":5}`, `[]`, `{}`} {
		s.Answer("assignment/roles", awssso.Answer{Status: 200, Body: body})
		if _, err := p.Roles(ctx, "222222222222"); err == nil {
			t.Errorf("%s is taken for a list", body)
		}
	}
	if err := errors.Join(p.Logout(ctx), p.Logout(ctx)); err != nil {
		t.Error(err)
	}
	if _, err := p.Accounts(ctx); !errors.As(err, &refused) || !refused.RefusesToken() {
		t.Errorf("after the logout: %v", err)
	}
	if v := s.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// The exception's name is told whatever the body, and decides the kind of the failure.
func TestExceptions(t *testing.T) {
	s, err := awssso.Start(awssso.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hc, err := flows.NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	p := Portal{HTTP: hc, Endpoint: s.Portal, Token: credential.NewSecret(s.SignIn()["accessToken"])}
	register := func() error {
		_, err := Register(ctx, hc, Endpoints{s.OIDC, s.Portal}, "https://d-1234567890.awsapps.com/start", []string{Scope})
		return err
	}
	keys := func() error { _, err := p.Keys(ctx, "123456789012", "dev"); return err }
	for _, c := range []struct {
		endpoint, name, words string
		ask                   func() error
		status                int
		unavailable           bool
	}{
		{"client/register", "InvalidClientMetadataException", "invalid_client_metadata", register, 400, false},
		{"client/register", "InvalidRequestException", "invalid_request", register, 400, false},
		{"client/register", "SlowDownException", "SlowDownException", register, 400, true},
		{"client/register", "TooManyRequestsException", "TooManyRequestsException", register, 429, true},
		{"client/register", "InternalServerException", "InternalServerException", register, 500, true},
		{"federation/credentials", "TooManyRequestsException", "TooManyRequestsException", keys, 429, true},
		{"federation/credentials", "ServiceUnavailableException", "ServiceUnavailableException", keys, 503, true},
		{"federation/credentials", "ForbiddenException", "ForbiddenException", keys, 403, false},
	} {
		s.Answer(c.endpoint, awssso.Answer{Status: c.status,
			Header: map[string]string{"X-Amzn-Errortype": c.name + ":http://internal.amazon.com/coral/"}})
		err := c.ask()
		var outage *flows.UnavailableError
		if errors.As(err, &outage) != c.unavailable ||
			!strings.Contains(fmt.Sprint(err), c.words) || strings.Contains(fmt.Sprint(err), "internal.amazon") {
			t.Errorf("%s, %s: %v", c.endpoint, c.name, err)
		}
	}
}
