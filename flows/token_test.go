package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

var sent = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func parse(status int, body string) (*credential.TokenSet, error) {
	set, _, err := (&Provider{Dialect: &Dialect{}}).parseTokens("refresh",
		&Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body), At: sent},
		sent)
	return set, err
}

// The life time of a token by its expires_in (RFC 6749 §5.1); -1: not known.
func TestExpiresIn(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `3599.5`: 3599500 * time.Millisecond, `"60.25"`: 60250 * time.Millisecond,
		`3.6e3`: time.Hour,
		`0`:     0, `-5`: 0, `"-1"`: 0,
		`1e300`: maxLife, `99999999999999999999`: maxLife, `"Infinity"`: maxLife, `"-Inf"`: 0,
		`null`: -1, `true`: -1, `""`: -1, `"soon"`: -1, `"NaN"`: -1, `{}`: -1, `[3600]`: -1, `"1h"`: -1, `" 60"`: -1,
	} {
		set, err := parse(200, `{"access_token":"a","expires_in":`+raw+`}`)
		switch {
		case err != nil:
			t.Errorf("%s: %v", raw, err)
		case want < 0 && !set.ExpiresAt.IsZero():
			t.Errorf("%s: ends at %v, want unknown", raw, set.ExpiresAt)
		case want >= 0 && !set.ExpiresAt.Equal(sent.Add(want)):
			t.Errorf("%s: ends at %v, want %v", raw, set.ExpiresAt, sent.Add(want))
		}
	}
}

// One odd field costs no other, and never the rotated refresh token.
func TestParseTokens(t *testing.T) {
	type fails int
	const (
		fine fails = iota
		garbledAnswer
		verification
		refused
	)
	for _, c := range []struct {
		name, body string
		status     int
		fails      fails
		access     string
		refresh    string
	}{
		{"everything", `{"access_token":"a","token_type":"Bearer","refresh_token":"r","id_token":"i","scope":"openid x","expires_in":60}`, 200, fine, "a", "r"},
		{"no token type", `{"access_token":"a","refresh_token":"r"}`, 200, fine, "a", "r"},
		{"a token type in other letters", `{"access_token":"a","token_type":"bEaReR","refresh_token":"r"}`, 200, fine, "a",
			"r"},
		{"another token type", `{"access_token":"a","token_type":"DPoP","refresh_token":"r"}`, 200, verification, "a", "r"},
		{"a token type that is not a string", `{"access_token":"a","token_type":7,"refresh_token":"r"}`, 200, fine, "a", "r"},
		{"no access token", `{"refresh_token":"r"}`, 200, garbledAnswer, "", "r"},
		{"an access token that is not a string", `{"access_token":{"a":1},"refresh_token":"r"}`, 200, garbledAnswer, "", "r"},
		{"scopes in a list", `{"access_token":"a","scope":["x"],"refresh_token":"r"}`, 200, fine, "a", "r"},
		{"an ID token that is not a string", `{"access_token":"a","id_token":[],"refresh_token":"r"}`, 200, fine, "a", "r"},
		{"no refresh token: the current one stays", `{"access_token":"a"}`, 200, fine, "a", ""},
		{"a refresh token that is not a string", `{"access_token":"a","refresh_token":5}`, 200, fine, "a", ""},
		{"an error", `{"error":"invalid_grant","error_description":"no"}`, 400, refused, "", ""},
		{"an error with status 200 (GitHub)", `{"error":"bad_verification_code"}`, 200, refused, "", ""},
		{"an error that is not a string", `{"error":7}`, 400, garbledAnswer, "", ""},
		{"no error with status 400", `{"access_token":"a"}`, 400, garbledAnswer, "", ""},
		{"HTML", `<html>`, 200, garbledAnswer, "", ""},
		{"nothing", ``, 200, garbledAnswer, "", ""},
		{"null", `null`, 200, garbledAnswer, "", ""},
		{"a list", `[]`, 200, garbledAnswer, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := parse(c.status, c.body)
			var outage *UnavailableError
			var verify *VerifyError
			var refusal *OAuthError
			got := fine
			switch {
			case errors.As(err, &outage) && outage.Garbled:
				got = garbledAnswer
			case errors.As(err, &verify):
				got = verification
			case errors.As(err, &refusal):
				got = refused
			case err != nil:
				t.Fatalf("error %v (%T)", err, err)
			}
			if got != c.fails {
				t.Errorf("error %v", err)
			}
			if set == nil {
				set = &credential.TokenSet{}
			}
			if set.AccessToken.Reveal() != c.access || set.RefreshToken.Reveal() != c.refresh {
				t.Errorf("access token %q, refresh token %q, want %q and %q", set.AccessToken.Reveal(), set.RefreshToken.Reveal(),
					c.access, c.refresh)
			}
			if err == nil && set.TokenType != "Bearer" {
				t.Errorf("token type %q", set.TokenType)
			}
		})
	}
}

