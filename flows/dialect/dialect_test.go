package dialect

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

const tenant = "11111111-2222-3333-4444-555555555555"

// rows are what the table of dialects is to say: one for each provider that is
// told by data.
var rows = map[string]struct {
	issuers    []string // recognized and fit to use
	wrong      []string // recognized or named, and not fit
	elsewhere  []string // not recognized: anybody could have them
	redirect   string   // the first candidate; empty: any port of 127.0.0.1
	scopes     string   // of a sign-in that asks for email, where the metadata lists offline_access
	parameters string   // of the authorization request, by the dialect
	org        [3]string
	hint       [3]string // code, description, words of what to do
}{
	"okta": {
		issuers: []string{"https://corp.okta.com", "https://corp.okta.com/oauth2/default",
			"https://corp.oktapreview.com/oauth2/aus1B2", "https://CORP.okta.com"},
		wrong: []string{"https://corp.okta.com/", "https://corp.okta.com/oauth2/default/", "https://corp-admin.okta.com",
			"https://corp.okta.com/login"},
		elsewhere: []string{"https://okta.com.evil.example", "https://evilokta.com", "http://corp.okta.com"},
		redirect:  "http://127.0.0.1:8400/callback", scopes: "openid offline_access email",
		org:  [3]string{"https://corp.okta.com", "aus1", "https://corp.okta.com/oauth2/aus1"},
		hint: [3]string{"access_denied", "Policy evaluation failed for this request", "Access Policies"},
	},
	"entra": {
		issuers: []string{"https://login.microsoftonline.com/" + tenant + "/v2.0",
			"https://login.microsoftonline.us/" + tenant + "/v2.0"},
		wrong: []string{"https://login.microsoftonline.com/common/v2.0",
			"https://login.microsoftonline.com/corp.example/v2.0", "https://sts.windows.net/" + tenant + "/",
			"https://login.microsoftonline.com/" + tenant + "/v2.0/", "https://login.microsoftonline.com"},
		redirect: "http://localhost:0/callback", scopes: "openid offline_access email",
		org: [3]string{"https://login.microsoftonline.com", tenant, "https://login.microsoftonline.com/" + tenant + "/v2.0"},
		hint: [3]string{"invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.",
			"flow pkce or flow paste"},
	},
	"google": {
		issuers: []string{"https://accounts.google.com"}, wrong: []string{"https://accounts.google.com/"},
		elsewhere: []string{"https://accounts.google.com.evil.example"},
		scopes:    "openid email", parameters: "access_type=offline&prompt=consent",
		hint: [3]string{"invalid_request", "client_secret is missing.", "client secret FILE"},
	},
	"auth0": {
		issuers:  []string{"https://corp.eu.auth0.com/"},
		wrong:    []string{"https://corp.eu.auth0.com", "https://corp.eu.auth0.com/x/"},
		redirect: "http://127.0.0.1:8400/callback", scopes: "openid offline_access email",
		hint: [3]string{"unauthorized_client", "Grant type 'refresh_token' not allowed for the client.", "Grant Types"},
	},
	"keycloak": {
		issuers: []string{},
		wrong:   []string{"https://k.example", "https://k.example/realms/corp/", "https://k.example/realms/"},
		scopes:  "openid offline_access email",
		org: [3]string{"https://k.example/auth/realms/corp", "other realm",
			"https://k.example/auth/realms/other%20realm"},
		hint: [3]string{"not_allowed", "Offline tokens not allowed for the user or client", "realm role offline_access"},
	},
	"dex": {scopes: "openid offline_access email",
		hint: [3]string{"invalid_client", "Invalid client credentials.", "public: true"}},
	"pingone": {
		issuers: []string{"https://auth.pingone.eu/" + tenant + "/as"},
		wrong:   []string{"https://auth.pingone.eu/", "https://auth.pingone.eu/" + tenant},
		scopes:  "openid offline_access email",
		org:     [3]string{"https://auth.pingone.eu", tenant, "https://auth.pingone.eu/" + tenant + "/as"},
		hint:    [3]string{"invalid_scope", "", "offline_access"},
	},
	"cognito": {
		issuers: []string{"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC"},
		wrong: []string{"https://cognito-idp.eu-central-1.amazonaws.com/",
			"https://corp.auth.eu-central-1.amazoncognito.com"},
		elsewhere: []string{"https://cognito-idp.bucket.s3.amazonaws.com/eu-central-1_AbC",
			"https://cognito-idp..amazonaws.com/x_y", "https://oidc.eks.eu-central-1.amazonaws.com/id/1"},
		redirect: "http://localhost:8400/callback", scopes: "openid email",
		hint: [3]string{"invalid_client", "", "without"},
	},
	"gitlab": {issuers: []string{"https://gitlab.com"}, elsewhere: []string{"https://corp.gitlab.com"},
		scopes: "openid email", hint: [3]string{"invalid_scope", "x", "openid"}},
}

