package providertest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// family is everything that descends from one sign-in; when it is revoked, all of
// it is (RFC 9700 §4.14.2).
type family struct {
	client      *Client
	subject     string
	scopes      []string
	audiences   []string
	nonce       string
	authTime    time.Time
	expires     time.Time
	revoked     bool
	refreshable bool
}

type refreshToken struct {
	family *family
	usedAt time.Time // zero while it is live
}

type accessToken struct {
	family  *family
	scopes  []string
	expires time.Time
}

func (p *Provider) newFamily(client *Client, subject string, scopes, audiences []string, nonce string) *family {
	now := p.config.Now()
	f := &family{
		client: client, subject: subject, scopes: scopes, audiences: audiences, nonce: nonce,
		authTime: now, expires: now.Add(p.config.RefreshTokenLifetime),
	}
	p.families = append(p.families, f)
	return f
}

func (p *Provider) alive(f *family) bool { return !f.revoked && p.config.Now().Before(f.expires) }

// newRefreshToken returns nothing for those who are not to have one (OIDC Core
// §11).
func (p *Provider) newRefreshToken(f *family) string {
	if slices.Contains(p.config.Scopes, "offline_access") && !slices.Contains(f.scopes, "offline_access") {
		return ""
	}
	f.refreshable = true
	token := "rt-" + randomText()
	p.refresh[token] = &refreshToken{family: f}
	p.order = append(p.order, token)
	return token
}

// grantRefresh is RFC 6749 §6 with the rotation of RFC 9700 §4.14.2: whoever uses
// a replaced token ends the session for everybody.
func (p *Provider) grantRefresh(r *Request, client *Client) *answer {
	sent := r.Form.Get("refresh_token")
	if sent == "" {
		return fail("invalid_request", "refresh_token is required")
	}
	t := p.refresh[sent]
	if t == nil || t.family.client.ID != client.ID {
		return fail("invalid_grant", "the refresh token is unknown")
	}
	f, now := t.family, p.config.Now()
	if !t.usedAt.IsZero() && now.Sub(t.usedAt) >= p.config.RotationGrace {
		p.reuses++
		f.revoked = true
		return fail("invalid_grant", "the refresh token was used before; its session has ended")
	}
	if !p.alive(f) {
		return fail("invalid_grant", "the refresh token has expired or was revoked")
	}
	scopes := f.scopes
	if requested := scopesOf(r.Form); len(requested) > 0 {
		for _, scope := range requested {
			if !slices.Contains(f.scopes, scope) {
				return fail("invalid_scope", "a refresh can't widen the scope: "+scope)
			}
		}
		scopes = requested
	}
	if p.config.NoRotation {
		return p.issue(RefreshToken, f, scopes, "")
	}
	if t.usedAt.IsZero() {
		t.usedAt = now
	}
	return p.issue(RefreshToken, f, scopes, p.newRefreshToken(f))
}

