package dialect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// GitHub is OAuth without OpenID Connect: no metadata, no ID token, refusals under
// status 200, scopes with commas. Who signed in is asked of its API. The issuer is
// https://github.com, https://NAME.ghe.com, or a GitHub Enterprise Server's address.
//
// Tokens of an OAuth app have no end and no refresh token: they serve until
// somebody revokes them. Those of a GitHub App live for 8 hours, with a refresh
// token that is good once, for six months, unless its owner opts out
// (docs.github.com, "Authorizing OAuth apps", "Refreshing user access tokens").
var gitHub = &flows.Dialect{
	Name: "github", Title: "GitHub",
	Hosts:  []string{"github.com", ".ghe.com"},
	Issuer: "https://github.com",

	Known: gitHubEndpoints, NoMetadata: true, CheckIssuer: checkGitHubIssuer,
	Register: []string{
		"Settings > Developer settings > OAuth Apps (or GitHub Apps) > New; or an organization's settings, the same way",
		"Authorization callback URL: http://127.0.0.1/callback (GitHub takes any port of a loopback address)",
		"Enable Device Flow: yes. It needs no client secret, which a sign-in in the browser does: Generate a new " +
			"client secret",
	},
	NoOpenID: true, Offline: flows.OfflineNever, CodeNeedsSecret: true, NoDevicePKCE: true, Lasting: true,
	Lacks: []string{"organization", "audience", "resource"},
	Ended: []string{"bad_refresh_token"},

	NoRevocation:        "only the app's owner can do that, with the client's secret ({client_secret})",
	InsteadOfRevocation: "to end it yourself: Settings > Applications > Authorized OAuth Apps (or GitHub Apps)",
	SignOut:             func(p *flows.Provider, _ flows.SignedIn) string { return p.Issuer + "/logout" },
	Hints: []flows.RefusalHint{
		{Code: "device_flow_disabled",
			Say: "tick Enable Device Flow in the app's settings at GitHub, or sign in with {flow} pkce and the client's " +
				"secret"},
		{Code: "incorrect_client_credentials",
			Say: "is it the client ID of the app's settings page (not the app ID), and its secret? A sign-in in the " +
				"browser needs that: {client_secret} FILE, or {flow} device without"},
		{Code: "incorrect_device_code", Say: "begin again: GitHub does not know the code any more"},
		{Code: "unsupported_grant_type",
			Say: "does this GitHub have device sign-ins? GitHub Enterprise Server has them since 3.1"},
		{Code: "redirect_uri_mismatch",
			Say: "set the app's callback URL to http://127.0.0.1/callback: the port does not matter there, the path does"},
		{Code: "bad_verification_code", Say: "begin again: the code was older than ten minutes, or had been used"},
		{Code: "unverified_user_email",
			Say: "verify your primary e-mail address at GitHub (Settings > Emails), and sign in again"},
		{Code: "application_suspended", Say: "GitHub has suspended this app: its owner must ask GitHub's support"},
		{Code: "bad_refresh_token",
			Say: "the refresh token was used before, revoked, or is older than six months: sign in again"},
	},

	Adapt: gitHubAdapt, Refusal: gitHubRefusal, Tokens: gitHubTokens, Identify: gitHubIdentify, Revoke: gitHubRevoke,
}

const gitHubCom = "https://github.com"

func gitHubEndpoints(issuer, _ string) flows.Metadata {
	return flows.Metadata{
		AuthorizationEndpoint:       issuer + "/login/oauth/authorize",
		TokenEndpoint:               issuer + "/login/oauth/access_token",
		DeviceAuthorizationEndpoint: issuer + "/login/device/code",
		TokenEndpointAuthMethods:    []string{flows.AuthSecretPost},
	}
}

// gitHubAPI is where the API of an issuer is; no token goes anywhere else.
func gitHubAPI(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return issuer // it was parsed before
	case issuer == gitHubCom, strings.HasSuffix(u.Hostname(), ".ghe.com"):
		return u.Scheme + "://api." + u.Host
	}
	return issuer + "/api/v3"
}

func checkGitHubIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Path != "" || u.RawQuery != "" || strings.HasSuffix(issuer, "?") {
		return fmt.Errorf("GitHub's issuer is %s, or the address of your GitHub Enterprise, without a path: %s", gitHubCom,
			flows.Clean(issuer, 200))
	}
	return nil
}

// gitHubAdapt takes out what GitHub does not know, and says login_hint its way.
func gitHubAdapt(what string, form url.Values) {
	if form.Get("scope") == "" {
		form.Del("scope")
	}
	if what == flows.RequestAuthorization {
		form.Del("response_type")
		if hint := form.Get("login_hint"); hint != "" {
			form.Set("login", hint)
		}
		form.Del("login_hint")
	}
}

