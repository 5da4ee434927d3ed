// Package identitycenter signs a person in to AWS IAM Identity Center, and gets the keys
// of the roles that are assigned to them. [Dialect] is how its OIDC service differs from
// the standards, for package flows; [Register] makes the client that each sign-in needs;
// [Portal] has the accounts, the roles and their keys.
//
// A refusal of the portal is an [*Error]; an error that passes by itself, a
// [*flows.UnavailableError].
//
// The package is v0: names may still change between minor versions.
package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
)

// Name is that of the dialect.
const Name = "aws-identity-center"

// Scope lets a token list accounts and roles, and get keys.
const Scope = "sso:account:access"

// RedirectURI is where a sign-in comes back to: registered without a port, used with any.
const RedirectURI = "http://127.0.0.1:0/oauth/callback"

// Endpoints are where an Identity Center is asked, each without a slash at its end.
type Endpoints struct {
	OIDC   string
	Portal string
}

// Regional are AWS's own endpoints in a region.
func Regional(region string, fips, dualStack bool) (e Endpoints, err error) {
	if e.OIDC, err = sts.Regional("oidc", region, fips, dualStack); err == nil {
		e.Portal, err = sts.Regional("portal.sso", region, fips, dualStack)
	}
	e.OIDC, e.Portal = strings.TrimSuffix(e.OIDC, "/"), strings.TrimSuffix(e.Portal, "/")
	return e, err
}