func TestDialectsOfHostedProviders(t *testing.T) {
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d := Named(name)
			if d == nil {
				t.Fatal("there is none")
			}
			check := d.CheckIssuer
			if check == nil {
				check = func(string) error { return nil }
			}
			for _, issuer := range row.issuers {
				if got := Of(issuer); got != d {
					t.Errorf("%s: taken for %s", issuer, got.Name)
				}
				if err := check(issuer); err != nil {
					t.Errorf("%s: %v", issuer, err)
				}
			}
			for _, issuer := range row.wrong {
				if err := check(issuer); err == nil {
					t.Errorf("%s: taken", issuer)
				} else if flows.Clean(err.Error(), 400) != err.Error() {
					t.Errorf("%s: %q does not print", issuer, err)
				}
			}
			for _, issuer := range row.elsewhere {
				if Of(issuer) == d {
					t.Errorf("%s: recognized", issuer)
				}
			}
			if got := strings.Join(d.RedirectURIs, " "); row.redirect != "" && !strings.HasPrefix(got, row.redirect) ||
				row.redirect == "" && got != "" {
				t.Errorf("redirect URIs %q", got)
			}
			for _, uri := range d.RedirectURIs {
				if _, err := flows.CheckRedirectURI(uri); err != nil {
					t.Error(err)
				}
			}
			p := &flows.Provider{Dialect: d, Metadata: flows.Metadata{ScopesSupported: []string{"offline_access"}}}
			if got := strings.Join(p.Scopes([]string{"email"}, false), " "); got != row.scopes {
				t.Errorf("scopes %q, want %q", got, row.scopes)
			}
			form := url.Values{}
			for _, param := range slices.Concat(d.AuthParams, d.OfflineParams) {
				form.Set(param.Name, param.Value)
			}
			if form.Encode() != row.parameters {
				t.Errorf("parameters %q, want %q", form.Encode(), row.parameters)
			}
			if rule := d.Organization.Issuer; (rule != nil) != (row.org[2] != "") {
				t.Errorf("organizations as issuers: %v", rule != nil)
			} else if rule != nil {
				once := rule(row.org[0], row.org[1])
				if once != row.org[2] || rule(once, row.org[1]) != once {
					t.Errorf("organization %q: %q, then %q, want %q", row.org[1], once, rule(once, row.org[1]), row.org[2])
				}
			}
			if say := d.Hint(&flows.OAuthError{Code: row.hint[0], Description: row.hint[1]}, nil); !strings.Contains(say,
				row.hint[2]) {
				t.Errorf("hint %q", say)
			}
			if say := d.Hint(&flows.OAuthError{Code: "no_such_error"}, nil); say != "" {
				t.Errorf("of an error that nobody knows: %q", say)
			}
		})
	}
}

