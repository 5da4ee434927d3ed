package flows

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
)

// GitHub is OAuth without OpenID Connect: no metadata, no ID token, refusals under
// status 200, scopes with commas. Who signed in is asked of its API. The issuer is
// https://github.com, https://NAME.ghe.com, or a GitHub Enterprise Server's address.
//
// Tokens of an OAuth app have no end and no refresh token: they serve until
// somebody revokes them. Those of a GitHub App live for 8 hours, with a refresh
// token that is good once, for six months, unless its owner opts out
// (docs.github.com, "Authorizing OAuth apps", "Refreshing user access tokens").
var gitHub = &Dialect{
	Name: "github", Title: "GitHub",
	Hosts:  []string{"github.com", ".ghe.com"},
	Issuer: "https://github.com",

	Known: gitHubEndpoints, NoMetadata: true, CheckIssuer: checkGitHubIssuer,
	Register: []string{
		"Settings > Developer settings > OAuth Apps (or GitHub Apps) > New; or an organization's settings, the same way",
		"Authorization callback URL: http://127.0.0.1/callback (GitHub takes any port of a loopback address)",
		"Enable Device Flow: yes. It needs no client secret, which a sign-in in the browser does: Generate a new client secret",
	},
	NoOpenID: true, Offline: OfflineNever, CodeNeedsSecret: true, NoDevicePKCE: true, Lasting: true,
	Lacks: []string{"organization", "audience", "resource"},
	Ended: []string{"bad_refresh_token"},

	NoRevocation: "GitHub takes that from the app's owner alone, who has the client's secret (--client-secret-file); to end it yourself: Settings > Applications > Authorized OAuth Apps (or GitHub Apps)",
	SignOut:      func(p *Provider, _ SignedIn) string { return p.Issuer + "/logout" },
	Hints: []RefusalHint{
		{"device_flow_disabled", "", "tick Enable Device Flow in the app's settings at GitHub, or sign in with --flow pkce and the client's secret"},
		{"incorrect_client_credentials", "", "is it the client ID of the app's settings page (not the app ID), and its secret? A sign-in in the browser needs that: --client-secret-file FILE, or --flow device without"},
		{"incorrect_device_code", "", "begin again: GitHub does not know the code any more"},
		{"unsupported_grant_type", "", "does this GitHub have device sign-ins? GitHub Enterprise Server has them since 3.1"},
		{"redirect_uri_mismatch", "", "set the app's callback URL to http://127.0.0.1/callback: the port does not matter there, the path does"},
		{"bad_verification_code", "", "begin again: the code was older than ten minutes, or had been used"},
		{"unverified_user_email", "", "verify your primary e-mail address at GitHub (Settings > Emails), and sign in again"},
		{"application_suspended", "", "GitHub has suspended this app: its owner must ask GitHub's support"},
		{"bad_refresh_token", "", "the refresh token was used before, revoked, or is older than six months: sign in again"},
	},

	adapt: gitHubAdapt, refusal: gitHubRefusal, tokens: gitHubTokens, identify: gitHubIdentify, revoke: gitHubRevoke,
}

const gitHubCom = "https://github.com"

func gitHubEndpoints(issuer, _ string) Metadata {
	return Metadata{
		AuthorizationEndpoint:       issuer + "/login/oauth/authorize",
		TokenEndpoint:               issuer + "/login/oauth/access_token",
		DeviceAuthorizationEndpoint: issuer + "/login/device/code",
		TokenEndpointAuthMethods:    []string{AuthSecretPost},
	}
}

// gitHubAPI is where the API of an issuer is; no token goes anywhere else.
func gitHubAPI(issuer string) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return issuer // CheckURL has parsed it before
	case issuer == gitHubCom, strings.HasSuffix(u.Hostname(), ".ghe.com"):
		return u.Scheme + "://api." + u.Host
	}
	return issuer + "/api/v3"
}

func checkGitHubIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Path != "" || u.RawQuery != "" || strings.HasSuffix(issuer, "?") {
		return fmt.Errorf("GitHub's issuer is %s, or the address of your GitHub Enterprise, without a path: %s", gitHubCom, Clean(issuer, 200))
	}
	return nil
}

// gitHubAdapt takes out what GitHub does not know, and says login_hint its way.
func gitHubAdapt(what string, form url.Values) {
	if form.Get("scope") == "" {
		form.Del("scope")
	}
	if what == whatAuthorize {
		form.Del("response_type")
		if hint := form.Get("login_hint"); hint != "" {
			form.Set("login", hint)
		}
		form.Del("login_hint")
	}
}

