package flows

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/internal/jws"
)

// signingAlgs are the algorithms that are ever accepted: asymmetric ones.
// "none" and the HMAC family, whose key would be a published string, are not.
var signingAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// maxAhead is how far ahead of our clock a token may have been issued.
const maxAhead = 10 * time.Minute

// Expect is what an ID token must match beyond its issuer and signature.
type Expect struct {
	ClientID string
	Nonce    string // as sent; empty for a flow that sends none
	Subject  string // on refresh: the session's; empty at a sign-in

	Organization string // as the dialect's claim names it; empty: any

	stepUp StepUp    // of a sign-in
	began  time.Time // when that was asked for
}

// VerifyIDToken checks the ID token of a token set by OpenID Connect Core
// §3.1.3.7 (§12.2 on refresh): the signature by the provider's keys (fetched
// again once if the token names one that is not known), algorithm, issuer,
// audience, authorized party, times, nonce and at_hash. It returns who signed
// in and fills in the token set's ID-token times and its Login.
//
// Not checked: what acr and auth_time say, and the access token beyond at_hash.
func (p *Provider) VerifyIDToken(ctx context.Context, set *credential.TokenSet, want Expect) (credential.Identity,
	error) {
	var none credential.Identity
	algs := signingAlgs
	if len(p.IDTokenSigningAlgs) > 0 {
		algs = slices.DeleteFunc(slices.Clone(signingAlgs),
			func(a string) bool { return !slices.Contains(p.IDTokenSigningAlgs, a) })
		if len(algs) == 0 {
			return none, verifyErrorf("the provider does not sign ID tokens with a safe algorithm")
		}
	}
	token, err := p.verifySigned(ctx, "the ID token", set.IDToken.Reveal(), algs)
	if err != nil {
		return none, err
	}
	var claims Fields
	if json.Unmarshal(token.Payload, &claims) != nil {
		return none, verifyErrorf("the ID token's claims are not a JSON object")
	}
	subject := text(claims["sub"])
	switch issuer := text(claims["iss"]); {
	case issuer != p.Issuer && (p.Issuer != googleIssuer || issuer != googleShort):
		return none, verifyErrorf("the ID token is from another issuer: %q, not %q", Clean(issuer, 200), p.Issuer)
	case subject == "":
		return none, verifyErrorf("the ID token names no subject")
	case want.Nonce != "" && text(claims["nonce"]) != want.Nonce:
		// Also the answer to a replayed token of another sign-in.
		return none, verifyErrorf("the ID token has another nonce than the one that was sent")
	}
	if err := checkAudience(claims["aud"], claims["azp"], want.ClientID); err != nil {
		return none, err
	}
	issued, end, err := readTimes("the ID token", claims, set)
	if err != nil {
		return none, err
	}
	if want.Subject != "" && subject != want.Subject {
		return none, &SubjectError{Want: want.Subject, Got: subject}
	}
	hash := claims["at_hash"]
	if !missing(hash) && !set.AccessToken.IsZero() && text(hash) != halfHash(token, set.AccessToken.Reveal()) {
		return none, verifyErrorf("the ID token's at_hash is not that of the access token")
	}
	set.IDTokenIssuedAt, set.IDTokenExpiresAt = issued, end
	set.Login = readLogin(claims["acr"], claims["auth_time"], set.Skew)
	var groups []string
	if json.Unmarshal(claims["groups"], &groups) != nil {
		groups = nil // of another shape; they are for display only
	}
	return credential.Identity{
		Issuer: text(claims["iss"]), Subject: subject, // as they are: they are compared
		Name: Clean(text(claims["name"]), 100), Email: Clean(text(claims["email"]), 100), Groups: groups,
	}, nil
}

// How Google's ID tokens may spell their issuer (developers.google.com, "OpenID
// Connect"), whatever dialect is named.
const (
	googleIssuer = "https://accounts.google.com"
	googleShort  = "accounts.google.com"
)

// checkAudience checks aud, a string or a list of them, and azp (OpenID Connect
// Core §3.1.3.7, 3 to 5).
func checkAudience(aud, azp json.RawMessage, clientID string) error {
	audience := []string{text(aud)}
	if audience[0] == "" && json.Unmarshal(aud, &audience) != nil {
		audience = nil
	}
	if clientID == "" || !slices.Contains(audience, clientID) {
		return verifyErrorf("the ID token is for the audience %s, not for client %q", Clean(fmt.Sprintf("%q", audience), 200),
			clientID)
	}
	others := slices.ContainsFunc(audience, func(a string) bool { return a != clientID })
	authorized := text(azp) == clientID || !others && missing(azp)
	if len(audience) > 1 && !authorized {
		return verifyErrorf("the ID token has several audiences and was not issued to client %q (azp)", clientID)
	}
	return nil
}

// maxEarly is how far ahead of our clock a token's nbf may be.
const maxEarly = 5 * time.Minute

