package flows

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/providertest"
)

func ago(d time.Duration) *time.Duration { return &d }

// What the provider answers is compared with what was asked for.
func TestStepUp(t *testing.T) {
	session := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name   string
		config providertest.Config
		tamper providertest.Tamper
		ask    StepUp
		want   string // in the error; empty: it is fine
	}{
		{"nothing", providertest.Config{}, nil, StepUp{}, ""},
		{"met", providertest.Config{}, nil, StepUp{ACR: []string{"mfa"}}, ""},
		{"met by the second", providertest.Config{}, nil, StepUp{ACR: []string{"what", "mfa"}}, ""},
		{"unknown there", providertest.Config{}, nil, StepUp{ACR: []string{"what", "else"}},
			`the sign-in has the acr "pwd", and "what" or "else" is asked for`},
		{"ignored", providertest.Config{IgnoreStepUp: true}, nil, StepUp{ACR: []string{"mfa"}},
			`the sign-in has the acr "pwd", and "mfa" is asked for`},
		{"no acr", providertest.Config{}, providertest.SetClaim("acr", nil), StepUp{ACR: []string{"mfa"}}, `names no acr`},
		{"an acr that is not a string", providertest.Config{}, providertest.SetClaim("acr", 1), StepUp{ACR: []string{"mfa"}},
			`names no acr`},
		{"an acr to forge a line with", providertest.Config{}, providertest.SetClaim("acr", "a\n\x1b[2J"),
			StepUp{ACR: []string{"mfa"}}, `the acr "a [2J"`},
		{"recent", providertest.Config{}, nil, StepUp{MaxAge: ago(2 * time.Hour)}, ""},
		{"too long ago", providertest.Config{}, nil, StepUp{MaxAge: ago(time.Minute)}, ""},
		{"now", providertest.Config{}, nil, StepUp{MaxAge: ago(0)}, ""},
		{"max_age ignored", providertest.Config{IgnoreStepUp: true}, nil, StepUp{MaxAge: ago(time.Minute)},
			"ago, and at most 1m0s is asked for"},
		{"no auth_time", providertest.Config{}, providertest.SetClaim("auth_time", nil), StepUp{MaxAge: ago(time.Minute)},
			"auth_time"},
		{"an auth_time that is none", providertest.Config{}, providertest.SetClaim("auth_time", "soon"),
			StepUp{MaxAge: ago(time.Minute)}, "auth_time"},
		{"an auth_time with a fraction", providertest.Config{},
			providertest.SetClaim("auth_time", float64(time.Now().Unix())+.5), StepUp{MaxAge: ago(time.Minute)}, ""},
		{"an auth_time in the future", providertest.Config{},
			providertest.SetClaim("auth_time", time.Now().Add(time.Hour).Unix()), StepUp{MaxAge: ago(time.Minute)}, "auth_time"},
		{"an auth_time in milliseconds, where nobody asked", providertest.Config{},
			providertest.SetClaim("auth_time", time.Now().UnixMilli()), StepUp{}, ""},
		{"an auth_time beyond all time", providertest.Config{}, providertest.SetClaim("auth_time", 1e300),
			StepUp{MaxAge: ago(time.Minute)}, "auth_time"},
		{"both", providertest.Config{}, nil, StepUp{ACR: []string{"hwk"}, MaxAge: ago(0)}, ""},
		{"claims", providertest.Config{}, nil, StepUp{Claims: `{"id_token":{"acr":{"essential":true,"value":"mfa"}}}`}, ""},
		{"claims that cannot be met", providertest.Config{}, nil,
			StepUp{Claims: `{"id_token":{"acr":{"essential":true,"value":"what"}}}`}, "unmet_authentication_requirements"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.ACRs = []string{"pwd", "mfa", "hwk"}
			p := providertest.New(t, c.config)
			p.SetSession(session)
			p.TamperIDToken(0, c.tamper)
			_, set, err := signInThrough(t, p, discover(t, p), SignIn{StepUp: c.ask})
			if c.want == "" {
				if err != nil || set == nil {
					t.Fatal(err)
				}
				if v := p.Violations(); len(v) > 0 {
					t.Error(v)
				}
				return
			}
			if err == nil || set != nil || !strings.Contains(err.Error(), c.want) || strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("%v", err)
			}
		})
	}
}

// A person may take longer over the form than max_age: the provider judged when it
// was asked.
func TestStepUpSlowPerson(t *testing.T) {
	began := time.Now()
	u := StepUp{MaxAge: ago(time.Minute)}
	if err := u.check(credential.Login{AuthTime: began.Add(-50 * time.Second)}, began); err != nil {
		t.Error(err)
	}
	if u.Unmet(credential.Login{AuthTime: began.Add(-50 * time.Second)}, began.Add(time.Minute)) == "" {
		t.Error("later it is too long ago")
	}
	if err := u.check(credential.Login{AuthTime: began.Add(-2 * time.Minute)}, began); err == nil {
		t.Error("it was too long ago when it was asked for")
	}
}

