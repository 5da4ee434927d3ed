package providertest

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

// grantClientCredentials is RFC 6749 §4.4: no refresh token, no ID token.
func (p *Provider) grantClientCredentials(r *Request, client *Client) *answer {
	if client.public() {
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

// grantJWTBearer is RFC 7523 §2.1: an access token for the subject of a JWT that
// a trusted issuer has signed.
func (p *Provider) grantJWTBearer(r *Request, client *Client) *answer {
	assertion := r.Form.Get("assertion")
	claims, err := peek(assertion)
	if err == nil {
		issuer, _ := claims["iss"].(string)
		claims, err = p.verifyForeign(issuer, assertion, "")
	}
	if err != nil {
		return fail("invalid_grant", err.Error()) // RFC 7523 §3.1
	}
	scopes := scopesOf(r.Form)
	if refused := p.checkScopes(scopes); refused != nil {
		return fail(refused.code, refused.description)
	}
	if refused := checkResources(r.Form["resource"]); refused != nil {
		return fail(refused.code, refused.description)
	}
	scopes = slices.DeleteFunc(scopes, func(s string) bool { return s == "openid" || s == "offline_access" })
	return p.issue(JWTBearer, p.newFamily(client, claims["sub"].(string), scopes, audiences(r.Form), ""), scopes, "")
}

// grantExchange is RFC 8693 for subject and actor tokens of this provider and of
// the issuers that it trusts. Asked for an ID token or a JWT, it issues one for
// the audience, with the token type N_A (§2.2.1). An actor is named in the act
// claim (§4.1), with those who acted before inside.
func (p *Provider) grantExchange(r *Request, client *Client) *answer {
	subject, refused := p.subjectOf("subject_token", r)
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
	f := p.newFamily(client, subject.subject, scopes, audiences(r.Form), "")
	f.actor = subject.actor
	if r.Form.Has("actor_token") || r.Form.Has("actor_token_type") {
		actor, refused := p.subjectOf("actor_token", r)
		if refused != nil {
			return refused
		}
		f.actor = map[string]any{"sub": actor.subject}
		if actor.issuer != p.issuer {
			f.actor["iss"] = actor.issuer
		}
		if subject.actor != nil {
			f.actor["act"] = subject.actor
		}
	}
	switch requested := r.Form.Get("requested_token_type"); requested {
	case "", typeAccessToken:
		a := p.issue(TokenExchange, f, slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" }),
			"")
		a.members["issued_token_type"] = typeAccessToken
		return a
	case typeIDToken, typeJWT:
		if len(f.audiences) == 0 {
			return fail("invalid_request", "audience or resource is required")
		}
		now := p.config.Now()
		claims := p.accessClaims(f, scopes, now)
		maps.Copy(claims, p.claimsOf(f.subject, scopes))
		key := p.keys[len(p.keys)-1]
		token, err := key.Sign(map[string]any{"alg": key.Alg, "kid": key.Kid, "typ": "JWT"}, claims)
		if err != nil {
			return fail("server_error", err.Error())
		}
		p.last = Tokens{Grant: TokenExchange, ClientID: client.ID, Subject: f.subject, IDToken: token}
		return jsonAnswer(http.StatusOK, map[string]any{
			"access_token": token, "issued_token_type": requested, "token_type": "N_A",
			"expires_in": int64(p.config.AccessTokenLifetime / time.Second),
		})
	}
	return fail("invalid_request", "requested_token_type is not supported")
}

// party is whom a token of an exchange speaks of.
type party struct {
	issuer, subject string
	actor           map[string]any // who acts for them already, or nil
}

// subjectOf reads the token of a parameter, with its type in the parameter
// next to it.
func (p *Provider) subjectOf(param string, r *Request) (party, *answer) {
	token, tokenType := r.Form.Get(param), r.Form.Get(param+"_type")
	if token == "" || tokenType == "" {
		return party{}, fail("invalid_request", param+" and "+param+"_type are required")
	}
	if t := p.access[token]; t != nil && tokenType == typeAccessToken && !t.family.revoked &&
		p.config.Now().Before(t.expires) {
		return party{p.issuer, t.family.subject, t.family.actor}, nil
	}
	claims, err := peek(token)
	if err != nil || tokenType != typeIDToken && tokenType != typeJWT {
		return party{}, fail("invalid_request", "the "+param+" is invalid, expired or not of that type")
	}
	issuer, _ := claims["iss"].(string)
	if issuer == p.issuer {
		claims, err = p.verifyOwn(token)
	} else {
		claims, err = p.verifyForeign(issuer, token, "")
	}
	if err != nil {
		return party{}, fail("invalid_request", "the "+param+": "+err.Error())
	}
	subject, _ := claims["sub"].(string)
	actor, _ := claims["act"].(map[string]any)
	return party{issuer, subject, actor}, nil
}

// verifyOwn checks a token that this provider has issued, except for its audience.
func (p *Provider) verifyOwn(token string) (map[string]any, error) {
	for _, key := range p.keys {
		if claims, err := key.Verify(token); err == nil {
			_, err = p.checkTimes(claims)
			return claims, err
		}
	}
	return nil, errors.New("none of our keys made its signature")
}