// readTimes checks exp, iat and nbf by the provider's clock, which made them, and
// returns the first two by ours. An end that nobody can have meant is not known
// (zero); all others must be ahead.
func readTimes(what string, claims Fields, set *credential.TokenSet) (issued, end time.Time, err error) {
	now := time.Now().Add(set.Skew)
	end, odd := numericDate(claims["exp"])
	issued, _ = numericDate(claims["iat"])
	from, never := numericDate(claims["nbf"])
	switch {
	case odd && !end.After(now):
		end = time.Time{}
	case end.IsZero():
		return issued, end, verifyErrorf("%s does not say when it ends (exp)", what)
	case end.Before(now):
		return issued, end, verifyErrorf("%s ended at %s already: %s", what, end.Format(time.RFC3339), tellClock(set.Skew))
	}
	if issued.After(now.Add(maxAhead)) {
		return issued, end, verifyErrorf("%s was issued in the future (%s): %s", what, issued.Format(time.RFC3339),
			tellClock(set.Skew))
	}
	if from.After(now.Add(maxEarly)) || never && from.IsZero() {
		return issued, end, verifyErrorf("%s is not valid yet (nbf): %s", what, tellClock(set.Skew))
	}
	if issued = ourTime(issued, set.Skew); issued.IsZero() {
		issued = set.IssuedAt
	}
	return issued, ourTime(end, set.Skew), nil
}

// CheckTimes checks the times of a token of another kind as those of an ID token are
// checked: exp, iat and nbf, by the provider's clock. The error names the token as
// what.
func CheckTimes(what string, claims Fields, set *credential.TokenSet) error {
	_, _, err := readTimes(what, claims, set)
	return err
}

// maxDate is the end of the year 9999, and of what RFC 3339 can write.
const maxDate = 253402300799

// numericDate reads a NumericDate (RFC 7519 §2), also one in a string; zero: it is
// not there, or not a date. One that is odd lies beyond the year 9999, and is read
// as milliseconds, which some providers write.
func numericDate(raw json.RawMessage) (at time.Time, odd bool) {
	n, ok := number(raw)
	if odd = n > maxDate; odd {
		n /= 1000
	}
	if !ok || n <= 0 || n > maxDate {
		return at, odd
	}
	return time.Unix(int64(n), 0).UTC(), odd
}

// ourTime is a time of the provider's clock by ours; zero if it is not known, or
// cannot be written.
func ourTime(t time.Time, skew time.Duration) time.Time {
	ours := t.Add(-skew).UTC()
	if t.IsZero() || ours.Year() > 9999 {
		return time.Time{}
	}
	return ours
}

// halfHash is the at_hash of an access token (OpenID Connect Core §3.1.3.6).
func halfHash(t jws.Token, accessToken string) string {
	h := t.Hash().New()
	h.Write([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:h.Size()/2])
}

// SubjectError says that an answer speaks of somebody else than the session
// belongs to.
type SubjectError struct{ Want, Got string }

func (e *SubjectError) Error() string {
	return fmt.Sprintf("the provider's answer is for subject %q, the session belongs to %q", Clean(e.Got, 100),
		Clean(e.Want, 100))
}

// tellClock says what is known of the difference between the clocks.
func tellClock(skew time.Duration) string {
	skew = skew.Round(10 * time.Second)
	switch {
	case skew > 0:
		return fmt.Sprintf("this machine's clock is %v behind the provider's", skew)
	case skew < 0:
		return fmt.Sprintf("this machine's clock is %v ahead of the provider's", -skew)
	}
	return "is this machine's clock right, or the provider's?"
}

// VerifySigned verifies a token that is signed with one of the algorithms, as names
// of RFC 7518 §3.1, by the provider's keys, and returns its payload. The error names
// the token as what. What the claims say is not checked.
func (p *Provider) VerifySigned(ctx context.Context, what, token string, algs []string) ([]byte, error) {
	t, err := p.verifySigned(ctx, what, token, algs)
	return t.Payload, err
}

// verifySigned verifies a token by the provider's keys, which are fetched again
// once if none of them fits. The error names the token as what.
func (p *Provider) verifySigned(ctx context.Context, what, token string, algs []string) (jws.Token, error) {
	t, err := jws.Parse(token, algs)
	if err != nil {
		return t, verifyErrorf("%s does not verify: %w", what, err)
	}
	if t.By(p.keys) {
		return t, nil
	}
	// The provider may have rotated its keys since they were kept. Once a run:
	// a token of nonsense must not make us ask again and again.
	if !p.refetched {
		p.refetched = true
		if err := p.fetchKeys(ctx); err != nil {
			return t, err // it says nothing about the token
		}
		if t.By(p.keys) {
			return t, nil
		}
	}
	return t, verifyErrorf("%s does not verify: none of the provider's keys made its signature", what)
}