// StartURL returns a start URL as it is compared: without a fragment, a query and
// slashes at its end, its scheme and host in lower case. It is https, or http on a literal
// loopback address.
func StartURL(raw string) (string, error) {
	before, _, _ := strings.Cut(strings.TrimSpace(raw), "#")
	before, _, _ = strings.Cut(before, "?")
	u, err := flows.CheckURL("the start URL", before)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(u.Hostname(), ".") {
		return "", fmt.Errorf("the start URL %q has a dot at the end of its host", flows.Clean(raw, 200))
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	u.Host = strings.TrimSuffix(u.Host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u.String(), nil
}

// own are the domains of AWS's own start URLs (the AWS CLI's list); a name below one is
// too.
var own = []string{
	"awsapps.com", "awsapps.cn", "app.aws", "portal.amazonaws.com", "portal.amazonaws.com.cn", "portal.amazonaws.eu",
	"app.amazonwebservices.com.cn", "api.amazonwebservices.eu", "identitycenter.amazonaws.com",
	"identitycenter.amazonaws.com.cn",
}

// IsAWS reports whether a start URL is at a host of AWS's own.
func IsAWS(startURL string) bool {
	u, err := url.Parse(startURL)
	return err == nil && slices.ContainsFunc(own, func(domain string) bool {
		host := strings.ToLower(u.Hostname())
		return host == domain || strings.HasSuffix(host, "."+domain)
	})
}

// RegionOf is the region that a start URL names in its host; empty: it names none.
func RegionOf(startURL string) string {
	u, err := url.Parse(startURL)
	if err != nil || !IsAWS(startURL) {
		return ""
	}
	labels := strings.Split(strings.ToLower(u.Hostname()), ".")
	if len(labels) < 4 {
		return ""
	}
	switch {
	case labels[1] == "portal": // NAME.portal.REGION.app.aws
		return region().FindString(labels[2])
	case labels[2] == "portal": // NAME.REGION.portal.amazonaws.com
		return region().FindString(labels[1])
	}
	return ""
}

func region() *regexp.Regexp { return regexp.MustCompile(`^[a-z]+(-[a-z]+)+-\d+$`) }

const doingStartURL = "resolve the start URL"

// Resolve returns the address that a start URL stands for: itself at a host of AWS's own;
// of any other, a name that a company has given it, the one that a single HEAD request is
// led to, which must be AWS's own.
func Resolve(ctx context.Context, hc *http.Client, startURL string) (string, error) {
	if IsAWS(startURL) {
		return startURL, nil
	}
	req, err := http.NewRequest(http.MethodHead, startURL, nil)
	if err != nil {
		return "", err
	}
	a, err := flows.Send(ctx, hc, doingStartURL, req)
	if a == nil {
		return "", err
	}
	if a.Status < 300 || a.Status >= 400 {
		return "", fmt.Errorf("%s: %s is not a host of AWS and does not redirect to one (status %d)", doingStartURL, a.Host,
			a.Status)
	}
	to, err := req.URL.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		return "", fmt.Errorf("%s: %s leads nowhere", doingStartURL, a.Host)
	}
	if to.Scheme != "https" || to.User != nil || !IsAWS(to.String()) {
		return "", &flows.VerifyError{Err: fmt.Errorf("%s: %s leads to %s, which is not AWS's", doingStartURL, a.Host,
			flows.Clean(to.Scheme+"://"+to.Host, 200))}
	}
	return StartURL(to.String())
}

// Dialect is how the Identity Center of a start URL differs from the standards, at these
// endpoints. Its provider's issuer is the start URL.
func Dialect(startURL string, at Endpoints) *flows.Dialect {
	return &flows.Dialect{
		Name: Name, Title: "IAM Identity Center", NoMetadata: true, NoOpenID: true, JSON: true,
		Loopback: strings.HasPrefix(at.OIDC, "http:") || strings.HasPrefix(at.Portal, "http:"),
		Known: func(string, string) flows.Metadata {
			return flows.Metadata{
				AuthorizationEndpoint: at.OIDC + "/authorize", TokenEndpoint: at.OIDC + "/token",
				DeviceAuthorizationEndpoint: at.OIDC + "/device_authorization",
				TokenEndpointAuthMethods:    []string{flows.AuthSecretPost},
			}
		},
		RedirectURIs: []string{RedirectURI}, Offline: flows.OfflineNever, NoDevicePKCE: true,
		Lacks: []string{"audience", "resource", "organization", "client_secret", "client_id", "login_hint", "auth_param",
			"acr_values", "max_age", "claims", "client_auth"},
		Free: flows.Free{Scopes: true},
		// A registration that has ended takes the refresh token with it.
		Ended: []string{"expired_token", "invalid_client", "unauthorized_client"},
		Hints: []flows.RefusalHint{
			{Code: "invalid_request", Say: "are the start URL and its region right?"},
		},
		Refusal: refusal,
		Tokens:  func(set *credential.TokenSet, _ flows.Fields) { set.IDToken = credential.Secret{} },
		Identify: func(_ context.Context, p *flows.Provider, _ *credential.TokenSet, _ flows.Fields,
			_ flows.Expect) (credential.Identity, error) {
			return credential.Identity{Issuer: p.Issuer}, nil // nothing tells who it is
		},
		Adapt: func(what string, form url.Values) { // in the service's own names
			scopes := form.Get("scope")
			form.Del("scope")
			switch what {
			case flows.RequestAuthorization:
				form.Set("scopes", scopes)
			case flows.RequestDevice:
				form.Set("start_url", startURL)
			}
		},
		EndSession: func(ctx context.Context, p *flows.Provider, in flows.SignedIn) error {
			if in.AccessToken.IsZero() {
				return errors.New(flows.DoingRevoke + ": no token is stored that names the session")
			}
			return Portal{HTTP: p.HTTP(), Endpoint: at.Portal, Token: in.AccessToken}.Logout(ctx)
		},
	}
}

// codes are the errors of the service that RFC 6749 and RFC 8628 have another name for.
var codes = map[string]string{
	"AuthorizationPendingException": "authorization_pending", "SlowDownException": "slow_down",
	"ExpiredTokenException": "expired_token", "InvalidGrantException": "invalid_grant",
	"InvalidClientException": "invalid_client", "UnauthorizedClientException": "unauthorized_client",
	"AccessDeniedException": "access_denied", "InvalidRequestException": "invalid_request",
	"InvalidScopeException": "invalid_scope", "UnsupportedGrantTypeException": "unsupported_grant_type",
	"InvalidClientMetadataException": "invalid_client_metadata", "InvalidRedirectUriException": "invalid_redirect_uri",
}

// refusal reads an error by the exception's name where the body does not tell it in the
// standards' words.
func refusal(doing string, a *flows.Answer, fields flows.Fields) error {
	if a.OK() {
		return nil
	}
	name, words := exception(a, fields)
	code := codes[name]
	if said := fields.Text("error"); code == "" && said != "" {
		code = said
	}
	// Who polls for a device is to do it less often; elsewhere it is throttling.
	slower := code == "slow_down" && (doing == flows.DoingRefresh || doing == doingRegister)
	if slower && name == "" {
		name = code
	}
	if slower || throttled(name) {
		return &flows.UnavailableError{Doing: doing, Err: fmt.Errorf("%s answers with %s", a.Host, a.Words(name, 100)),
			RetryAfter: a.RetryAfter(), Status: a.Status}
	}
	if code == "" {
		code = name
	}
	if code == "" {
		return nil
	}
	return &flows.OAuthError{Doing: doing, Code: a.Words(code, 100), Description: a.Words(words, 300), Status: a.Status,
		Skew: a.Skew()}
}

// exception is the name of an error, and its words: in a header, perhaps with an address
// behind it, or in the body, perhaps with a name space before it.
func exception(a *flows.Answer, fields flows.Fields) (name, words string) {
	if name = a.Exception(); name == "" {
		kind := fields.Text("__type")
		name = kind[strings.LastIndex(kind, "#")+1:]
	}
	for _, member := range []string{"error_description", "message", "Message"} {
		if words == "" {
			words = fields.Text(member)
		}
	}
	return strings.TrimSpace(name), words
}

// throttled are the codes that AWS's SDKs take for throttling, and those of a service in
// trouble.
func throttled(exception string) bool {
	return slices.Contains([]string{"BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException",
		"PriorRequestNotComplete", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
		"RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
		"TooManyRequestsException", "TransactionInProgressException", "InternalServerException",
		"ServiceUnavailableException"}, exception)
}
