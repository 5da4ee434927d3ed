package providertest

import (
	"crypto/sha256"
	"maps"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/providertest/internal/keys"
)

// IDToken is an ID token that is about to be signed with Header as it is.
type IDToken struct {
	Grant  Endpoint // why it is issued, such as RefreshToken
	Header map[string]any
	Claims map[string]any
	// BreakSignature changes the signature; Omit leaves the token out of the
	// answer; Raw is answered instead.
	BreakSignature, Omit bool
	Raw                  string
}

// Tamper spoils an ID token. It runs without a lock, perhaps concurrently.
type Tamper func(*IDToken)

// TamperIDToken spoils the next n ID tokens, or all of them if n is 0. It
// replaces the tamper before it; nil ends it.
func (p *Provider) TamperIDToken(n int, tamper Tamper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper, p.tampers = tamper, n
}

// Ready-made tampers.
var (
	AlgNone        Tamper = func(t *IDToken) { t.Header["alg"] = "none"; delete(t.Header, "kid") }
	AlgHS256       Tamper = func(t *IDToken) { t.Header["alg"] = "HS256" } // keyed with the public key
	UnknownKey     Tamper = func(t *IDToken) { t.Header["kid"] = "unknown" }
	BadSignature   Tamper = func(t *IDToken) { t.BreakSignature = true }
	WrongIssuer    Tamper = func(t *IDToken) { t.Claims["iss"] = "https://issuer.invalid" }
	WrongAudience  Tamper = func(t *IDToken) { t.Claims["aud"] = "somebody-else" }
	ExtraAudience  Tamper = func(t *IDToken) { t.Claims["aud"] = []any{t.Claims["aud"], "somebody-else"} }
	WrongAZP       Tamper = func(t *IDToken) { t.Claims["azp"] = "somebody-else" }
	WrongNonce     Tamper = func(t *IDToken) { t.Claims["nonce"] = "somebody-elses" }
	NoNonce        Tamper = func(t *IDToken) { delete(t.Claims, "nonce") }
	WrongATHash    Tamper = func(t *IDToken) { t.Claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }
	OtherSubject   Tamper = func(t *IDToken) { t.Claims["sub"] = "mallory" }
	MissingIDToken Tamper = func(t *IDToken) { t.Omit = true }
	Expired        Tamper = func(t *IDToken) { shift(t.Claims, -48*time.Hour) }
	FromTheFuture  Tamper = func(t *IDToken) { shift(t.Claims, 48*time.Hour) }
)

// OnRefresh spoils only ID tokens of refreshes.
func OnRefresh(tamper Tamper) Tamper {
	return func(t *IDToken) {
		if t.Grant == RefreshToken {
			tamper(t)
		}
	}
}

// SetClaim sets a claim, or removes it if the value is nil.
func SetClaim(name string, value any) Tamper {
	return func(t *IDToken) {
		if value == nil {
			delete(t.Claims, name)
			return
		}
		t.Claims[name] = value
	}
}

func shift(claims map[string]any, by time.Duration) {
	for _, name := range []string{"iat", "exp", "nbf"} {
		if at, ok := claims[name].(int64); ok {
			claims[name] = at + int64(by/time.Second)
		}
	}
}

// newIDToken has the claims of OIDC Core §2. That of a refresh has no nonce and
// the auth_time of the sign-in (§12.2).
func (p *Provider) newIDToken(grant Endpoint, f *family, scopes []string, now time.Time) *IDToken {
	key := p.keys[len(p.keys)-1]
	claims := map[string]any{
		"iss":       p.issuer,
		"aud":       f.client.ID,
		"iat":       now.Unix(),
		"exp":       now.Add(p.config.IDTokenLifetime).Unix(),
		"auth_time": f.authTime.Unix(),
		"jti":       randomText(),
	}
	if f.acr != "" {
		claims["acr"] = f.acr
	}
	if f.nonce != "" && grant != RefreshToken {
		claims["nonce"] = f.nonce
	}
	maps.Copy(claims, p.claimsOf(f.subject, scopes))
	return &IDToken{
		Grant:  grant,
		Header: map[string]any{"alg": key.Alg, "kid": key.Kid, "typ": "JWT"},
		Claims: claims,
	}
}

// nextTamper takes the tamper for an ID token, if both exist.
func (p *Provider) nextTamper(id *IDToken) Tamper {
	if id == nil || p.tamper == nil {
		return nil
	}
	tamper := p.tamper
	if p.tampers == 1 {
		p.tamper = nil
	} else if p.tampers > 1 {
		p.tampers--
	}
	return tamper
}

// serialize signs the token, or returns nothing if it is to be left out. The
// at_hash is the left half of the access token's hash (OIDC Core §3.1.3.6).
func (t *IDToken) serialize(key *keys.Key, accessToken string, tamper Tamper) string {
	digest := sha256.Sum256([]byte(accessToken))
	t.Claims["at_hash"] = keys.Base64URL(digest[:16])
	if tamper != nil {
		tamper(t)
	}
	if t.Omit || t.Raw != "" {
		return t.Raw
	}
	token, err := key.Sign(t.Header, t.Claims)
	if err != nil {
		return "tampered beyond JSON: " + err.Error()
	}
	if t.BreakSignature {
		dot := strings.LastIndex(token, ".") + 1
		token = token[:dot] + flip(token[dot:dot+1]) + token[dot+1:]
	}
	return token
}

func flip(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}
