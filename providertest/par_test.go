package providertest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// push pushes a request and returns its reference.
func push(t *testing.T, p *providertest.Provider, params url.Values) string {
	t.Helper()
	res := noRedirects(p).post(t, endpointURL(p, "par"), params)
	var answer struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(res.text), &answer); err != nil || res.StatusCode != http.StatusCreated ||
		answer.RequestURI == "" || answer.ExpiresIn <= 0 {
		t.Fatalf("%d: %s", res.StatusCode, res.text)
	}
	return answer.RequestURI
}

func TestPushedRequests(t *testing.T) {
	clock := newClock()
	p := providertest.New(t,
		providertest.Config{Now: clock.Now, RequirePAR: true,
			Clients: []providertest.Client{{ID: "cli"}, {ID: "other"}, {ID: "basic", Secret: "s"}}})
	open := func(params url.Values) string {
		res := noRedirects(p).get(t, endpointURL(p, "authorize?")+params.Encode())
		if location, err := url.Parse(res.Header.Get("Location")); err == nil && res.StatusCode == http.StatusFound {
			if q := location.Query(); q.Has("code") && q.Get("state") == "s" {
				return "code"
			}
			return location.Query().Get("error")
		}
		return res.Status[:3]
	}
	uri := push(t, p, authorizeParams())
	for _, c := range []struct {
		name   string
		params url.Values
		want   string
	}{
		{"not pushed", authorizeParams(), "invalid_request"},
		{"another client's", form("client_id", "other", "request_uri", uri), "400"},
		{"unknown", form("client_id", "cli", "request_uri", uri+"x"), "400"},
		{"something next to it", form("client_id", "cli", "request_uri", uri, "scope", "openid"), "400"},
		{"good", form("client_id", "cli", "request_uri", uri), "code"},
		{"again", form("client_id", "cli", "request_uri", uri), "400"},
	} {
		if got := open(c.params); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if v := p.Violations(); len(v) != 2 || !strings.Contains(v[0], "scope next to") || !strings.Contains(v[1], "twice") {
		t.Errorf("violations: %q", v)
	}
	late := push(t, p, authorizeParams())
	clock.advance(time.Minute)
	if got := open(form("client_id", "cli", "request_uri", late)); got != "400" {
		t.Errorf("too late: %s", got)
	}
	for name, change := range map[string]func(url.Values){
		"redirect_uri":          func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
		"request_uri":           func(q url.Values) { q.Set("request_uri", uri) },
		"code_challenge_method": func(q url.Values) { q.Set("code_challenge_method", "plain") },
		"max_age":               func(q url.Values) { q.Set("max_age", "-1") },
		"claims":                func(q url.Values) { q.Set("claims", "[]") },
	} {
		params := authorizeParams()
		change(params)
		if res := noRedirects(p).post(t, endpointURL(p, "par"), params); res.oauthError() != "invalid_request" ||
			res.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.text)
		}
	}
	params := authorizeParams()
	params.Set("client_id", "basic")
	if res := noRedirects(p).post(t, endpointURL(p, "par"), params); res.oauthError() != "invalid_client" {
		t.Errorf("without its secret: %s", res.text)
	}
}

func TestPushedRequestForm(t *testing.T) {
	p := providertest.New(t, providertest.Config{RequirePAR: true, LoginForm: true})
	params := form("client_id", "cli", "request_uri", push(t, p, authorizeParams()))
	for range 2 { // a person may load the form again
		if res := noRedirects(p).get(t, endpointURL(p, "authorize?")+params.Encode()); res.StatusCode != 200 ||
			!strings.Contains(res.text, "request_uri") || strings.Contains(res.text, "code_challenge") {
			t.Fatalf("%d: %s", res.StatusCode, res.text)
		}
	}
	params.Set("decision", "allow")
	if res := noRedirects(p).post(t, endpointURL(p, "authorize"), params); res.StatusCode != http.StatusSeeOther ||
		!strings.Contains(res.Header.Get("Location"), "code=") {
		t.Errorf("%d: %v", res.StatusCode, res.Header)
	}
}
