package dialect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

func TestGitHubHosts(t *testing.T) {
	for _, c := range []struct{ issuer, dialect, api, bad string }{
		{"https://github.com", "github", "https://api.github.com", ""},
		{"https://corp.ghe.com", "github", "https://api.corp.ghe.com", ""},
		{"https://ghe.corp.example", "oidc", "https://ghe.corp.example/api/v3", ""},
		{"https://ghe.corp.example:8443", "oidc", "https://ghe.corp.example:8443/api/v3", ""},
		{"https://github.com/", "github", "", "without a path"},
		{"https://github.com/login/oauth", "github", "", "without a path"},
		{"https://github.com?", "github", "", "without a path"},
		{"https://github.com.evil.example", "oidc", "https://github.com.evil.example/api/v3", ""},
		{"https://evilghe.com", "oidc", "https://evilghe.com/api/v3", ""},
		{"http://github.com", "oidc", "http://github.com/api/v3", ""},
	} {
		if d := Of(c.issuer); d.Name != c.dialect {
			t.Errorf("%s is recognized as %s, want %s", c.issuer, d.Name, c.dialect)
		}
		err := checkGitHubIssuer(c.issuer)
		if (err != nil) != (c.bad != "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v", c.issuer, err)
		}
		if c.bad == "" && gitHubAPI(c.issuer) != c.api {
			t.Errorf("the API of %s is %s, want %s", c.issuer, gitHubAPI(c.issuer), c.api)
		}
	}
}

func TestGitHubAdapt(t *testing.T) {
	form := url.Values{"response_type": {"code"}, "scope": {""}, "login_hint": {"alice"}, "state": {"s"}}
	gitHubAdapt(flows.RequestAuthorization, form)
	if form.Encode() != "login=alice&state=s" {
		t.Errorf("authorize: %s", form.Encode())
	}
	form = url.Values{"scope": {"repo read:org"}}
	gitHubAdapt(flows.RequestDevice, form)
	if form.Get("scope") != "repo read:org" {
		t.Errorf("device: %s", form.Encode())
	}
}

// gitHubServer is an Enterprise Server on this machine, whose answers a test sets.
type gitHubServer struct {
	*httptest.Server
	kind, body string // of the token endpoint
	user       func(http.ResponseWriter)
}

