package providertest

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// oauthError is an error of RFC 6749 §4.1.2.1 or §5.2.
type oauthError struct{ code, description string }

// fail is an error response of RFC 6749 §5.2.
func fail(code, description string) *answer {
	a := jsonAnswer(http.StatusBadRequest, map[string]any{"error": code})
	if description != "" {
		a.members["error_description"] = description
	}
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Pragma", "no-cache")
	return a
}

func grantEndpoint(grantType string) Endpoint {
	switch grantType {
	case "authorization_code", "refresh_token", "client_credentials":
		return Endpoint(grantType)
	case deviceGrant:
		return DeviceCode
	case exchangeGrant:
		return TokenExchange
	case bearerGrant:
		return JWTBearer
	}
	return otherGrant
}

// serveToken is the token endpoint (RFC 6749 §3.2).
func (p *Provider) serveToken(r *Request) *answer {
	client, refused := p.authenticate(r)
	if refused != nil {
		return refused
	}
	if r.Form.Has("claims") && !p.config.ClaimsAtToken {
		p.violation("the parameter claims at the token endpoint")
	}
	switch r.Endpoint {
	case AuthorizationCode:
		return p.grantCode(r, client)
	case RefreshToken:
		return p.grantRefresh(r, client)
	case DeviceCode:
		return p.grantDevice(r, client)
	case ClientCredentials:
		return p.grantClientCredentials(r, client)
	case TokenExchange:
		return p.grantExchange(r, client)
	case JWTBearer:
		return p.grantJWTBearer(r, client)
	}
	if r.Form.Get("grant_type") == "" {
		return fail("invalid_request", "grant_type is required")
	}
	return fail("unsupported_grant_type", "no such grant")
}

// authenticate checks the form of a direct request and who sends it (RFC 6749
// §2.3, §3.2).
func (p *Provider) authenticate(r *Request) (*Client, *answer) {
	if r.Method != http.MethodPost {
		p.violation("%s request to %s", r.Method, r.Path)
		return nil, methodNotAllowed("POST")
	}
	if len(r.Query) > 0 {
		p.violation("parameters in the URL of %s", r.Path)
		return nil, fail("invalid_request", "parameters belong in the body")
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" || r.formErr != nil {
		return nil, fail("invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	for name, values := range r.Form {
		if len(values) > 1 && name != "resource" && name != "audience" { // RFC 8707 §2, RFC 8693 §2.1
			return nil, fail("invalid_request", name+" is given twice")
		}
	}
	return p.authenticateClient(r)
}

// basicAuth undoes the form encoding inside (RFC 6749 §2.3.1).
func basicAuth(header string) (id, secret string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	pair, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	first, second, ok := strings.Cut(string(pair), ":")
	id, err1 := url.QueryUnescape(first)
	secret, err2 := url.QueryUnescape(second)
	return id, secret, ok && err1 == nil && err2 == nil
}

func unauthorized(r *Request, description string) *answer {
	a := fail("invalid_client", description)
	a.status = http.StatusUnauthorized
	if r.Header.Get("Authorization") != "" {
		a.header.Set("WWW-Authenticate", `Basic realm="providertest"`)
	}
	return a
}

// serveUserInfo is OIDC Core §5.3; errors are those of RFC 6750 §3.
func (p *Provider) serveUserInfo(r *Request) *answer {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !p.accessAlive(token) {
		a := jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		a.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return a
	}
	t := p.access[token]
	if a := p.challenge(t.family); a != nil {
		return a
	}
	return jsonAnswer(http.StatusOK, p.claimsOf(t.family.subject, t.scopes))
}

func scopesOf(params url.Values) []string { return strings.Fields(params.Get("scope")) }

func (p *Provider) checkScopes(scopes []string) *oauthError {
	for _, scope := range scopes {
		if !slices.Contains(p.config.Scopes, scope) {
			return &oauthError{"invalid_scope", "no such scope: " + scope}
		}
	}
	return nil
}

// checkResources is RFC 8707 §2.
func checkResources(resources []string) *oauthError {
	for _, resource := range resources {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || strings.Contains(resource, "#") {
			return &oauthError{"invalid_target", "resource must be an absolute URI without a fragment"}
		}
	}
	return nil
}

func audiences(params url.Values) []string {
	return slices.Concat(params["resource"], params["audience"])
}