// The provider's clock is not ours.
func TestStepUpOtherClock(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		p := providertest.New(t, providertest.Config{Now: func() time.Time { return time.Now().Add(ahead) }})
		_, set, err := signInThrough(t, p, discover(t, p), SignIn{StepUp: StepUp{MaxAge: ago(0)}})
		if err != nil || time.Since(set.AuthTime).Abs() > time.Minute {
			t.Errorf("%v: %v", ahead, err)
		}
	}
}

func TestStepUpDevice(t *testing.T) {
	p := providertest.New(t, providertest.Config{ACRs: []string{"pwd", "mfa"}, DeviceInterval: 1})
	found := discover(t, p)
	for _, ignore := range []bool{false, true} {
		if ignore {
			p.TamperIDToken(0, providertest.SetClaim("acr", "pwd"))
		}
		_, err := found.Device(t.Context(),
			SignIn{Client: Client{ID: "cli"}, Scopes: []string{"openid"},
				StepUp: StepUp{ACR: []string{"mfa"}, MaxAge: ago(time.Minute)}},
			func(d DevicePrompt) error { return p.ApproveDevice(d.UserCode) })
		if (err != nil) != ignore {
			t.Errorf("ignored %v: %v", ignore, err)
		}
	}
}

func TestParseClaims(t *testing.T) {
	const short = `{"access_token":{"nbf":{"essential":true,"value":"1<2"}}}`
	long := "\n " + strings.ReplaceAll(short, ":", " : ") + " "
	for _, good := range []string{
		short, long,
		base64.StdEncoding.EncodeToString([]byte(short)), base64.RawStdEncoding.EncodeToString([]byte(long)),
		base64.URLEncoding.EncodeToString([]byte(short)), base64.RawURLEncoding.EncodeToString([]byte(short)),
	} {
		if got, err := ParseClaims(good); err != nil || got != short {
			t.Errorf("%s: %s, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", "{}", "{", "[]", "null", `"x"`, "e30", "bnVsbA==", `{"a":1}{"b":2}`, "!!!", "{\"a\":\"\xff\"}",
		`{"a":"` + strings.Repeat("x", maxClaims) + `"}`, base64.StdEncoding.EncodeToString([]byte("[1]")),
	} {
		if got, err := ParseClaims(bad); err == nil {
			t.Errorf("%.60q is taken: %.60s", bad, got)
		}
	}
}

func FuzzParseClaims(f *testing.F) {
	f.Add(`{"id_token":{"acr":null}}`)
	f.Add("eyJhIjp7fX0=")
	f.Fuzz(func(t *testing.T, s string) {
		short, err := ParseClaims(s)
		if err != nil {
			return
		}
		if again, err := ParseClaims(short); err != nil || again != short {
			t.Errorf("%q becomes %q: %v", short, again, err)
		}
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(MergeClaims(`{"access_token":{"xms_cc":{"values":["cp1"]}}}`, short)), &object) != nil {
			t.Errorf("%q with capabilities is not JSON", short)
		}
	})
}

// A client declares what it understands only where the dialect's data says so, and
// keeps what is asked for otherwise.
func TestCapabilities(t *testing.T) {
	const cp1 = `"xms_cc":{"values":["cp1"]}`
	for _, c := range []struct {
		capabilities []string
		asked, want  string
	}{
		{nil, "", ""},
		{nil, `{"a":{}}`, `{"a":{}}`},
		{[]string{"cp1"}, "", `{"access_token":{` + cp1 + `}}`},
		{[]string{"cp1"}, `{"access_token":{"nbf":{"value":"1"}},"id_token":{}}`,
			`{"access_token":{"nbf":{"value":"1"},` + cp1 + `},"id_token":{}}`},
		{[]string{"cp1"}, `{"access_token":null}`, `{"access_token":{` + cp1 + `}}`},
		{[]string{"cp1"}, `{"access_token":{"xms_cc":{"values":["x"]}}}`, `{"access_token":{"xms_cc":{"values":["x"]}}}`},
		{[]string{"cp1"}, `{"access_token":"odd"}`, `{"access_token":"odd"}`},
	} {
		form := url.Values{}
		(&Dialect{Capabilities: c.capabilities}).addClaims(form, c.asked)
		if form.Get("claims") != c.want {
			t.Errorf("%s: %s, want %s", c.asked, form.Get("claims"), c.want)
		}
	}
}

func TestMergeClaims(t *testing.T) {
	for _, c := range []struct{ first, second, want string }{
		{"null", `{"a":{}}`, `{"a":{}}`}, // of --auth-param, which nobody has parsed
		{"odd", `{"a":{}}`, `{"a":{}}`},
		{"", "", ""},
		{`{"a":{}}`, "", `{"a":{}}`},
		{"", `{"a":{}}`, `{"a":{}}`},
		{`{"id_token":{"acr":null}}`, `{"access_token":{"nbf":{"value":"1"}}}`,
			`{"access_token":{"nbf":{"value":"1"}},"id_token":{"acr":null}}`},
		{`{"access_token":{"nbf":{"value":"1"},"acrs":null}}`,
			`{"access_token":{"nbf":{"value":"2"},"capolids":{"values":["x"]}}}`,
			`{"access_token":{"acrs":null,"capolids":{"values":["x"]},"nbf":{"value":"2"}}}`},
		{`{"id_token":{"acr":null}}`, `{"id_token":null}`, `{"id_token":{"acr":null}}`},
		{`{"id_token":null}`, `{"id_token":{"acr":null}}`, `{"id_token":{"acr":null}}`},
		{`{"id_token":"odd"}`, `{"id_token":{"acr":null}}`, `{"id_token":{"acr":null}}`},
	} {
		if got := MergeClaims(c.first, c.second); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.first, c.second, got, c.want)
		}
	}
}

