package providertest_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// stsResponse holds the members of both documents, namespace and all.
type stsResponse struct {
	XMLName xml.Name
	Code    string `xml:"https://sts.amazonaws.com/doc/2011-06-15/ Error>Code"`
	Message string `xml:"https://sts.amazonaws.com/doc/2011-06-15/ Error>Message"`
	Type    string `xml:"https://sts.amazonaws.com/doc/2011-06-15/ Error>Type"`
	Result  struct {
		Subject     string `xml:"SubjectFromWebIdentityToken"`
		Audience    string
		Provider    string
		ARN         string `xml:"AssumedRoleUser>Arn"`
		Credentials struct {
			AccessKeyId, SecretAccessKey, SessionToken string
			Expiration                                 time.Time
		}
	} `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResult"`
	RequestID string `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ResponseMetadata>RequestId"`
}

const role = "arn:aws:iam::123456789012:role/teams/dev"

func assume(token string) url.Values {
	return form("Action", "AssumeRoleWithWebIdentity", "Version", "2011-06-15", "RoleArn", role,
		"RoleSessionName", "alice@corp.example", "WebIdentityToken", token)
}

func callSTS(t *testing.T, s *providertest.STS, form url.Values) (int, stsResponse) {
	t.Helper()
	res := wire{s.Client()}.post(t, s.URL(), form)
	if got := res.Header.Get("Content-Type"); got != "text/xml" {
		t.Errorf("content type %q", got)
	}
	var doc stsResponse
	if err := xml.Unmarshal([]byte(res.text), &doc); err != nil {
		t.Fatalf("%v: %s", err, res.text)
	}
	return res.StatusCode, doc
}

