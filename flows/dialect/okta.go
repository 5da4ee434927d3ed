package dialect

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
)

// Okta, an org's authorization server or a custom one. Redirect URIs are compared
// to the port. The defaults: access tokens live for an hour, refresh tokens end
// after 7 days without use; for public clients they rotate, and the old one is
// taken for another 30 seconds (0 to 60 can be set). A later use of it ends the
// session, with its access tokens (developer.okta.com, guides "Refresh access
// tokens" and "Device Authorization Grant").
var okta = &flows.Dialect{
	Name: "okta", Title: "Okta",
	Hosts: []string{".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil"},

	CheckIssuer:  checkOkta,
	RedirectURIs: fixedPorts("127.0.0.1"),
	Register: []string{
		"Applications > Create App Integration > OIDC, Native Application",
		"grant types: Authorization Code, Refresh Token, Device Authorization",
		"Security > API > the authorization server > Access Policies: a rule that allows these grants to this " +
			"application (the org's own server has none)",
	},
	Groups: "Security > API > the authorization server > Claims > Add Claim: groups, ID Token, Always, Groups, Matches " +
		"regex .*; on the org's own server: the application > Sign On > Group Claims",
	// Both kinds of server list it; it takes the grant Refresh Token.
	Offline: flows.OfflineAlways,
	Organization: flows.OrganizationRule{
		Word: "authorization server",
		Issuer: func(issuer, id string) string {
			return siteOf(issuer) + "/oauth2/" + url.PathEscape(id)
		},
	},
	// /v1/logout wants an ID token, which has no place in a browser's arguments.
	SignOut: func(p *flows.Provider, _ flows.SignedIn) string { return siteOf(p.Issuer) + "/login/signout" },
	Hints: []flows.RefusalHint{
		{Code: "access_denied", Word: "Policy evaluation failed",
			Say: "no rule of the authorization server's access policy allows this grant, these scopes and you: Security " +
				"> API > Access Policies"},
		{Code: "access_denied", Word: "not assigned", Say: "have an administrator assign you to the application"},
		{Code: "unauthorized_client", Word: "grant type",
			Say: "tick the grant at the application (General > Grant type): Authorization Code, Refresh Token, Device " +
				"Authorization"},
		{Code: "unauthorized_client", Say: "is the client ID of this very org, and is the application active?"},
		{Code: "invalid_client", Word: "'client_id'",
			Say: "is the client ID of this very org, and is the application active?"},
		{Code: "invalid_client",
			Say: "the application must be a Native one whose client authentication is None; one with a secret needs " +
				"{client_secret}"},
		{Code: "invalid_dpop_proof",
			Say: "untick \"Require Demonstrating Proof of Possession (DPoP)\" at the application: no tool here can send " +
				"such tokens"},
		{Code: "invalid_grant", Word: "PKCE",
			Say: "the application requires PKCE, which was sent: is a proxy in between that rewrites requests? Else try " +
				"again"},
		{Code: "invalid_scope",
			Say: "the authorization server does not have a scope: Security > API > Scopes. The org's own server has only " +
				"OpenID Connect's"},
		{Code: "invalid_request", Word: "redirect_uri",
			Say: "register the redirect URIs with their ports: Okta compares them to the letter"},
	},
	Refusal: oktaRefusal,
}

// oktaRefusal reads the envelope of Okta's other APIs, in which its authorization
// servers refuse a client that they do not know: {errorCode, errorSummary}.
func oktaRefusal(doing string, a *flows.Answer, fields flows.Fields) error {
	code := a.Words(fields.Text("errorCode"), 100)
	if code == "" || a.Status == http.StatusOK || fields.Text("error") != "" {
		return nil
	}
	return &flows.OAuthError{Doing: doing, Code: code, Description: a.Words(fields.Text("errorSummary"), 300),
		Status: a.Status, Skew: a.Skew()}
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
		return errors.New("an issuer of Okta's is https://HOST, or https://HOST/oauth2/ID of a custom authorization " +
			"server (ID may be default)")
	}
	return nil
}
