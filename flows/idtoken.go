package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/sso-exec/sso-exec/credential"
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
func (p *Provider) VerifyIDToken(ctx context.Context, set *credential.TokenSet, want Expect) (credential.Identity, error) {
	var none credential.Identity
	algs := signingAlgs
	if len(p.IDTokenSigningAlgs) > 0 {
		algs = slices.DeleteFunc(slices.Clone(signingAlgs), func(a string) bool { return !slices.Contains(p.IDTokenSigningAlgs, a) })
		if len(algs) == 0 {
			return none, verifyErrorf("the provider signs ID tokens with none of the algorithms that are safe")
		}
	}
	keys := &keySet{p: p}
	// Times are compared by the provider's clock, which made them.
	now := time.Now().Add(set.Skew)
	verifier := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{ClientID: want.ClientID, SupportedSigningAlgs: algs,
		Now: func() time.Time { return now }})
	tok, err := verifier.Verify(ctx, set.IDToken.Reveal())
	if keys.fetchErr != nil {
		return none, keys.fetchErr // it says nothing about the token
	}
	if err != nil {
		return none, tellVerify(err, set.Skew)
	}
	var claims struct {
		AuthorizedParty string   `json:"azp"`
		Name            string   `json:"name"`
		Email           string   `json:"email"`
		Groups          []string `json:"groups"`

		ACR      json.RawMessage `json:"acr"`
		AuthTime json.RawMessage `json:"auth_time"`
	}
	if err := tok.Claims(&claims); err != nil {
		// A provider may give groups another shape; they are for display only.
		claims.Groups = nil
	}
	switch {
	case tok.Subject == "":
		return none, verifyErrorf("the ID token names no subject")
	case len(tok.Audience) > 1 && claims.AuthorizedParty != want.ClientID:
		return none, verifyErrorf("the ID token has several audiences and was not issued to client %q (azp)", want.ClientID)
	case tok.IssuedAt.After(now.Add(maxAhead)):
		return none, verifyErrorf("the ID token was issued in the future (%s): %s", tok.IssuedAt.UTC().Format(time.RFC3339), tellClock(set.Skew))
	case want.Nonce != "" && tok.Nonce != want.Nonce:
		// Also the answer to a replayed token of another sign-in.
		return none, verifyErrorf("the ID token has another nonce than the one that was sent")
	case want.Subject != "" && tok.Subject != want.Subject:
		return none, &SubjectError{Want: want.Subject, Got: tok.Subject}
	}
	if tok.AccessTokenHash != "" && !set.AccessToken.IsZero() {
		if err := tok.VerifyAccessToken(set.AccessToken.Reveal()); err != nil {
			return none, verifyErrorf("the ID token's at_hash is not that of the access token")
		}
	}
	set.Login = readLogin(claims.ACR, claims.AuthTime, set.Skew)
	set.IDTokenIssuedAt, set.IDTokenExpiresAt = tok.IssuedAt.Add(-set.Skew), tok.Expiry.Add(-set.Skew)
	return credential.Identity{
		Issuer: tok.Issuer, Subject: tok.Subject, // as they are: they are compared
		Name: Clean(claims.Name, 100), Email: Clean(claims.Email, 100), Groups: claims.Groups,
	}, nil
}

// SubjectError says that an answer speaks of somebody else than the session
// belongs to.
type SubjectError struct{ Want, Got string }

func (e *SubjectError) Error() string {
	return fmt.Sprintf("the provider's answer is for subject %q, the session belongs to %q", Clean(e.Got, 100), Clean(e.Want, 100))
}

// tellVerify puts go-oidc's failures into our words.
func tellVerify(err error, skew time.Duration) error {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return verifyErrorf("the ID token ended at %s already: %s", expired.Expiry.UTC().Format(time.RFC3339), tellClock(skew))
	}
	return verifyErrorf("the ID token does not verify: %s", Clean(err.Error(), 300))
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

// keySet verifies signatures by the provider's keys. It is an [oidc.KeySet].
type keySet struct {
	p        *Provider
	fetchErr error // go-oidc flattens errors into text; this one must be told apart
}

func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, len(signingAlgs))
	for i, a := range signingAlgs {
		algs[i] = jose.SignatureAlgorithm(a)
	}
	jws, err := jose.ParseSignedCompact(jwt, algs)
	if err != nil {
		return nil, err
	}
	if payload, ok := k.try(jws); ok {
		return payload, nil
	}
	// The provider may have rotated its keys since they were kept. Once a run:
	// a token of nonsense must not make us ask again and again.
	if !k.p.refetched {
		k.p.refetched = true
		if k.fetchErr = k.p.fetchKeys(ctx); k.fetchErr != nil {
			return nil, k.fetchErr
		}
		if payload, ok := k.try(jws); ok {
			return payload, nil
		}
	}
	return nil, errors.New("none of the provider's keys made its signature")
}

func (k *keySet) try(jws *jose.JSONWebSignature) ([]byte, bool) {
	kid := jws.Signatures[0].Header.KeyID
	for _, key := range k.p.keys.Keys {
		if kid != "" && key.KeyID != "" && key.KeyID != kid {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