// issue answers RFC 6749 §5.1 and OIDC Core §3.1.3.3.
func (p *Provider) issue(grant Endpoint, f *family, scopes []string, refresh string) *answer {
	now := p.config.Now()
	members := map[string]any{
		"token_type": "Bearer",
		"expires_in": int64(p.config.AccessTokenLifetime / time.Second),
		"scope":      strings.Join(scopes, " "),
	}
	if refresh != "" {
		members["refresh_token"] = refresh
	}
	a := jsonAnswer(http.StatusOK, members)
	a.header.Set("Cache-Control", "no-store")
	a.header.Set("Pragma", "no-cache")

	key := p.keys[len(p.keys)-1]
	accessClaims := p.accessClaims(f, scopes, now)
	var id *IDToken
	if slices.Contains(scopes, "openid") {
		id = p.newIDToken(grant, f, scopes, now)
	}
	tamper := p.nextTamper(id)
	// Signing is slow: it is done without the lock, and so is tampering.
	a.finish = func() {
		tokens := Tokens{Grant: grant, ClientID: f.client.ID, Subject: f.subject, Scopes: scopes, RefreshToken: refresh}
		tokens.AccessToken = "at-" + randomText()
		if p.config.JWTAccessTokens {
			tokens.AccessToken, _ = key.sign(map[string]any{"alg": key.alg, "kid": key.kid, "typ": "at+jwt"}, accessClaims)
		}
		members["access_token"] = tokens.AccessToken
		if id != nil {
			if tokens.IDToken = id.serialize(key, tokens.AccessToken, tamper); tokens.IDToken != "" {
				members["id_token"] = tokens.IDToken
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.access[tokens.AccessToken] = &accessToken{f, scopes, now.Add(p.config.AccessTokenLifetime)}
		p.last = tokens
	}
	return a
}

// accessClaims are those of RFC 9068 §2.2. Without a resource or audience the
// token is for the provider itself.
func (p *Provider) accessClaims(f *family, scopes []string, now time.Time) map[string]any {
	claims := map[string]any{
		"iss": p.issuer, "sub": f.subject, "client_id": f.client.ID, "aud": p.issuer,
		"iat": now.Unix(), "exp": now.Add(p.config.AccessTokenLifetime).Unix(), "jti": randomText(),
		"scope": strings.Join(scopes, " "),
	}
	if len(f.audiences) == 1 {
		claims["aud"] = f.audiences[0]
	} else if len(f.audiences) > 1 {
		claims["aud"] = f.audiences
	}
	return claims
}

// grantClientCredentials is RFC 6749 §4.4: no refresh token, no ID token.
func (p *Provider) grantClientCredentials(r *Request, client *Client) *answer {
	if client.Secret == "" {
		return fail("unauthorized_client", "a public client has no credentials")
	}
	scopes := scopesOf(r.Form)
	if refused := p.checkScopes(scopes); refused != nil {
		return fail(refused.code, refused.description)
	}
	if refused := checkResources(r.Form["resource"]); refused != nil {
		return fail(refused.code, refused.description)
	}
	scopes = slices.DeleteFunc(scopes, func(s string) bool { return s == "openid" || s == "offline_access" })
	return p.issue(ClientCredentials, p.newFamily(client, client.ID, scopes, audiences(r.Form), ""), scopes, "")
}

// Token type identifiers of RFC 8693 §3.
const (
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// grantExchange is RFC 8693 for subject tokens of this provider. Asked for an ID
// token, it issues one for the audience, with the token type N_A (§2.2.1).
func (p *Provider) grantExchange(r *Request, client *Client) *answer {
	subject, refused := p.subjectOf(r.Form.Get("subject_token"), r.Form.Get("subject_token_type"))
	if refused != nil {
		return refused
	}
	if err := checkResources(r.Form["resource"]); err != nil {
		return fail(err.code, err.description)
	}
	scopes := scopesOf(r.Form)
	if err := p.checkScopes(scopes); err != nil {
		return fail(err.code, err.description)
	}
	f := p.newFamily(client, subject, scopes, audiences(r.Form), "")
	switch requested := r.Form.Get("requested_token_type"); requested {
	case "", typeAccessToken:
		a := p.issue(TokenExchange, f, slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" }), "")
		a.members["issued_token_type"] = typeAccessToken
		return a
	case typeIDToken, typeJWT:
		if len(f.audiences) == 0 {
			return fail("invalid_request", "audience or resource is required")
		}
		now := p.config.Now()
		claims := p.accessClaims(f, scopes, now)
		maps.Copy(claims, p.claimsOf(subject, scopes))
		key := p.keys[len(p.keys)-1]
		token, err := key.sign(map[string]any{"alg": key.alg, "kid": key.kid, "typ": "JWT"}, claims)
		if err != nil {
			return fail("server_error", err.Error())
		}
		p.last = Tokens{Grant: TokenExchange, ClientID: client.ID, Subject: subject, IDToken: token}
		return jsonAnswer(http.StatusOK, map[string]any{
			"access_token": token, "issued_token_type": requested, "token_type": "N_A",
			"expires_in": int64(p.config.AccessTokenLifetime / time.Second),
		})
	}
	return fail("invalid_request", "requested_token_type is not supported")
}

// subjectOf is whom a subject token speaks of.
func (p *Provider) subjectOf(token, tokenType string) (string, *answer) {
	if token == "" || tokenType == "" {
		return "", fail("invalid_request", "subject_token and subject_token_type are required")
	}
	if t := p.access[token]; t != nil && tokenType == typeAccessToken && !t.family.revoked && p.config.Now().Before(t.expires) {
		return t.family.subject, nil
	}
	if tokenType == typeIDToken || tokenType == typeJWT {
		for _, key := range p.keys {
			claims, err := key.verify(token)
			expires, _ := claims["exp"].(float64)
			if subject, ok := claims["sub"].(string); err == nil && ok &&
				claims["iss"] == p.issuer && p.config.Now().Before(time.Unix(int64(expires), 0)) {
				return subject, nil
			}
		}
	}
	return "", fail("invalid_request", "the subject token is invalid, expired or not of that type")
}
