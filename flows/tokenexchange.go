package flows

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// DoingExchange names an exchange in the errors about it.
const DoingExchange = "token exchange"

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenTypes    = "urn:ietf:params:oauth:token-type:"
)

// Token type identifiers (RFC 8693 §3).
const (
	TokenTypeAccess  = tokenTypes + "access_token"
	TokenTypeID      = tokenTypes + "id_token"
	TokenTypeJWT     = tokenTypes + "jwt"
	tokenTypeRefresh = tokenTypes + "refresh_token"
)

// TokenTypeURN returns the identifier of a token type by its short name,
// access_token, id_token or jwt. A URI is one already: providers have types of
// their own.
func TokenTypeURN(short string) (string, bool) {
	switch short {
	case "access_token", "id_token", "jwt":
		return tokenTypes + short, true
	}
	u, err := url.Parse(short)
	return short, err == nil && u.Scheme != "" && (u.Opaque != "" || u.Host != "") &&
		!strings.ContainsAny(short, " \t\r\n")
}

// TypedToken is a token and what it is, by its identifier.
type TypedToken struct {
	Token credential.Secret
	Type  string // e.g. [TokenTypeID]
}

// Exchange is a request to exchange a token for another (RFC 8693 §2.1).
type Exchange struct {
	Subject   TypedToken // whom the new token speaks of
	Actor     TypedToken // who acts for them; zero: nobody else
	Requested string     // type of the new token; empty: the server's choice

	Audiences, Resources, Scopes []string // what the new token is to be good for
	Params                       []Param  // what the provider wants next to the standard's, such as Dex's connector_id
}

// Exchange makes the exchange: one request. The issued token, whatever its type,
// is the set's access token, good to be handed on as a Bearer token, and the
// only one: a refresh token in the answer is dropped, since the subject token is
// what renews it. Nothing in the set has been verified.
//
// What the server issued must be what was asked for, and a token of type N_A
// (§2.2.1) only an ID token or a JWT; else the error is a [*VerifyError].
func (p *Provider) Exchange(ctx context.Context, c Client, e Exchange) (*credential.TokenSet, error) {
	if e.Subject.Token.IsZero() || e.Subject.Type == "" {
		return nil, errors.New(DoingExchange + ": no subject token, or its type is unknown")
	}
	form := url.Values{
		"grant_type":         {exchangeGrant},
		"subject_token":      {e.Subject.Token.Reveal()},
		"subject_token_type": {e.Subject.Type},
	}
	if !e.Actor.Token.IsZero() {
		form.Set("actor_token", e.Actor.Token.Reveal())
		form.Set("actor_token_type", cmp.Or(e.Actor.Type, TokenTypeJWT)) // required next to an actor token
	}
	if e.Requested != "" {
		form.Set("requested_token_type", e.Requested)
	}
	if len(e.Scopes) > 0 {
		form.Set("scope", joinScopes(e.Scopes))
	}
	for _, param := range e.Params {
		form.Set(param.Name, param.Value)
	}
	for name, targets := range map[string][]string{"audience": e.Audiences, "resource": e.Resources} {
		if len(targets) > 0 {
			form[name] = targets
		}
	}
	sent := time.Now()
	a, err := p.post(ctx, DoingExchange, p.TokenEndpointFor(c), p.TokenEndpointAuthMethods, c, form)
	if err != nil {
		return nil, err
	}
	set, err := parseExchange(a, sent, e.Requested)
	return set, p.hint(err, exchangeGrant)
}

// parseExchange reads the answer to an exchange (RFC 8693 §2.2.1).
func parseExchange(a *Answer, sent time.Time, requested string) (*credential.TokenSet, error) {
	set, fields, err := readTokens(DoingExchange, a, sent)
	if err != nil {
		return nil, err
	}
	// It is REQUIRED; servers that leave it out issue what was asked for, or an
	// access token.
	issued := cmp.Or(a.Words(text(fields["issued_token_type"]), 200), requested, TokenTypeAccess)
	if err := checkIssued(issued, requested); err != nil {
		return nil, err
	}
	isJWT := issued == TokenTypeID || issued == TokenTypeJWT
	if isJWT && strings.EqualFold(set.TokenType, "N_A") {
		set.TokenType = "" // it is not an access token; whoever takes ID tokens takes them as Bearer tokens
	}
	if err := cmp.Or(mustBeBearer(DoingExchange, set), mustBeVisible(DoingExchange, set)); err != nil {
		return nil, err
	}
	if isJWT {
		// What the token says of its end counts for whoever is shown it.
		end := TokenEnd(set.AccessToken, set.Skew)
		if !end.IsZero() && (set.ExpiresAt.IsZero() || end.Before(set.ExpiresAt)) {
			set.ExpiresAt = end
		}
	}
	return accessAlone(set), nil
}

// checkIssued refuses what was not asked for, and what must not be shown to an
// API: a refresh token is worth a whole session, and SAML is no Bearer token.
func checkIssued(issued, requested string) error {
	switch {
	case issued == tokenTypeRefresh || strings.HasPrefix(issued, tokenTypes+"saml"):
		return verifyErrorf("%s: the provider issued %s, which cannot be handed to a tool", DoingExchange, shortType(issued))
	case requested == "" || issued == requested,
		requested == TokenTypeJWT && (issued == TokenTypeAccess || issued == TokenTypeID): // these are JWTs too
		return nil
	}
	return verifyErrorf("%s: asked for %s, the provider issued %s", DoingExchange, shortType(requested), shortType(issued))
}

func shortType(urn string) string { return Clean(strings.TrimPrefix(urn, tokenTypes), 100) }

// TokenEnd reads the exp of a JWT, by this machine's clock, which the provider's is
// ahead of by skew; zero: it does not say. Nothing is verified: whether the token is
// good, its audience decides; here it only matters when to ask for another.
func TokenEnd(token credential.Secret, skew time.Duration) time.Time {
	var claims Fields
	if !credential.PeekClaims(token, &claims) {
		return time.Time{}
	}
	end, _ := numericDate(claims["exp"])
	return ourTime(end, skew)
}

// CanExchange reports whether the provider's metadata lists the grant of [Provider.Exchange].
func (p *Provider) CanExchange() bool { return slices.Contains(p.GrantTypes, exchangeGrant) }