// What holds for all of them.
func TestEveryDialect(t *testing.T) {
	var names, hosts []string
	for _, d := range All() {
		if slices.Contains(names, d.Name) {
			t.Errorf("%s is there twice", d.Name)
		}
		names = append(names, d.Name)
		for _, h := range d.Hosts {
			if slices.Contains(hosts, h) {
				t.Errorf("%s: host %s is there twice", d.Name, h)
			}
			hosts = append(hosts, h)
		}
		if d.Name == "oidc" {
			continue
		}
		if d.Title == "" || len(d.Register) == 0 || len(d.Hints) == 0 {
			t.Errorf("%s lacks a title, what to register, or hints", d.Name)
		}
		for _, h := range d.Hints {
			if h.Say == "" || h.Code == "" && h.Word == "" {
				t.Errorf("%s: a hint without words, or for every error: %+v", d.Name, h)
			}
			if got := d.Hint(&flows.OAuthError{Code: h.Code, Description: h.Word}, nil); got != (flows.Names)(nil).Fill(h.Say) {
				t.Errorf("%s: the hint for %s %s is never given: %q stands before it", d.Name, h.Code, h.Word, got)
			}
		}
		page, err := os.ReadFile("../../docs/providers/" + d.Name + ".md")
		if err != nil || !strings.Contains(string(page), "\n```yaml\nversion: 1\n") {
			t.Errorf("%s: docs/providers has no page with a profile: %v", d.Name, err)
		}
	}
}

func TestEndedInAProvidersOwnWords(t *testing.T) {
	for _, c := range []struct {
		dialect, code, words string
		want                 bool
	}{
		{"oidc", "invalid_grant", "", true},
		// many do not name Dex
		{"oidc", "invalid_request", "Refresh token is invalid or has already been claimed by another client.", true},
		{"oidc", "invalid_request", "Refresh token expired.", true},
		{"oidc", "invalid_request", "The refresh token parameter is missing.", false},
		{"keycloak", "invalid_request", "Refresh token expired.", false},
		{"dex", "invalid_request", "Refresh token is invalid or has already been claimed by another client.", true},
		{"dex", "invalid_request", "No refresh token is found in request.", false},
	} {
		p := &flows.Provider{Dialect: Named(c.dialect)}
		if got := p.EndsSession(&flows.OAuthError{Code: c.code, Description: c.words}); got != c.want {
			t.Errorf("%s: %s (%s): %v", c.dialect, c.code, c.words, got)
		}
	}
}

// Dex is recognized by where it has its endpoints, and nobody else is.
func TestDexByItsMetadata(t *testing.T) {
	for _, c := range []struct{ dialect, issuer, device, token, want string }{
		{"oidc", "https://dex.example", "https://dex.example/device/code", "https://dex.example/token", "dex"},
		{"oidc", "https://example.com/dex", "https://example.com/dex/device/code", "https://example.com/dex/token", "dex"},
		{"oidc", "https://dex.example/", "https://dex.example/device/code", "https://dex.example/token", "dex"},
		// Auth0
		{"oidc", "https://login.example", "https://login.example/oauth/device/code", "https://login.example/oauth/token",
			"oidc"},
		{"oidc", "https://login.example", "https://other.example/device/code", "https://login.example/token", "oidc"},
		{"oidc", "https://login.example", "https://login.example/device/code", "https://login.example/v1/token", "oidc"},
		{"keycloak", "https://k.example/realms/a", "https://k.example/realms/a/device/code",
			"https://k.example/realms/a/token", "keycloak"},
	} {
		raw, err := json.Marshal(map[string]string{"issuer": c.issuer, "device_authorization_endpoint": c.device,
			"token_endpoint": c.token})
		if err != nil {
			t.Fatal(err)
		}
		p, err := flows.ParseProvider(http.DefaultClient, Named(c.dialect), c.issuer, "", raw, json.RawMessage(`{}`))
		if err != nil || p.Dialect.Name != c.want {
			t.Errorf("%+v: %v, %v", c, p, err)
		}
	}
}

// What a provider wants of the person for one token is no end of the session, that
// serves others.
func TestStepUpInAProvidersOwnWords(t *testing.T) {
	for _, c := range []struct {
		dialect, code, words string
		want                 bool
	}{
		{"oidc", "interaction_required", "", true},
		{"oidc", "invalid_grant", "AADSTS65001: The user or administrator has not consented to use the application.", false},
		{"entra", "invalid_grant", "AADSTS65001: The user or administrator has not consented to use the application.", true},
		{"entra", "invalid_grant", "AADSTS50076: Due to a configuration change made by your administrator, you must use " +
			"multi-factor authentication.", true},
		{"entra", "invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.", true},
		{"entra", "invalid_grant", "AADSTS530034: A delegated administrator was blocked.", true},
		{"entra", "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.", false},
		{"entra", "invalid_grant", "AADSTS50173: The provided grant has expired due to it being revoked.", false},
		{"entra", "invalid_client", "AADSTS50076: never so.", false},
		{"auth0", "mfa_required", "Multifactor authentication required", true},
		{"auth0", "invalid_grant", "Unknown or invalid refresh token.", false},
		{"workos", "sso_required", "", true},
	} {
		p := &flows.Provider{Dialect: Named(c.dialect)}
		if got := p.NeedsPerson(&flows.OAuthError{Code: c.code, Description: c.words}); got != c.want {
			t.Errorf("%s: %s (%s): %v", c.dialect, c.code, c.words, got)
		}
	}
}

