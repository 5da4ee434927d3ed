package apikey

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestFromRequest(t *testing.T) {
	key, other := generate(t, live), generate(t, live)
	k, o := key.Reveal(), other.Reveal()
	type header = http.Header
	for _, c := range []struct {
		name, target string
		header       header
		want         error
	}{
		{"nothing", "/", nil, ErrMissing},
		{"bearer", "/", header{"Authorization": {"Bearer " + k}}, nil},
		{"bearer, otherwise spelt", "/?q=1", header{"Authorization": {"bEARER   " + k}}, nil},
		{"X-API-Key", "/", header{"X-Api-Key": {k}}, nil},
		{"the same in both", "/", header{"Authorization": {"Bearer " + k}, "X-Api-Key": {k}}, nil},
		{"another in each", "/", header{"Authorization": {"Bearer " + k}, "X-Api-Key": {o}}, ErrAmbiguous},
		{"two of one header", "/", header{"X-Api-Key": {k, o}}, ErrAmbiguous},
		{"two of the other", "/", header{"Authorization": {"Bearer " + o, "Bearer " + k}}, ErrAmbiguous},
		{"Basic next to it", "/", header{"Authorization": {"Basic eDp5"}, "X-Api-Key": {k}}, nil},
		{"Basic alone", "/", header{"Authorization": {"Basic eDp5"}}, ErrMissing},
		{"no scheme", "/", header{"Authorization": {k}}, ErrMissing},
		{"two in one line", "/", header{"Authorization": {"Bearer " + k + ", Bearer " + k}}, ErrInvalid},
		{"a scheme alone", "/", header{"Authorization": {"Bearer"}}, ErrInvalid},
		{"an empty header", "/", header{"X-Api-Key": {""}}, ErrInvalid},
		{"another's token", "/", header{"Authorization": {"Bearer eyJhbGciOi.e30.x"}}, ErrInvalid},
		{"in the query", "/?api_key=" + k, nil, ErrInURL},
		{"in the query next to a header", "/?x=" + o, header{"X-Api-Key": {k}}, ErrInURL},
		{"in the path", "/v1/" + k + "/x", nil, ErrInURL},
		{"escaped", "/?k=" + strings.ReplaceAll(url.QueryEscape(k), "_", "%5F"), nil, ErrInURL},
		{"escaped, next to a broken escape", "/?a=%zz&k=" + k, nil, ErrInURL},
		{"only its ID in the path", "/keys/key_0123456789abcdef", header{"X-Api-Key": {k}}, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		r.Header = c.header
		got, err := live.FromRequest(r)
		if !errors.Is(err, c.want) || (c.want == nil) != got.Equal(key) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), k[10:20]) || strings.Contains(err.Error(), o[10:20])) {
			t.Errorf("%s: the key is in the error: %v", c.name, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	i, _ := newIssuer(NewMemoryStore())
	_, parse := live.Parse("acme_live_typo")
	const realm = `Bearer realm="acme_live"`
	for _, c := range []struct {
		err       error
		status    int
		challenge string // after the realm
		body      string
	}{
		// RFC 6750 §3.1: no error code where there was no credential.
		{ErrMissing, 401, realm, `{"error_description":"no API key was sent"}`},
		{ErrInvalid, 401, realm + `, error="invalid_token", error_description="not a valid API key"`,
			`{"error":"invalid_token","error_description":"not a valid API key"}`},
		{parse, 401, realm + `, error="invalid_token", error_description="not a valid API key"`,
			`{"error":"invalid_token","error_description":"not a valid API key"}`},
		{ErrExpired, 401, realm + `, error="invalid_token", error_description="the API key has expired"`, ""},
		{fmt.Errorf("x: %w", ErrRevoked), 401,
			realm + `, error="invalid_token", error_description="the API key has been revoked"`, ""},
		{&ScopeError{[]string{"b", "a"}}, 403,
			realm + `, error="insufficient_scope", error_description="the API key's scopes do not cover this", scope="a b"`, ""},
		{&ScopeError{[]string{"a\"\r\nX: y"}}, 403,
			realm + `, error="insufficient_scope", error_description="the API key's scopes do not cover this"`, ""},
		{ErrInURL, 400, realm + `, error="invalid_request", error_description="` + ErrInURL.Error() + `"`, ""},
		{ErrAmbiguous, 400, realm + `, error="invalid_request", error_description="` + ErrAmbiguous.Error() + `"`, ""},
		{fmt.Errorf("look the API key up: %w", errDown), 503, "",
			`{"error":"temporarily_unavailable","error_description":"keys cannot be checked now: try again later"}`},
	} {
		w := httptest.NewRecorder()
		i.Refuse(w, c.err)
		body := strings.TrimSpace(w.Body.String())
		if w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge || (c.body != "" && body != c.body) {
			t.Errorf("%v: %d\n%s\n%s", c.err, w.Code, w.Header().Get("WWW-Authenticate"), body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: %v", c.err, w.Header())
		}
		// RFC 6750 §3: what may stand in error_description.
		for _, r := range c.challenge {
			if r < ' ' || r > '~' || r == '\\' {
				t.Errorf("%v: %q in the challenge", c.err, r)
			}
		}
	}
}

// What is unknown and what is malformed get the same answer, to the byte.
func TestUnknownLooksLikeMalformed(t *testing.T) {
	i, _ := newIssuer(NewMemoryStore())
	var answers []string
	unknown := generate(t, live).Reveal()
	for _, sent := range []string{unknown, unknown[:40], "x", "acme_test_" + unknown[10:],
		unknown[:len(unknown)-1] + "!"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+sent)
		_, err := i.CheckRequest(r)
		w := httptest.NewRecorder()
		i.Refuse(w, err)
		answers = append(answers, fmt.Sprint(w.Code, w.Header(), w.Body))
	}
	for _, a := range answers[1:] {
		if a != answers[0] {
			t.Errorf("%s\n%s", a, answers[0])
		}
	}
}