func TestSTS(t *testing.T) {
	for _, plain := range []bool{false, true} {
		clock := newClock()
		p := providertest.New(t, providertest.Config{Now: clock.Now, PlainHTTP: plain, IssuerPath: "/realms/corp"})
		s := providertest.NewSTS(t, providertest.STSConfig{Provider: p, PlainHTTP: plain})
		if string(s.CAPEM()) != string(p.CAPEM()) {
			t.Error("the STS has another CA")
		}
		newRelyingParty(t, p).signIn()
		params := assume(p.LastTokens().IDToken)
		params.Set("DurationSeconds", "900")
		params.Set("Policy", `{"Version":"2012-10-17","Statement":[]}`)
		params.Set("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
		status, doc := callSTS(t, s, params)
		if status != 200 || doc.XMLName.Local != "AssumeRoleWithWebIdentityResponse" ||
			doc.XMLName.Space != "https://sts.amazonaws.com/doc/2011-06-15/" {
			t.Fatalf("%d %+v", status, doc)
		}
		keys := doc.Result.Credentials
		if !strings.HasPrefix(keys.AccessKeyId, "ASIA") || len(keys.AccessKeyId) != 20 || len(keys.SecretAccessKey) != 40 ||
			keys.SessionToken == "" ||
			!keys.Expiration.Equal(clock.Now().Add(15*time.Minute).Truncate(time.Second)) {
			t.Errorf("%+v", keys)
		}
		if doc.Result.Subject != "alice" || doc.Result.Audience != "cli" || doc.RequestID == "" ||
			doc.Result.ARN != "arn:aws:sts::123456789012:assumed-role/dev/alice@corp.example" ||
			!strings.HasPrefix(doc.Result.Provider, "arn:aws:iam::123456789012:oidc-provider/127.0.0.1:") {
			t.Errorf("%+v", doc)
		}
		issued := s.Issued()
		if len(issued) != 1 || issued[0].SessionToken != keys.SessionToken || issued[0].Subject != "alice" ||
			s.Requests() != 1 {
			t.Errorf("%+v", issued)
		}
		if log := s.Log(); log[0].Form.Get("RoleArn") != role || log[0].Status != 200 {
			t.Errorf("%+v", log)
		}
		clock.advance(time.Hour)
		status, doc = callSTS(t, s, params)
		if status != 400 || doc.Code != "ExpiredTokenException" || doc.Type != "Sender" || s.Log()[1].Error != doc.Code {
			t.Errorf("%d %+v", status, doc)
		}
	}
}

func TestSTSRefusals(t *testing.T) {
	p := providertest.New(t, providertest.Config{JWTAccessTokens: true, Clients: []providertest.Client{{ID: "cli"}}})
	s := providertest.NewSTS(t, providertest.STSConfig{Provider: p, MaxSession: time.Hour, Roles: []string{role}})
	rp := newRelyingParty(t, p)
	idToken := func(tamper providertest.Tamper) string {
		p.TamperIDToken(1, tamper)
		rp.signIn()
		return p.LastTokens().IDToken
	}
	good := idToken(nil)
	other := providertest.New(t, providertest.Config{})
	newRelyingParty(t, other).signIn()
	for _, test := range []struct {
		name, value, code string
		status            int
	}{
		{"Action", "", "MissingAction", 400},
		{"Action", "GetCallerIdentity", "InvalidAction", 400},
		{"Version", "", "InvalidAction", 400},
		{"RoleArn", "", "ValidationError", 400},
		{"RoleArn", "dev", "ValidationError", 400},
		{"RoleArn", role + "x", "AccessDenied", 403},
		{"RoleSessionName", "", "ValidationError", 400},
		{"RoleSessionName", "a b", "ValidationError", 400},
		{"RoleSessionName", strings.Repeat("a", 65), "ValidationError", 400},
		{"WebIdentityToken", "", "ValidationError", 400},
		{"WebIdentityToken", "opaque", "InvalidIdentityToken", 400},
		{"WebIdentityToken", strings.Repeat("a", 20001), "ValidationError", 400},
		{"WebIdentityToken", rp.signIn().AccessToken, "InvalidIdentityToken", 400},
		{"WebIdentityToken", other.LastTokens().IDToken, "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.BadSignature), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.AlgNone), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.AlgHS256), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.UnknownKey), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.WrongIssuer), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.WrongAudience), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.WrongAZP), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.SetClaim("sub", nil)), "InvalidIdentityToken", 400},
		{"WebIdentityToken", idToken(providertest.Expired), "ExpiredTokenException", 400},
		{"DurationSeconds", "899", "ValidationError", 400},
		{"DurationSeconds", "3601", "ValidationError", 400},
		{"DurationSeconds", "an hour", "ValidationError", 400},
		{"Policy", "{", "MalformedPolicyDocument", 400},
		{"Policy", `"` + strings.Repeat("a", 2048) + `"`, "ValidationError", 400},
		{"PolicyArns.member.11.arn", "arn:aws:iam::aws:policy/x", "ValidationError", 400},
		{"PolicyArns.1", "arn:aws:iam::aws:policy/x", "MalformedInput", 400},
	} {
		params := assume(good)
		params.Set(test.name, test.value)
		status, doc := callSTS(t, s, params)
		if status != test.status || doc.Code != test.code || doc.Message == "" {
			t.Errorf("%s=%.20q: %d %+v", test.name, test.value, status, doc)
		}
	}
	for _, fine := range []string{good, idToken(providertest.ExtraAudience)} {
		if status, doc := callSTS(t, s, assume(fine)); status != 200 {
			t.Errorf("%d %+v", status, doc)
		}
	}
}

func TestSTSTakesNeitherGETNorSignatures(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	s := providertest.NewSTS(t, providertest.STSConfig{Provider: p})
	newRelyingParty(t, p).signIn()
	params := assume(p.LastTokens().IDToken)
	if res := (wire{s.Client()}).get(t, s.URL()+"/?"+params.Encode()); res.StatusCode != 400 {
		t.Error(res.Status)
	}
	req, _ := http.NewRequest("POST", s.URL(), strings.NewReader(params.Encode()))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA…")
	res, err := s.Client().Do(req)
	if res := read(t, res, err); res.StatusCode != 403 || !strings.Contains(res.text, "InvalidClientTokenId") {
		t.Error(res.text)
	}
	if v := s.Violations(); len(v) != 2 {
		t.Errorf("violations: %q", v)
	}
}

func TestSTSKnobs(t *testing.T) {
	clock := newClock()
	p := providertest.New(t, providertest.Config{})
	s := providertest.NewSTS(t,
		providertest.STSConfig{Provider: p, Now: clock.Now, KeyLifetime: time.Minute, Audiences: []string{"sts"}})
	rp := newRelyingParty(t, p)
	rp.signIn()
	if _, doc := callSTS(t, s, assume(p.LastTokens().IDToken)); doc.Message != "Incorrect token audience" {
		t.Errorf("%+v", doc)
	}
	p.TamperIDToken(0, providertest.SetClaim("aud", "sts"))
	rp.signIn()
	params := assume(p.LastTokens().IDToken)
	if _, doc := callSTS(t, s,
		params); !doc.Result.Credentials.Expiration.Equal(clock.Now().Add(time.Minute).Truncate(time.Second)) {
		t.Errorf("%+v", doc)
	}
	s.FailNext("IDPCommunicationError", "IDPRejectedClaim", "RegionDisabledException", "Throttling", "InternalFailure",
		"ServiceUnavailable")
	var got []int
	for range 7 {
		status, _ := callSTS(t, s, params)
		got = append(got, status)
	}
	if want := []int{400, 403, 403, 400, 500, 503, 200}; !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	s.Fault(providertest.Fault{Status: 500, Body: "<html>"})
	if res := (wire{s.Client()}).post(t, s.URL(), params); res.StatusCode != 500 {
		t.Error(res.Status)
	}
	s.ClearFaults()
	if status, _ := callSTS(t, s, params); status != 200 {
		t.Error(status)
	}
	s.ResetRequests()
	if s.Requests() != 0 || len(s.Issued()) != 3 {
		t.Errorf("%d requests, %d issued", s.Requests(), len(s.Issued()))
	}
	if _, err := providertest.StartSTS(providertest.STSConfig{}); err == nil {
		t.Error("an STS without a provider")
	}
}
