package flows

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// tokenRequest posts to the token endpoint. The token set may be non-nil next to
// an error: an answer that is odd in one place may still carry the rotated
// refresh token, which must not be lost.
func (p *Provider) tokenRequest(ctx context.Context, doing string, c Client, form url.Values) (*credential.TokenSet,
	error) {
	set, _, err := p.signInRequest(ctx, doing, c, form)
	return set, err
}

// signInRequest is tokenRequest with all that the answer has.
func (p *Provider) signInRequest(ctx context.Context, doing string, c Client, form url.Values) (*credential.TokenSet,
	Fields, error) {
	sent := time.Now()
	a, err := p.post(ctx, doing, p.TokenEndpointFor(c), p.TokenEndpointAuthMethods, c, form)
	if err != nil {
		return nil, nil, err
	}
	set, fields, err := p.parseTokens(doing, a, sent)
	return set, fields, p.hint(err, form.Get("grant_type"))
}

// hint adds what the metadata says of a grant that was refused. It is no more
// than a hint: lists are often incomplete, so nothing is refused by them here.
func (p *Provider) hint(err error, grant string) error {
	var refusal *OAuthError
	if !errors.As(err, &refusal) || len(p.GrantTypes) == 0 || slices.Contains(p.GrantTypes, grant) {
		return err
	}
	switch refusal.Code {
	case "unsupported_grant_type", "unauthorized_client", "invalid_request":
		refusal.Hint = "the provider's metadata lists other grants: " + Clean(strings.Join(p.GrantTypes, ", "), 300)
	}
	return err
}

// parseTokens reads a token endpoint's answer whose token must be a Bearer
// token.
func (p *Provider) parseTokens(doing string, a *Answer, sent time.Time) (*credential.TokenSet, Fields, error) {
	set, fields, err := readTokens(doing, a, sent)
	if err == nil {
		err = mustBeBearer(doing, set)
	}
	if refusal, ok := errors.AsType[*OAuthError](err); ok && len(p.Dialect.Capabilities) > 0 {
		refusal.Claims, _ = ParseClaims(text(fields["claims"])) // what cannot be asked for is not
	}
	if set != nil && p.Dialect.Tokens != nil {
		p.Dialect.Tokens(set, fields)
	}
	return set, fields, err
}

// readTokens reads a token endpoint's answer field by field (RFC 6749 §5.1), so
// that one odd field costs no other.
func readTokens(doing string, a *Answer, sent time.Time) (*credential.TokenSet, Fields, error) {
	fields, err := a.Fields(doing)
	if err != nil {
		return nil, nil, err
	}
	refusal := a.Refusal(doing, fields)
	if refusal != nil && (!a.OK() || text(fields["refresh_token"]) == "") {
		return nil, fields, refusal
	}
	set := &credential.TokenSet{
		AccessToken:  credential.NewSecret(text(fields["access_token"])),
		TokenType:    a.Words(text(fields["token_type"]), 40),
		RefreshToken: credential.NewSecret(text(fields["refresh_token"])),
		IDToken:      credential.NewSecret(text(fields["id_token"])),
		Scopes:       strings.Fields(text(fields["scope"])),
		IssuedAt:     sent.UTC(),
		Skew:         a.Skew(),
		Root:         a.root,
	}
	if len(set.Scopes) == 0 {
		set.Scopes = nil // as requested
	}
	if life, ok := seconds(fields["expires_in"]); ok {
		set.ExpiresAt = set.IssuedAt.Add(life)
	}
	// no standard has one; Keycloak, Microsoft, GitHub
	for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in"} {
		if life, ok := seconds(fields[name]); ok && life > 0 { // Keycloak: 0 is no end
			set.RefreshExpiresAt = set.IssuedAt.Add(life)
		}
	}
	switch {
	case refusal != nil:
		return set, fields, refusal
	case set.AccessToken.IsZero():
		return set, fields, Garbled(doing, "the answer has no access token")
	}
	return set, fields, nil
}