// What a refusal asks the next sign-in for is kept, where it is a JSON object of a
// bounded size and the provider one that does so; and it is in no message.
func TestRefusalClaims(t *testing.T) {
	const claims = `{"access_token":{"capolids":{"essential":true,"values":["11111111-2222-3333-4444-555555555555"]}}}`
	quoted, _ := json.Marshal(claims)
	long, _ := json.Marshal(`{"access_token":{"x":"` + strings.Repeat("x", maxClaims) + `"}}`)
	for _, c := range []struct{ dialect, member, want string }{
		{"entra", string(quoted), claims},
		{"oidc", string(quoted), ""},
		{"entra", claims, ""},
		{"entra", `"[1]"`, ""},
		{"entra", `"{"`, ""},
		{"entra", `7`, ""},
		{"entra", string(long), ""},
	} {
		capabilities := map[string][]string{"entra": {"cp1"}} // it says that it understands claims
		p := &Provider{Dialect: &Dialect{Capabilities: capabilities[c.dialect]}}
		a := &Answer{Status: http.StatusBadRequest, Header: http.Header{},
			Body: []byte(`{"error":"interaction_required","error_description":"AADSTS50076: x","claims":` + c.member + `}`)}
		_, _, err := p.parseTokens(DoingRefresh, a, time.Now())
		var refusal *OAuthError
		if !errors.As(err, &refusal) || refusal.Claims != c.want || strings.Contains(err.Error(), "claims") {
			t.Errorf("%s, %.80s: %v, %.80s", c.dialect, c.member, err, refusal.Claims)
		}
	}
}

// The parameter claims goes to the token endpoint for those that take it there.
func TestClaimsAtToken(t *testing.T) {
	const claims = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	for _, at := range []bool{false, true} {
		p := providertest.New(t, providertest.Config{ClaimsAtToken: at})
		found := discover(t, p)
		found.Dialect = &Dialect{Name: "test", ClaimsAtToken: at}
		_, set, err := signInThrough(t, p, found,
			SignIn{Scopes: []string{"openid", "offline_access"}, StepUp: StepUp{Claims: claims}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := found.Refresh(t.Context(), Client{ID: "cli"}, set.RefreshToken, Target{Claims: claims}); err != nil {
			t.Fatal(err)
		}
		if v := p.Violations(); len(v) > 0 {
			t.Errorf("at the token endpoint: %v: %q", at, v)
		}
		for _, r := range p.Log() {
			switch r.Endpoint {
			case providertest.Authorize:
				if r.Query.Get("claims") != claims {
					t.Errorf("authorization: %s", r.Query.Get("claims"))
				}
			case providertest.AuthorizationCode, providertest.RefreshToken:
				if r.Form.Get("claims") == claims != at {
					t.Errorf("%s: %s", r.Endpoint, r.Form.Get("claims"))
				}
			}
		}
	}
}

// Each of these codes says too little by itself.
func TestExplainedRefusals(t *testing.T) {
	p := providertest.New(t, providertest.Config{})
	found := discover(t, p)
	for code, words := range explained {
		p.DenyLogins(code)
		_, _, err := signInThrough(t, p, found, SignIn{})
		var refusal *OAuthError
		if !errors.As(err, &refusal) || refusal.Code != code || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", code, err)
		}
	}
	for code, want := range map[string]bool{"interaction_required": true, "insufficient_user_authentication": true,
		"own_word": true, "invalid_grant": false, "invalid_scope": false} {
		found.Dialect = &Dialect{StepUp: []string{"own_word"}}
		if found.NeedsPerson(&OAuthError{Code: code}) != want {
			t.Error(code)
		}
	}
}