// gitHubRefusal has a device code's end by the name that the documentation also
// has for it. All other refusals are as in the standard, but for their status.
func gitHubRefusal(doing string, a *answer, fields map[string]json.RawMessage) error {
	if text(fields["error"]) != "token_expired" {
		return nil
	}
	return &OAuthError{Doing: doing, Code: "expired_token", Description: a.words(text(fields["error_description"]), 300), Status: a.status, Skew: a.skew()}
}

// gitHubTokens reads scopes that stand between commas.
func gitHubTokens(set *credential.TokenSet, _ map[string]json.RawMessage) {
	var scopes []string
	for _, s := range set.Scopes {
		scopes = append(scopes, strings.FieldsFunc(s, func(r rune) bool { return r == ',' })...)
	}
	set.Scopes = scopes
}

const doingUser = "ask GitHub who signed in"

// gitHubIdentify asks the API whose token it is. The subject is the account's
// number, which stays when it is renamed.
func gitHubIdentify(ctx context.Context, p *Provider, set *credential.TokenSet, _ map[string]json.RawMessage, want Expect) (credential.Identity, error) {
	var none credential.Identity
	req, err := http.NewRequest(http.MethodGet, gitHubAPI(p.Issuer)+"/user", nil)
	if err != nil {
		return none, err
	}
	req.Header.Set("Authorization", "Bearer "+set.AccessToken.Reveal())
	gitHubVersion(req)
	a, err := request(ctx, p.hc, doingUser, req)
	if err != nil {
		return none, err
	}
	a.sent = []string{set.AccessToken.Reveal()}
	if !a.ok() {
		return none, gitHubError(doingUser, a)
	}
	var user struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Email string `json:"email"`
	}
	if err := a.json(doingUser, &user); err != nil {
		return none, err
	}
	if user.ID <= 0 || user.Login == "" {
		return none, verifyErrorf("%s: the answer names nobody", doingUser)
	}
	who := credential.Identity{Issuer: p.Issuer, Subject: strconv.FormatInt(user.ID, 10), Name: Clean(user.Login, 100), Email: Clean(user.Email, 100)}
	if want.Subject != "" && want.Subject != who.Subject {
		return none, &SubjectError{Want: want.Subject, Got: who.Subject}
	}
	return who, nil
}

func gitHubVersion(req *http.Request) { req.Header.Set("X-GitHub-Api-Version", "2022-11-28") }

// gitHubError reads a refusal of the API, in its own envelope ("Troubleshooting
// the REST API"). A rate limit passes.
func gitHubError(doing string, a *answer) error {
	var said struct {
		Message string `json:"message"`
	}
	if err := a.json(doing, &said); err != nil && len(a.body) > 0 {
		return err
	}
	words := a.words(said.Message, 300)
	if a.status == http.StatusForbidden && (a.header.Get("X-Ratelimit-Remaining") == "0" || a.header.Get("Retry-After") != "") {
		return &UnavailableError{Doing: doing, Err: fmt.Errorf("%s answers with a rate limit (%s)", a.host, words), RetryAfter: retryAfter(a)}
	}
	code := "status " + strconv.Itoa(a.status)
	if a.status == http.StatusUnauthorized {
		code = "bad credentials"
	}
	return &OAuthError{Doing: doing, Code: code, Description: words, Status: a.status, Skew: a.skew()}
}

// gitHubRevoke deletes an access token, as the app's owner may ("Delete an app
// token"): with the client's secret. Refresh tokens cannot be deleted.
func gitHubRevoke(ctx context.Context, p *Provider, c Client, token credential.Secret, hint string) error {
	if c.Secret.IsZero() {
		return fmt.Errorf("%s: %w: %s", DoingRevoke, ErrNotSupported, p.Dialect.NoRevocation)
	}
	if hint == HintRefreshToken {
		return fmt.Errorf("%s: %w: GitHub revokes no refresh token by itself; to end it: Settings > Applications > Authorized GitHub Apps", DoingRevoke, ErrNotSupported)
	}
	body, err := json.Marshal(map[string]string{"access_token": token.Reveal()})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodDelete, gitHubAPI(p.Issuer)+"/applications/"+url.PathEscape(c.ID)+"/token", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(c.ID, c.Secret.Reveal())
	req.Header.Set("Content-Type", "application/json")
	gitHubVersion(req)
	a, err := request(ctx, p.hc, DoingRevoke, req)
	if err != nil {
		return err
	}
	a.sent = []string{token.Reveal(), c.Secret.Reveal()}
	if a.status == http.StatusNoContent {
		return nil
	}
	// 404 stands for a token that is gone, and for a secret that is wrong.
	return gitHubError(DoingRevoke, a)
}
