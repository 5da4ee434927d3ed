package awssso

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// only tells of members that a request may not have, or of another type than a string.
func (s *Server) only(endpoint string, body map[string]any, names ...string) error {
	for name, value := range body {
		if !slices.Contains(names, name) {
			s.violation("%s: no such member: %s", endpoint, name)
			return refuse(400, "invalid_request", "InvalidRequestException", "Invalid request")
		}
		if _, ok := value.(string); !ok {
			s.violation("%s: %s is not a string", endpoint, name)
			return refuse(400, "invalid_request", "InvalidRequestException", "Invalid request")
		}
	}
	return nil
}

func textsOf(v any) (list []string) {
	all, _ := v.([]any)
	for _, one := range all {
		s, _ := one.(string)
		list = append(list, s)
	}
	return list
}

func (s *Server) register(_ *http.Request, body map[string]any) (map[string]any, error) {
	grants, redirects := textsOf(body["grantTypes"]), textsOf(body["redirectUris"])
	code := slices.Contains(grants, "authorization_code")
	switch {
	case body["clientType"] != "public" || body["clientName"] == nil:
		s.violation("register: clientType %v, clientName %v", body["clientType"], body["clientName"])
		return nil, refuse(400, "invalid_client_metadata", "InvalidClientMetadataException", "Invalid client metadata")
	case code && (body["issuerUrl"] != s.config.StartURL || len(redirects) == 0):
		s.violation("register: issuerUrl %v, redirectUris %v", body["issuerUrl"], body["redirectUris"])
		return nil, refuse(400, "invalid_request", "InvalidRequestException", "Invalid issuer URL")
	}
	for _, uri := range redirects {
		if u, err := url.Parse(uri); err != nil || u.Host != "127.0.0.1" || u.Path != "/oauth/callback" {
			s.violation("register: redirect URI %s", uri)
			return nil, refuse(400, "invalid_redirect_uri", "InvalidRedirectUriException", "Invalid redirect URI")
		}
	}
	id, secret := text("client-"), text("secret-")
	c := &client{secret: secret, grants: grants, scopes: textsOf(body["scopes"]),
		ends: time.Now().Add(s.config.RegistrationLife)}
	if grants == nil { // as the AWS CLI registers for a device
		c.grants = []string{deviceGrant, "refresh_token"}
	}
	s.clients[id] = c
	return map[string]any{"clientId": id, "clientSecret": secret, "clientIdIssuedAt": time.Now().Unix(),
		"clientSecretExpiresAt": c.ends.Add(s.skew).Unix(), "authorizationEndpoint": nil, "tokenEndpoint": nil}, nil
}

// authorize is the page of a sign-in, where the person allows it at once.
func (s *Server) authorize(r *http.Request, _ map[string]any) (map[string]any, error) {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"response_type", "client_id", "redirect_uri", "state", "code_challenge_method",
			"code_challenge", "scopes"}, name) || len(q[name]) != 1 {
			s.violation("authorize: parameter %s=%q", name, q[name])
		}
	}
	c := s.clients[q.Get("client_id")]
	if c == nil || c.removed || !slices.Contains(c.grants, "authorization_code") {
		return nil, refuse(400, "invalid_client", "InvalidClientException", "Invalid client")
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || to.Scheme != "http" || to.Hostname() != "127.0.0.1" || to.Path != "/oauth/callback" {
		s.violation("authorize: redirect_uri %s", q.Get("redirect_uri"))
		return nil, refuse(400, "invalid_request", "InvalidRequestException", "Invalid redirect")
	}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("state") == "" ||
		len(q.Get("code_challenge")) != 43 || q.Get("scopes") == "" {
		s.violation("authorize: %s", r.URL.RawQuery)
	}
	back := url.Values{"state": {q.Get("state")}}
	if s.deny {
		back.Set("error", "access_denied")
	} else {
		code := text("code-")
		s.codes[code] = &grant{client: q.Get("client_id"), challenge: q.Get("code_challenge"),
			redirect: q.Get("redirect_uri"), allowed: true, ends: time.Now().Add(10 * time.Minute)}
		back.Set("code", code)
	}
	to.RawQuery = back.Encode()
	return map[string]any{"location": to.String()}, nil
}

