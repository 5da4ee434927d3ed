package flows

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// Client is how this program is registered at the provider. Without a secret
// it is a public client (RFC 6749 §2.1), as command lines should be.
type Client struct {
	ID     string
	Secret credential.Secret
}

// tokenRequest posts to the token endpoint. The token set may be non-nil beside
// an error: an answer that is odd in one place may still carry the rotated
// refresh token, which must not be lost.
func (p *Provider) tokenRequest(ctx context.Context, doing string, c Client, form url.Values) (*credential.TokenSet, error) {
	sent := time.Now()
	a, err := p.post(ctx, doing, p.TokenEndpoint, c, form)
	if err != nil {
		return nil, err
	}
	return parseTokens(doing, a, sent)
}

// post sends a form with the client's authentication. The method is the
// metadata's, never found by trial: a failed trial could spend a refresh token
// (RFC 6749 §2.3.1; RFC 8414 §2: absent means client_secret_basic).
func (p *Provider) post(ctx context.Context, doing, endpoint string, c Client, form url.Values) (*answer, error) {
	basic := false
	if !c.Secret.IsZero() {
		methods := p.TokenEndpointAuthMethods
		switch {
		case len(methods) == 0 || slices.Contains(methods, "client_secret_basic"):
			basic = true
		case slices.Contains(methods, "client_secret_post"):
			form.Set("client_secret", c.Secret.Reveal())
		default:
			return nil, fmt.Errorf("%s: a client secret is set, but the provider takes neither client_secret_basic nor client_secret_post", doing)
		}
	}
	if !basic {
		form.Set("client_id", c.ID)
	}
	req, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	a, err := request(ctx, p.hc, doing, req)
	if a != nil {
		a.sent = []string{c.Secret.Reveal()}
		for _, name := range secretParams {
			a.sent = append(a.sent, form.Get(name))
		}
	}
	return a, err
}

// secretParams are the parameters of a token request that no message may carry.
var secretParams = []string{"refresh_token", "code", "code_verifier", "device_code", "client_secret"}

// parseTokens reads a token endpoint's answer field by field (RFC 6749 §5.1),
// so that one odd field costs no other.
func parseTokens(doing string, a *answer, sent time.Time) (*credential.TokenSet, error) {
	// One value is read, whatever stands around it.
	a.body = bytes.TrimPrefix(a.body, []byte("\xef\xbb\xbf"))
	var fields map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(a.body)).Decode(&fields); err != nil {
		return nil, a.notJSON(doing)
	}
	refusal := oauthError(doing, a, fields)
	if refusal != nil && (a.status != http.StatusOK || text(fields["refresh_token"]) == "") {
		return nil, refusal
	}
	set := &credential.TokenSet{
		AccessToken:  credential.NewSecret(text(fields["access_token"])),
		TokenType:    a.words(text(fields["token_type"]), 40),
		RefreshToken: credential.NewSecret(text(fields["refresh_token"])),
		IDToken:      credential.NewSecret(text(fields["id_token"])),
		Scopes:       strings.Fields(text(fields["scope"])),
		IssuedAt:     sent.UTC(),
		Skew:         a.skew(),
	}
	if len(set.Scopes) == 0 {
		set.Scopes = nil // as requested
	}
	if life, ok := seconds(fields["expires_in"]); ok {
		set.ExpiresAt = set.IssuedAt.Add(life)
	}
	for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in"} { // no standard has one; Keycloak, Microsoft, GitHub
		if life, ok := seconds(fields[name]); ok && life > 0 { // Keycloak: 0 is no end
			set.RefreshExpiresAt = set.IssuedAt.Add(life)
		}
	}
	switch {
	case refusal != nil:
		return set, refusal
	case set.AccessToken.IsZero():
		return set, garbled(doing, "the answer has no access token")
	case set.TokenType == "":
		set.TokenType = "Bearer"
	case !strings.EqualFold(set.TokenType, "Bearer"):
		// RFC 6749 §7.1: a client must not use a token type that it does not know.
		return set, verifyErrorf("%s: the provider gave a token of type %q; only Bearer can be handed to a tool", doing, set.TokenType)
	default:
		set.TokenType = "Bearer"
	}
	return set, nil
}

// oauthError recognizes a refusal (RFC 6749 §5.2), also under status 200, where
// some servers put it.
func oauthError(doing string, a *answer, fields map[string]json.RawMessage) error {
	if code := a.words(text(fields["error"]), 100); code != "" {
		return &OAuthError{Doing: doing, Code: code, Description: a.words(text(fields["error_description"]), 300), Status: a.status}
	}
	if a.status != http.StatusOK {
		return garbled(doing, "the answer has status %d and names no error", a.status)
	}
	return nil
}

// text reads a JSON string; anything else is none.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// maxLife bounds a life time, so that no sum overflows.
const maxLife = 10 * 365 * 24 * time.Hour

// seconds reads a number of seconds, also as a fraction or a string. Absent or
// odd, it is not known.
func seconds(raw json.RawMessage) (time.Duration, bool) {
	s := text(raw)
	if s == "" {
		s = string(raw)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	f = min(max(f, 0), maxLife.Seconds())
	return time.Duration(f * float64(time.Second)), true
}