func newGitHubServer(t *testing.T) (*gitHubServer, *flows.Provider) {
	t.Helper()
	s := &gitHubServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login/oauth/access_token":
			w.Header().Set("Content-Type", s.kind)
			_, _ = io.WriteString(w, s.body)
		case "/api/v3/user":
			s.user(w)
		default:
			t.Errorf("a request for %s", r.URL.Path)
		}
	}))
	t.Cleanup(s.Close)
	p, err := flows.Discover(t.Context(), s.Client(), gitHub, s.URL, "id")
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// TestGitHubAnswers reads what GitHub says under status 200, as JSON and as a form.
func TestGitHubAnswers(t *testing.T) {
	s, p := newGitHubServer(t)
	refresh := func() (*credential.TokenSet, error) {
		return p.Refresh(context.Background(), flows.Client{ID: "id"}, credential.NewSecret("ghr_old"), flows.Target{})
	}
	for _, c := range []struct {
		kind, body string
		scopes     []string
		code       string
		ends       bool
	}{
		{"application/json; charset=utf-8", `{"access_token":"gho_x","scope":"repo,gist","token_type":"bearer"}`,
			[]string{"repo", "gist"}, "", false},
		{"application/json", `{"access_token":"gho_x","scope":"repo, gist read:org,","token_type":"bearer"}`,
			[]string{"repo", "gist", "read:org"}, "", false},
		{"application/x-www-form-urlencoded", "access_token=gho_x&scope=repo%2Cgist&token_type=bearer",
			[]string{"repo", "gist"}, "", false},
		{"application/json", `{"access_token":"ghu_x","scope":"","token_type":"bearer","expires_in":28800}`, nil, "", false},
		{"application/json", `{"error":"bad_refresh_token","error_description":"ghr_old is incorrect or expired."}`, nil,
			"bad_refresh_token", true},
		{"application/x-www-form-urlencoded; charset=utf-8", "error=bad_refresh_token&error_description=no", nil,
			"bad_refresh_token", true},
		{"application/json", `{"error":"incorrect_client_credentials"}`, nil, "incorrect_client_credentials", false},
		{"application/json", `{"error":"token_expired"}`, nil, "expired_token", false},
	} {
		s.kind, s.body = c.kind, c.body
		set, err := refresh()
		var refusal *flows.OAuthError
		if c.code == "" {
			if err != nil || set.TokenType != "Bearer" || !slices.Equal(set.Scopes, c.scopes) ||
				set.ExpiresAt.IsZero() != !strings.Contains(c.body, "expires_in") {
				t.Errorf("%s: %v, %v", c.body, set, err)
			}
			continue
		}
		if !errors.As(err, &refusal) || refusal.Code != c.code || p.EndsSession(refusal) != c.ends ||
			strings.Contains(err.Error(), "ghr_old") {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

// TestGitHubUser asks whose token it is.
func TestGitHubUser(t *testing.T) {
	s, p := newGitHubServer(t)
	says := func(status int, body string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	ask := func(subject string) (credential.Identity, error) {
		return gitHubIdentify(context.Background(), p, &credential.TokenSet{AccessToken: credential.NewSecret("gho_secret")},
			nil, flows.Expect{Subject: subject})
	}
	s.user = says(200, `{"login":"octo\u001bcat","id":583231,"email":null,"name":"The Octocat"}`)
	who, err := ask("")
	if err != nil || who.Issuer != s.URL || who.Subject != "583231" || who.Name != "octocat" || who.Email != "" {
		t.Errorf("%+v, %v", who, err)
	}
	var other *flows.SubjectError
	if _, err := ask("1"); !errors.As(err, &other) {
		t.Errorf("another person: %v", err)
	}
	var outage *flows.UnavailableError
	var refusal *flows.OAuthError
	var verify *flows.VerifyError
	for name, c := range map[string]struct {
		user func(http.ResponseWriter)
		as   any
		want string
	}{
		"revoked": {says(401, `{"message":"Bad credentials gho_secret"}`), &refusal, "Bad credentials [secret]"},
		"SSO":     {says(403, `{"message":"SAML enforcement"}`), &refusal, "SAML enforcement"},
		"rate limit": {says(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0"), &outage,
			"rate limit"},
		"second limit": {says(403, `{"message":"abuse"}`, "Retry-After", "60"), &outage, "rate limit"},
		"too many":     {says(429, `{}`), &outage, "status 429"},
		"nobody":       {says(200, `{}`), &verify, "names nobody"},
		"a page":       {says(200, `<html>`), &outage, "JSON"},
		"empty":        {says(404, ``), &refusal, "status 404"},
		"elsewhere":    {says(302, ``, "Location", "https://elsewhere.example/user"), &outage, "elsewhere.example"},
	} {
		s.user = c.user
		_, err := ask("")
		if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "gho_secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.StillTakes(context.Background(), credential.NewSecret("gho_secret"), flows.Expect{}); !errors.As(err,
		&outage) && !errors.As(err, &refusal) && !errors.As(err, &verify) {
		t.Errorf("StillTakes says %v", err)
	}
}

// TestGitHubHints has one for each refusal that GitHub documents.
func TestGitHubHints(t *testing.T) {
	for _, code := range []string{"device_flow_disabled", "incorrect_client_credentials", "incorrect_device_code",
		"unsupported_grant_type",
		"redirect_uri_mismatch", "bad_verification_code", "unverified_user_email", "application_suspended",
		"bad_refresh_token"} {
		if gitHub.Hint(&flows.OAuthError{Code: code}, nil) == "" {
			t.Errorf("nothing is known of %s", code)
		}
	}
	if !flows.Unusable(&flows.OAuthError{Doing: "device sign-in", Code: "device_flow_disabled"}) {
		t.Error("a device flow that is switched off leaves no turn to another flow")
	}
	p := &flows.Provider{Dialect: gitHub, Metadata: gitHubEndpoints(gitHubCom, "")}
	err := p.PKCE(context.Background(), flows.SignIn{Client: flows.Client{ID: "id"}}, nil, nil)
	if !errors.Is(err, flows.ErrNotSupported) || !flows.Unusable(err) {
		t.Errorf("without a secret: %v", err)
	}
}