func (s *Server) device(_ *http.Request, body map[string]any) (map[string]any, error) {
	if err := s.only("device_authorization", body, "clientId", "clientSecret", "startUrl"); err != nil {
		return nil, err
	}
	c, err := s.clientOf(body, deviceGrant)
	if err != nil {
		return nil, err
	}
	_ = c
	if got, _ := body["startUrl"].(string); !strings.HasPrefix(got, s.config.StartURL) {
		s.violation("device_authorization: startUrl %s", got)
		return nil, refuse(400, "invalid_request", "InvalidRequestException", "Invalid start URL")
	}
	id, _ := body["clientId"].(string)
	g := &grant{client: id, user: strings.ToUpper(text("")[:8]), ends: time.Now().Add(10 * time.Minute)}
	code := text("device-")
	s.codes[code], s.users[g.user] = g, g
	page := s.OIDC + "/device"
	return map[string]any{"deviceCode": code, "userCode": g.user, "verificationUri": page,
		"verificationUriComplete": page + "?user_code=" + g.user, "expiresIn": 600, "interval": 1}, nil
}

// allow is the page where a code is entered.
func (s *Server) allow(r *http.Request, _ map[string]any) (map[string]any, error) {
	g := s.users[r.URL.Query().Get("user_code")]
	if g == nil {
		return nil, refuse(400, "", "InvalidRequestException", "no such code")
	}
	g.allowed, g.denied = !s.deny, s.deny
	return map[string]any{"page": "Request approved\n"}, nil
}

// clientOf authenticates a client for a grant.
func (s *Server) clientOf(body map[string]any, grantType string) (*client, error) {
	id, _ := body["clientId"].(string)
	secret, _ := body["clientSecret"].(string)
	c := s.clients[id]
	switch {
	case c == nil || c.removed || c.secret != secret || time.Now().After(c.ends):
		return nil, refuse(401, "invalid_client", "InvalidClientException", "Invalid client")
	case !slices.Contains(c.grants, grantType):
		return nil, refuse(400, "unauthorized_client", "UnauthorizedClientException", "Not for this client")
	}
	return c, nil
}

func (s *Server) token(_ *http.Request, body map[string]any) (map[string]any, error) {
	if err := s.only("token", body, "clientId", "clientSecret", "grantType", "code", "codeVerifier", "redirectUri",
		"deviceCode", "refreshToken"); err != nil {
		return nil, err
	}
	grantType, _ := body["grantType"].(string)
	if _, err := s.clientOf(body, grantType); err != nil {
		return nil, err
	}
	id, _ := body["clientId"].(string)
	switch grantType {
	case "authorization_code", deviceGrant:
		if err := s.redeem(body, id, grantType); err != nil {
			return nil, err
		}
		return s.issue(&login{client: id, until: map[string]time.Time{}}), nil
	case "refresh_token":
		old, _ := body["refreshToken"].(string)
		l := s.refreshes[old]
		if reused := s.spent[old]; reused != nil {
			s.violation("a refresh token was sent twice")
			reused.ended = s.config.ReuseEnds
		}
		if l == nil || l.client != id || l.ended {
			return nil, refuse(400, "invalid_grant", "InvalidGrantException", "Invalid refresh token provided")
		}
		delete(s.refreshes, old)
		s.spent[old] = l
		return s.issue(l), nil
	}
	return nil, refuse(400, "unsupported_grant_type", "UnsupportedGrantTypeException", "no such grant")
}

func (s *Server) redeem(body map[string]any, id, grantType string) error {
	member := "code"
	if grantType == deviceGrant {
		member = "deviceCode"
	}
	code, _ := body[member].(string)
	g := s.codes[code]
	switch {
	case g == nil || g.client != id || g.used:
		return refuse(400, "invalid_grant", "InvalidGrantException", "Invalid grant provided")
	case time.Now().After(g.ends):
		return refuse(400, "expired_token", "ExpiredTokenException", "The code has expired")
	case g.denied:
		return refuse(400, "access_denied", "AccessDeniedException", "The person has denied it")
	case !g.allowed:
		return refuse(400, "authorization_pending", "AuthorizationPendingException", "")
	}
	if grantType != deviceGrant {
		verifier, _ := body["codeVerifier"].(string)
		sum := sha256.Sum256([]byte(verifier))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || body["redirectUri"] != g.redirect {
			s.violation("token: the verifier or the redirect URI is not that of the code")
			return refuse(400, "invalid_grant", "InvalidGrantException", "Invalid grant provided")
		}
	}
	g.used = true
	return nil
}

func (s *Server) issue(l *login) map[string]any {
	access, refresh := text("aoaAAAA"), text("aorAAAA")
	l.until[access] = time.Now().Add(s.config.TokenLife)
	s.tokens[access] = l
	members := map[string]any{"accessToken": access, "expiresIn": int(s.config.TokenLife / time.Second),
		"tokenType": "Bearer", "idToken": nil}
	if slices.Contains(s.clients[l.client].grants, "refresh_token") {
		s.refreshes[refresh] = l
		members["refreshToken"] = refresh
	}
	return members
}
