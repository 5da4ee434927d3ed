package flows

import (
	"cmp"
	"errors"
	"net/url"
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
var cognito = &Dialect{
	Name: "cognito", Title: "Amazon Cognito",
	Hosts: []string{"cognito-idp.*.amazonaws.com", "cognito-idp.*.amazonaws.com.cn"},

	CheckIssuer: func(issuer string) error {
		if u, err := url.Parse(issuer); err != nil || !cognitoPath().MatchString(u.Path) {
			return errors.New("an issuer of Cognito's is https://cognito-idp.REGION.amazonaws.com/POOL-ID; the domain that people sign in at is found from there")
		}
		return nil
	},
	RedirectURIs: fixedPorts("localhost"),
	Register: []string{
		"User pool > App clients > Create app client: Mobile app (no client secret)",
		"Login pages: the redirect URIs to Allowed callback URLs; Authorization code grant; the scopes",
		"Branding > Domain: the pool must have one",
	},
	Offline: OfflineNever,
	Lacks:   []string{"organization", "audience"},
	// /logout is of its own making: it takes a page to go on to, and one of the
	// callback URLs is registered for sure.
	SignOut: func(p *Provider, s SignedIn) string {
		return siteOf(p.TokenEndpoint) + "/logout?" + url.Values{
			"client_id": {s.ClientID}, "response_type": {"code"}, "redirect_uri": {cmp.Or(s.RedirectURI, fixedPorts("localhost")[0])},
		}.Encode()
	},
	Hints: []RefusalHint{
		{"invalid_client", "", "is it the app client's ID, of this pool? One that has a secret needs --client-secret-file; better is one without"},
		{"unauthorized_client", "", "tick Authorization code grant at the app client (Login pages)"},
		{"invalid_scope", "", "tick the scopes at the app client (Login pages); those of your own need their resource server's name: NAME/SCOPE"},
		{"redirect_mismatch", "", "register the redirect URIs with their ports at Allowed callback URLs"},
		{"invalid_request", "redirect", "register the redirect URIs with their ports at Allowed callback URLs"},
		{"unsupported_token_type", "", "enable token revocation at the app client"},
	},
}

var cognitoPath = lazyRegexp(`^/[a-z0-9-]+_[A-Za-z0-9]+$`)
