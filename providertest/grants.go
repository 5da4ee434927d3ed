package providertest

import (
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
	acr         string // of the sign-in, or nothing
	authTime    time.Time
	expires     time.Time
	revoked     bool
	refreshable bool
	actor       map[string]any // act claim of its tokens (RFC 8693 §4.1), or nil
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
			tokens.AccessToken, _ = key.Sign(map[string]any{"alg": key.Alg, "kid": key.Kid, "typ": "at+jwt"}, accessClaims)
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
	if f.acr != "" { // RFC 9068 §2.2.1
		claims["acr"], claims["auth_time"] = f.acr, f.authTime.Unix()
	}
	if f.actor != nil {
		claims["act"] = f.actor
	}
	return claims
}