// gitHubRefusal has a device code's end by the name that the documentation also
// has for it. All other refusals are as in the standard, except for their status.
func gitHubRefusal(doing string, a *flows.Answer, fields flows.Fields) error {
	if fields.Text("error") != "token_expired" {
		return nil
	}
	return &flows.OAuthError{Doing: doing, Code: "expired_token",
		Description: a.Words(fields.Text("error_description"), 300), Status: a.Status, Skew: a.Skew()}
}

// gitHubTokens reads scopes that stand between commas.
func gitHubTokens(set *credential.TokenSet, _ flows.Fields) {
	var scopes []string
	for _, s := range set.Scopes {
		scopes = append(scopes, strings.FieldsFunc(s, func(r rune) bool { return r == ',' })...)
	}
	set.Scopes = scopes
}

const doingUser = "ask GitHub who signed in"

// gitHubIdentify asks the API whose token it is. The subject is the account's
// number, which stays when it is renamed.
func gitHubIdentify(ctx context.Context, p *flows.Provider, set *credential.TokenSet, _ flows.Fields,
	want flows.Expect) (credential.Identity, error) {
	var none credential.Identity
	req, err := http.NewRequest(http.MethodGet, gitHubAPI(p.Issuer)+"/user", nil)
	if err != nil {
		return none, err
	}
	req.Header.Set("Authorization", "Bearer "+set.AccessToken.Reveal())
	gitHubVersion(req)
	a, err := flows.Do(ctx, p.HTTP(), doingUser, req)
	if err != nil {
		return none, err
	}
	a.Sent = []string{set.AccessToken.Reveal()}
	if !a.OK() {
		return none, gitHubError(doingUser, a)
	}
	var user struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Email string `json:"email"`
	}
	if err := a.JSON(doingUser, &user); err != nil {
		return none, err
	}
	if user.ID <= 0 || user.Login == "" {
		return none, verifyErrorf("%s: the answer names nobody", doingUser)
	}
	who := credential.Identity{Issuer: p.Issuer, Subject: strconv.FormatInt(user.ID, 10),
		Name: flows.Clean(user.Login, 100), Email: flows.Clean(user.Email, 100)}
	if want.Subject != "" && want.Subject != who.Subject {
		return none, &flows.SubjectError{Want: want.Subject, Got: who.Subject}
	}
	return who, nil
}

func gitHubVersion(req *http.Request) { req.Header.Set("X-GitHub-Api-Version", "2022-11-28") }

// gitHubError reads a refusal of the API, in its own envelope ("Troubleshooting
// the REST API"). A rate limit passes.
func gitHubError(doing string, a *flows.Answer) error {
	var said struct {
		Message string `json:"message"`
	}
	if err := a.JSON(doing, &said); err != nil && len(a.Body) > 0 {
		return err
	}
	words := a.Words(said.Message, 300)
	if a.Status == http.StatusForbidden &&
		(a.Header.Get("X-Ratelimit-Remaining") == "0" || a.Header.Get("Retry-After") != "") {
		return &flows.UnavailableError{Doing: doing, Err: fmt.Errorf("%s answers with a rate limit (%s)", a.Host, words),
			RetryAfter: a.RetryAfter()}
	}
	code := "status " + strconv.Itoa(a.Status)
	if a.Status == http.StatusUnauthorized {
		code = "bad credentials"
	}
	return &flows.OAuthError{Doing: doing, Code: code, Description: words, Status: a.Status, Skew: a.Skew()}
}

// gitHubRevoke deletes an access token, as the app's owner may ("Delete an app
// token"): with the client's secret. Refresh tokens cannot be deleted.
func gitHubRevoke(ctx context.Context, p *flows.Provider, c flows.Client, token credential.Secret, hint string) error {
	if c.Secret.IsZero() {
		return p.NoRevocation()
	}
	if hint == flows.HintRefreshToken {
		return &flows.LackError{Doing: flows.DoingRevoke, What: "GitHub revokes no refresh token by itself",
			Instead: "to end it: Settings > Applications > Authorized GitHub Apps"}
	}
	body, err := json.Marshal(map[string]string{"access_token": token.Reveal()})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodDelete, gitHubAPI(p.Issuer)+"/applications/"+url.PathEscape(c.ID)+"/token",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(c.ID, c.Secret.Reveal())
	req.Header.Set("Content-Type", "application/json")
	gitHubVersion(req)
	a, err := flows.Do(ctx, p.HTTP(), flows.DoingRevoke, req)
	if err != nil {
		return err
	}
	a.Sent = []string{token.Reveal(), c.Secret.Reveal()}
	if a.Status == http.StatusNoContent {
		return nil
	}
	// 404 stands for a token that is gone, and for a secret that is wrong.
	return gitHubError(flows.DoingRevoke, a)
}
