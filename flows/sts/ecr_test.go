package sts

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/providertest"
)

func TestECR(t *testing.T) {
	const id = "123456789012."
	for host, want := range map[string]string{
		id + "dkr.ecr.eu-west-1.amazonaws.com":                "eu-west-1 https://api.ecr.eu-west-1.amazonaws.com/",
		id + "dkr.ecr-fips.us-gov-west-1.amazonaws.com":       "us-gov-west-1 https://ecr-fips.us-gov-west-1.amazonaws.com/",
		id + "dkr-ecr.eu-west-1.on.aws":                       "eu-west-1 https://ecr.eu-west-1.api.aws/",
		id + "dkr-ecr-fips.us-east-1.on.aws":                  "us-east-1 https://ecr-fips.us-east-1.api.aws/",
		id + "dkr.ecr.cn-north-1.amazonaws.com.cn":            "cn-north-1 https://api.ecr.cn-north-1.amazonaws.com.cn/",
		id + "dkr-ecr.cn-north-1.on.amazonwebservices.com.cn": "cn-north-1 https://ecr.cn-north-1.api.amazonwebservices.com.cn/",
		id + "dkr.ecr.eusc-de-east-1.amazonaws.eu":            "eusc-de-east-1 https://api.ecr.eusc-de-east-1.amazonaws.eu/",
		id + "dkr.ecr.us-iso-east-1.c2s.ic.gov":               "us-iso-east-1 https://api.ecr.us-iso-east-1.c2s.ic.gov/",
		id + "dkr.ecr.us-isob-east-1.sc2s.sgov.gov":           "us-isob-east-1 https://api.ecr.us-isob-east-1.sc2s.sgov.gov/",
		id + "dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk":          "eu-isoe-west-1 https://api.ecr.eu-isoe-west-1.cloud.adc-e.uk/",
		id + "dkr.ecr.us-isof-south-1.csp.hci.ic.gov": "us-isof-south-1 " +
			"https://api.ecr.us-isof-south-1.csp.hci.ic.gov/",

		"123456789012.dkr.ecr.cn-north-1.amazonaws.com": "", "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example": "",
		"12345678901.dkr.ecr.eu-west-1.amazonaws.com": "", "x.dkr.ecr.eu-west-1.amazonaws.com": "",
		"123456789012.dkr.ecr.evil.amazonaws.com": "", "123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000": "",
		"public.ecr.aws": "", "123456789012.dkr.ecr..amazonaws.com": "",
		"123456789012.dkr.ecrx.eu-west-1.amazonaws.com": "",
		"": "",
	} {
		r, ok := ECR(host)
		if got := strings.TrimSpace(r.Region + " " + r.Endpoint); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", host, got, ok)
		}
	}
}

func TestECRPassword(t *testing.T) {
	s, hc, keys := firstKeys(t, providertest.STSConfig{Region: "eu-west-1"})
	r := Registry{Host: "r", Region: "eu-west-1", Endpoint: s.URL()}
	c, err := r.Password(t.Context(), hc, keys)
	if err != nil || c.Token.IsZero() || (c.Life()-12*time.Hour).Abs() > time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
	r.Region = "us-east-1"
	_, err = r.Password(t.Context(), hc, keys)
	if refusal, ok := errors.AsType[*Error](err); !ok || !strings.HasPrefix(err.Error(),
		"ECR refused r: SignatureDoesNotMatch") ||
		refusal.RefusesToken() {
		t.Error(err)
	}
	for name, body := range map[string]string{
		"HTML": "<html>", "nothing": "{}",
		"no password":  `{"authorizationData":[{"authorizationToken":"QVdTOg==","expiresAt":%d}]}`,
		"another user": `{"authorizationData":[{"authorizationToken":"Qk9COng=","expiresAt":%d}]}`,
		"no base64":    `{"authorizationData":[{"authorizationToken":"!","expiresAt":%d}]}`,
		"milliseconds": `{"authorizationData":[{"authorizationToken":"QVdTOng=","expiresAt":%d000}]}`,
		"no end":       `{"authorizationData":[{"authorizationToken":"QVdTOng="}]}`,
		"a text":       `{"authorizationData":[{"authorizationToken":"QVdTOng=","expiresAt":"2030-01-02"}]}`,
	} {
		if strings.Contains(body, "%d") {
			body = fmt.Sprintf(body, time.Now().Add(time.Hour).Unix())
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_,
				_ = io.WriteString(w, body)
		}))
		c, err := Registry{Host: "r", Region: "eu-west-1", Endpoint: srv.URL}.Password(t.Context(), hc, keys)
		srv.Close()
		if _, later := errors.AsType[*flows.UnavailableError](err); !later || !c.Token.IsZero() {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// Keys for a registry are used at AWS's own endpoints, at a VPC's, and on this machine.
func TestWhereECRIs(t *testing.T) {
	r, _ := ECR("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
	for at, want := range map[string]bool{
		r.Endpoint: true, "https://ecr-fips.eu-west-1.amazonaws.com": true, "https://ecr.eu-west-1.api.aws/": true,
		"https://vpce-1-2.api.ecr.eu-west-1.vpce.amazonaws.com": true, "http://127.0.0.1:4566": true,
		"http://api.ecr.eu-west-1.amazonaws.com": false, "https://api.ecr.us-east-1.amazonaws.com": false,
		"https://api.ecr.eu-west-1.amazonaws.com.evil.example": false, "https://evil.example": false,
		"https://abc.execute-api.eu-west-1.amazonaws.com": false, "https://api.ecr.cn-north-1.amazonaws.com.cn": false,
		"http://localhost:4566": false, "https://u@evil.example/api.ecr.eu-west-1.amazonaws.com": false, ":": false,
	} {
		if r.Takes(at) != want {
			t.Errorf("%s: %v", at, !want)
		}
	}
}
