package dialect

import (
	"cmp"
	"errors"
	"net/url"

	"github.com/sso-exec/sso-exec/flows"
)

// Amazon Cognito user pools. Metadata is at the pool's issuer, the endpoints on
// the pool's domain. Callback URLs are compared to the port, and http is for
// localhost alone. There is no device grant, and no scope for refresh tokens:
// each sign-in brings one. Access and ID tokens live for an hour, refresh tokens
// for 30 days; they rotate if that is switched on at the app client, with a grace
// of up to 60 seconds, and a new one ends when the first would have. What is
// revoked is a refresh token, and with it what it brought
// (docs.aws.amazon.com/cognito: "Refresh tokens", "The token revocation
// endpoint", "The managed login sign-out endpoint").
var cognito = &flows.Dialect{
	Name: "cognito", Title: "Amazon Cognito",
	Hosts: []string{"cognito-idp.*.amazonaws.com", "cognito-idp.*.amazonaws.com.cn"},

	CheckIssuer: func(issuer string) error {
		if u, err := url.Parse(issuer); err != nil || !cognitoPath().MatchString(u.Path) {
			return errors.New("an issuer of Cognito's is https://cognito-idp.REGION.amazonaws.com/POOL-ID; the domain that " +
				"people sign in at is found from there")
		}
		return nil
	},
	RedirectURIs: fixedPorts("localhost"),
	Register: []string{
		"User pool > App clients > Create app client: Mobile app (no client secret)",
		"Login pages: the redirect URIs to Allowed callback URLs; Authorization code grant; the scopes",
		"Branding > Domain: the pool must have one",
	},
	Groups:  "they come as cognito:groups; have the claim mapping of the cluster use that",
	Offline: flows.OfflineNever,
	Lacks:   []string{"organization", "audience"},
	// /logout is of its own making: it takes a page to go on to, and one of the
	// callback URLs is registered for sure.
	SignOut: func(p *flows.Provider, s flows.SignedIn) string {
		return siteOf(p.TokenEndpoint) + "/logout?" + url.Values{
			"client_id": {s.ClientID}, "response_type": {"code"},
			"redirect_uri": {cmp.Or(s.RedirectURI, fixedPorts("localhost")[0])},
		}.Encode()
	},
	Hints: []flows.RefusalHint{
		{Code: "invalid_client",
			Say: "is it the app client's ID, of this pool? One that has a secret needs {client_secret}; better is " +
				"one without"},
		{Code: "unauthorized_client", Say: "tick Authorization code grant at the app client (Login pages)"},
		{Code: "invalid_scope",
			Say: "tick the scopes at the app client (Login pages); those of your own need their resource server's name: " +
				"NAME/SCOPE"},
		{Code: "redirect_mismatch", Say: "register the redirect URIs with their ports at Allowed callback URLs"},
		{Code: "invalid_request", Word: "redirect",
			Say: "register the redirect URIs with their ports at Allowed callback URLs"},
		{Code: "unsupported_token_type", Say: "enable token revocation at the app client"},
	},
}

var cognitoPath = lazyRegexp(`^/[a-z0-9-]+_[A-Za-z0-9]+$`)