func TestEntraTakesResourcesAsScopes(t *testing.T) {
	for _, c := range []struct{ what, scope, resource, want string }{
		{flows.RequestAuthorization, "openid offline_access", "api://orders", "openid offline_access api://orders/.default"},
		{flows.RequestRefresh, "openid api://orders/.default", "api://orders", "openid api://orders/.default"},
		{flows.RequestRefresh, "openid", "", "openid"},
		{flows.RequestCode, "", "api://orders", ""},
	} {
		form := url.Values{"resource": {c.resource}}
		if c.resource == "" {
			form.Del("resource")
		}
		if c.scope != "" {
			form.Set("scope", c.scope)
		}
		adaptEntra(c.what, form)
		if form.Get("scope") != c.want || form.Has("resource") {
			t.Errorf("%+v: %v", c, form)
		}
	}
}

func TestSignOutPages(t *testing.T) {
	in := flows.SignedIn{ClientID: "cli", Account: "alice@corp.example"}
	for name, c := range map[string]struct {
		metadata flows.Metadata
		want     string
	}{
		"okta": {flows.Metadata{Issuer: "https://corp.okta.com/oauth2/default",
			EndSessionEndpoint: "https://corp.okta.com/oauth2/default/v1/logout"}, "https://corp.okta.com/login/signout"},
		"auth0": {flows.Metadata{Issuer: "https://corp.auth0.com/"}, "https://corp.auth0.com/v2/logout?client_id=cli"},
		"cognito": {flows.Metadata{TokenEndpoint: "https://corp.auth.example/oauth2/token"},
			"https://corp.auth.example/logout?client_id=cli&redirect_uri=http%3A%2F%2Flocalhost%3A8400%2Fcallback&response_type=code"},
		"google": {flows.Metadata{}, ""},
	} {
		d := Named(name)
		if got := d.SignOut(&flows.Provider{Dialect: d, Metadata: c.metadata}, in); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A refresh names its scopes where the refresh token is not bound to them: else
// it would be for what another profile signed in for.
func TestRefreshNamesFreeScopes(t *testing.T) {
	var got url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r.PostForm
		_, _ = io.WriteString(w, `{"access_token":"at","token_type":"Bearer"}`)
	}))
	defer server.Close()
	for name, want := range map[string]string{"entra": "openid offline_access", "oidc": ""} {
		metadata := fmt.Appendf(nil, `{"issuer":%q,"token_endpoint":"%s/token"}`, server.URL, server.URL)
		p, err := flows.ParseProvider(server.Client(), Named(name), server.URL, "", metadata,
			json.RawMessage(`{"keys":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Refresh(t.Context(), flows.Client{ID: "cli"}, credential.NewSecret("rt"), flows.Target{}); err != nil {
			t.Fatal(err)
		}
		if got.Get("scope") != want {
			t.Errorf("%s: scope %q, want %q", name, got.Get("scope"), want)
		}
	}
}

func TestFederatedAudienceOfEntra(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://login.microsoftonline.com/t/v2.0":        "api://AzureADTokenExchange",
		"https://login.microsoftonline.us/t/v2.0":         "api://AzureADTokenExchangeUSGov",
		"https://login.partner.microsoftonline.cn/t/v2.0": "api://AzureADTokenExchangeChina",
	} {
		if got := Of(issuer).FederatedAudience(issuer); got != want {
			t.Errorf("%s: %q, want %q", issuer, got, want)
		}
	}
}