// A refusal's code is a string of its own, under error or code, at the top or in
// an object under error. Words elsewhere are not a code: they must not end a session.
func TestRefusalCodes(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_grant"}`:                                           "invalid_grant",
		`{"code":"invalid_grant"}`:                                            "invalid_grant",
		`{"error":{"code":"invalid_grant","message":"expired"}}`:              "invalid_grant",
		`{"error":{"error":" invalid_grant ","code":401}}`:                    "invalid_grant",
		`{"error":"Bad Request","code":"invalid_grant"}`:                      "invalid_grant",
		`{"error":{"error":"Unauthorized","code":"invalid_grant"},"code":41}`: "invalid_grant",
		`{"error":"","code":"invalid_grant"}`:                                 "invalid_grant",
		`{"error":null,"code":"invalid_grant"}`:                               "invalid_grant",
		`{"error":"Bad Request","message":"invalid_grant"}`:                   "Bad Request",
		`{"error":"invalid_request","code":"invalid_grant"}`:                  "invalid_request",
		`{"error":400}`:                                                 "",
		`{"error":["invalid_grant"]}`:                                   "",
		`{"errors":[{"code":"invalid_grant"}]}`:                         "",
		`{"message":"invalid_grant"}`:                                   "",
		`{"error_description":"invalid_grant"}`:                         "",
		`{"error":{"error":{"code":"invalid_grant"}}}`:                  "",
		`{"code":400,"error":{"code":400,"status":"INVALID_ARGUMENT"}}`: "",
		`{"CODE":"invalid_grant"}`:                                      "",
	} {
		for _, status := range []int{400, 401, 403, 404} {
			_, err := parse(status, body)
			var refusal *OAuthError
			var outage *UnavailableError
			if errors.As(err, &refusal) && refusal.Code != want || !errors.As(err, &refusal) &&
				(want != "" || !errors.As(err, &outage) || !outage.Garbled) {
				t.Errorf("%d %s: %v, want %q", status, body, err, want)
			}
		}
	}
	for body, ok := range map[string]bool{ // under a success they may mean something else
		`{"access_token":"a","code":"done"}`: true, `{"access_token":"a","error":{"code":"done"}}`: true,
		`{"access_token":"a","error":{}}`:              true,
		`{"access_token":"a","error":"invalid_grant"}`: false, `{"error":{"code":"invalid_grant"}}`: false,
		`{"code":"invalid_grant"}`: false,
	} {
		if _, err := parse(200, body); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// "However odd the rest of the response is": the answer to a refresh whose old
// token is spent by now.
func TestRotatedTokenComesThrough(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"a","refresh_token":"rotated"}`,
		`{"refresh_token":"rotated"}`,
		`{"access_token":null,"refresh_token":"rotated","expires_in":{}}`,
		`{"error":"x","access_token":"a","refresh_token":"rotated"}`,
		`{"error":"","access_token":"a","refresh_token":"rotated"}`,
		"{\"refresh_token\":\"rotated\"}\n\n",
		`{"error":{"code":"invalid_grant"},"code":"invalid_grant","refresh_token":"rotated"}`,
		`{"access_token":"a","error":{"code":"x"},"code":7,"refresh_token":"rotated","expires_in":-1e999}`,
	} {
		for _, status := range []int{200, 201, 203, 226} {
			set, _ := parse(status, body)
			if set == nil || set.RefreshToken.Reveal() != "rotated" {
				t.Errorf("%d %s: the rotated refresh token is lost", status, body)
			}
		}
	}
	for _, form := range []string{"refresh_token=rotated&access_token=a;b", "x=%zz&refresh_token=rotated&%",
		"{\"refresh_token\":\"rotated\"}"} {
		a := &Answer{Status: 200, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			Body: []byte(form)}
		set, _, _ := (&Provider{Dialect: &Dialect{}}).parseTokens("refresh", a, sent)
		if set == nil || set.RefreshToken.Reveal() != "rotated" {
			t.Errorf("%s: the rotated refresh token is lost", form)
		}
	}
}

// Secrets of an answer are in no error.
func TestTokenErrorsAreSilent(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"sEcReT","token_type":"mac"}`, `{"refresh_token":"sEcReT"}`, `{"access_token":"sEcReT"`, `sEcReT`,
		`"sEcReT"`, `{"id_token":"sEcReT","error":"x"}`,
	} {
		set, err := parse(200, body)
		if err == nil {
			t.Errorf("%s: no error", body)
		}
		mention(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err), "sEcReT")
		mention(t, "the set", fmt.Sprintf("%v %+v %#v", set, set, set), "sEcReT")
	}
}