// Fields are the members of an answer.
type Fields map[string]json.RawMessage

// Text is a member that is a string; empty: it is not there, or something else.
func (f Fields) Text(name string) string { return text(f[name]) }

// Fields reads an answer's members: one JSON object, whatever stands around it,
// or a form, as servers from before RFC 6749 answer.
func (a *Answer) Fields(doing string) (Fields, error) {
	var fields Fields
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" && !bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("{")) {
		form, _ := readQuery(strings.TrimSpace(string(a.Body)))
		fields = map[string]json.RawMessage{}
		for name := range form {
			fields[name], _ = json.Marshal(form.Get(name))
		}
		return fields, nil
	}
	if err := json.NewDecoder(bytes.NewReader(a.Body)).Decode(&fields); err != nil {
		if !a.OK() && a.Exception() != "" { // it says all, and the body may be empty
			return Fields{}, nil
		}
		return nil, a.notJSON(doing)
	}
	return fields, nil
}

// mustBeBearer takes a missing token type for Bearer, and spells it so.
func mustBeBearer(doing string, set *credential.TokenSet) error {
	if set.TokenType != "" && !strings.EqualFold(set.TokenType, "Bearer") {
		// RFC 6749 §7.1: a client must not use a token type that it does not know.
		return verifyErrorf("%s: the provider gave a token of type %q; only Bearer can be handed to a tool", doing,
			set.TokenType)
	}
	set.TokenType = "Bearer"
	return nil
}

// Refusal recognizes a refusal (RFC 6749 §5.2), also under status 200, where some
// servers put it; nil: it is none.
func (a *Answer) Refusal(doing string, fields Fields) error {
	if a.refuse != nil {
		if err := a.refuse(doing, a, fields); err != nil {
			if refusal, ok := errors.AsType[*OAuthError](err); ok {
				refusal.interval, _ = seconds(fields["interval"])
			}
			return err
		}
	}
	code, description := refusalIn(fields, a.OK())
	if code = a.Words(code, 100); code != "" {
		return &OAuthError{Doing: doing, Code: code, Description: a.Words(description, 500), Status: a.Status, Skew: a.Skew(),
			interval: pollInterval(fields["interval"], 0)}
	}
	if !a.OK() {
		return &UnavailableError{Doing: doing, Err: fmt.Errorf("the answer has status %d and names no error", a.Status),
			Garbled: true, Status: a.Status}
	}
	return nil
}

var errorCode = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]*$`) })

// refusalIn finds a refusal's code, a string under error, and its description. Some
// servers have them under code and message, or in an object under error; in an
// answer that is a success otherwise, these may mean something else.
func refusalIn(fields Fields, success bool) (code, description string) {
	var inner map[string]json.RawMessage
	_ = json.Unmarshal(fields["error"], &inner)
	places := []json.RawMessage{fields["error"], fields["code"], inner["code"], inner["error"]}
	switch {
	case success && !missing(fields["access_token"]):
		places = places[:1]
	case success:
		places[1] = nil
	}
	for _, place := range places {
		// A status' name may stand next to the code: "error": "Bad Request".
		if s := strings.TrimSpace(text(place)); code == "" || !errorCode().MatchString(code) && errorCode().MatchString(s) {
			code = s
		}
	}
	for _, place := range []json.RawMessage{fields["error_description"], inner["error_description"], inner["message"],
		fields["message"]} {
		description = cmp.Or(description, text(place))
	}
	return code, description
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
	f, ok := number(raw)
	f = min(max(f, 0), maxLife.Seconds())
	return time.Duration(f * float64(time.Second)), ok
}

// number reads a JSON number, or one in a string. One that is too large for a
// float64 is infinite.
func number(raw json.RawMessage) (float64, bool) {
	f, err := strconv.ParseFloat(cmp.Or(text(raw), string(raw)), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// missing reports whether a member is not there, or empty.
func missing(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}
