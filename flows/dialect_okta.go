package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Okta, an org's authorization server or a custom one. Redirect URIs are compared
// to the port. The defaults: access tokens live for an hour, refresh tokens end
// after 7 days without use; for public clients they rotate, and the old one is
// taken for another 30 seconds (0 to 60 can be set). A later use of it ends the
// session, with its access tokens (developer.okta.com, guides "Refresh access
// tokens" and "Device Authorization Grant").
var okta = &Dialect{
	Name: "okta", Title: "Okta",
	Hosts: []string{".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil"},

	CheckIssuer:  checkOkta,
	RedirectURIs: fixedPorts("127.0.0.1"),
	Register: []string{
		"Applications > Create App Integration > OIDC, Native Application",
		"grant types: Authorization Code, Refresh Token, Device Authorization",
		"Security > API > the authorization server > Access Policies: a rule that allows these grants to this application (the org's own server has none)",
	},
	// Both kinds of server list it; it takes the grant Refresh Token.
	Offline: OfflineAlways,
	Organization: OrganizationRule{
		Word: "authorization server",
		Issuer: func(issuer, id string) string {
			return siteOf(issuer) + "/oauth2/" + url.PathEscape(id)
		},
	},
	// /v1/logout wants an ID token, which has no place in a browser's arguments.
	SignOut: func(p *Provider, _ SignedIn) string { return siteOf(p.Issuer) + "/login/signout" },
	Hints: []RefusalHint{
		{"access_denied", "Policy evaluation failed", "no rule of the authorization server's access policy allows this grant, these scopes and you: Security > API > Access Policies"},
		{"access_denied", "not assigned", "have an administrator assign you to the application"},
		{"unauthorized_client", "grant type", "tick the grant at the application (General > Grant type): Authorization Code, Refresh Token, Device Authorization"},
		{"unauthorized_client", "", "is the client ID of this very org, and is the application active?"},
		{"invalid_client", "'client_id'", "is the client ID of this very org, and is the application active?"},
		{"invalid_client", "", "the application must be a Native one whose client authentication is None; one with a secret needs --client-secret-file"},
		{"invalid_dpop_proof", "", "untick \"Require Demonstrating Proof of Possession (DPoP)\" at the application: no tool here can send such tokens"},
		{"invalid_grant", "PKCE", "the application requires PKCE, which was sent: is a proxy in between that rewrites requests? Else try again"},
		{"invalid_scope", "", "the authorization server does not have a scope: Security > API > Scopes. The org's own server has only OpenID Connect's"},
		{"invalid_request", "redirect_uri", "register the redirect URIs with their ports: Okta compares them to the letter"},
	},
	refusal: oktaRefusal,
}

// oktaRefusal reads the envelope of Okta's other APIs, in which its authorization
// servers refuse a client that they do not know: {errorCode, errorSummary}.
func oktaRefusal(doing string, a *answer, fields map[string]json.RawMessage) error {
	code := a.words(text(fields["errorCode"]), 100)
	if code == "" || a.status == http.StatusOK || text(fields["error"]) != "" {
		return nil
	}
	return &OAuthError{Doing: doing, Code: code, Description: a.words(text(fields["errorSummary"]), 300), Status: a.status, Skew: a.skew()}
}

var (
	oktaPath  = lazyRegexp(`^(/oauth2/[A-Za-z0-9_-]+)?$`)
	oktaAdmin = lazyRegexp(`-admin\.okta[a-z-]*\.(com|mil)$`)
)

func checkOkta(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return err
	case strings.HasSuffix(u.Path, "/"):
		return fmt.Errorf("an issuer of Okta's has no slash at its end: %s", strings.TrimRight(issuer, "/"))
	case oktaAdmin().MatchString(u.Hostname()):
		return fmt.Errorf("%s is the administrators' console; the issuer's host has no -admin", u.Hostname())
	case !oktaPath().MatchString(u.Path):
		return errors.New("an issuer of Okta's is https://HOST, or https://HOST/oauth2/ID of a custom authorization server (ID may be default)")
	}
	return nil
}

// siteOf is a URL without its path.
func siteOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Scheme + "://" + u.Host
}