func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"a","refresh_token":"r","expires_in":3599.5}`,
		`{"refresh_token":"r","expires_in":"1e999","scope":7}`,
		`{"refresh_token":"r","token_type":"\u0000"}`, `{"refresh_token":"a","refresh_token":"b"}`, `[]`, `{`, `{"error":{}}`,
	} {
		f.Add(200, seed)
		f.Add(400, seed)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		set, err := parse(status, body)
		if (set == nil || set.AccessToken.IsZero()) && err == nil {
			t.Errorf("neither an access token nor an error")
		}
		if set != nil && (set.ExpiresAt.After(sent.Add(maxLife)) || !set.ExpiresAt.IsZero() && set.ExpiresAt.Before(sent)) {
			t.Errorf("ends at %v", set.ExpiresAt)
		}
		if err != nil && Clean(err.Error(), len(err.Error())) != err.Error() {
			t.Errorf("the error does not fit a line: %q", err)
		}
		var m map[string]any
		if json.Unmarshal([]byte(body), &m) != nil || status != http.StatusOK {
			return
		}
		if rotated, ok := m["refresh_token"].(string); ok && rotated != "" &&
			(set == nil || set.RefreshToken.Reveal() != rotated) {
			t.Errorf("the rotated refresh token is lost")
		}
	})
}

func FuzzCallbackQuery(f *testing.F) {
	for _, seed := range []string{"state=s&code=c", "state=s&error=access_denied&iss=x", "state=s&state=t&code=c",
		"state=%zz", "code=c;state=s", "state=s&code=c&code", "&&=&", "state=s&%63ode=c&code=d"} {
		f.Add("GET", seed)
	}
	f.Add("POST", "state=s&code=c")
	f.Fuzz(func(t *testing.T, method, query string) {
		r := httptest.NewRequest("GET", "http://127.0.0.1/callback", nil)
		r.Method, r.URL.RawQuery = method, query
		q, ok := callbackQuery(r)
		if !ok {
			return
		}
		if method != http.MethodGet {
			t.Errorf("method %q", method)
		}
		for _, name := range []string{"state", "code", "error", "iss"} {
			if len(q[name]) > 1 {
				t.Errorf("%s is there %d times", name, len(q[name]))
			}
		}
		if q.Get("state") == "" || q.Get("code") == "" && q.Get("error") == "" {
			t.Errorf("accepted %v", q)
		}
		if all, err := url.ParseQuery(query); err == nil && !slices.Equal(all["code"], q["code"]) {
			t.Errorf("%q: read as %v", query, q)
		}
	})
}

func TestTokenTypeURN(t *testing.T) {
	for short, want := range map[string]string{
		"access_token": TokenTypeAccess, "id_token": TokenTypeID, "jwt": TokenTypeJWT, tokenTypeRefresh: tokenTypeRefresh,
		"urn:corp:x": "urn:corp:x", "https://corp.example/type": "https://corp.example/type",
		"": "", "id": "", "ID_TOKEN": "", "refresh_token": "", "urn:": "", "https://": "", "a b": "", "urn:a b": "",
		"urn:x\n": "", ":": "",
	} {
		got, ok := TokenTypeURN(short)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", short, got, ok)
		}
	}
}
