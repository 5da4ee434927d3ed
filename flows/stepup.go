package flows

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/credential"
)

// StepUp is what a sign-in must be like, beyond whose it is (RFC 9470 §4; OpenID
// Connect Core §3.1.2.1, §5.5). The zero StepUp asks for nothing.
type StepUp struct {
	ACR    []string       // one of these, the best first; acr_values
	MaxAge *time.Duration // how long ago it may have been, in whole seconds; 0: not before it was asked for; nil: any time
	Claims string         // the parameter claims, as [ParseClaims] returns it; what comes of it is not checked
}

// IsZero reports whether nothing is asked for.
func (u StepUp) IsZero() bool { return len(u.ACR) == 0 && u.MaxAge == nil && u.Claims == "" }

// add sets the parameters of a request that asks a person to sign in.
func (u StepUp) add(form url.Values, d *Dialect) {
	if len(u.ACR) > 0 {
		form.Set("acr_values", strings.Join(u.ACR, " "))
	}
	if u.MaxAge != nil {
		form.Set("max_age", strconv.FormatInt(int64(*u.MaxAge/time.Second), 10))
	}
	d.addClaims(form, u.Claims)
}

// Unmet says in what a sign-in falls short of what is asked, as seen at a point in
// time; empty: in nothing.
func (u StepUp) Unmet(login credential.Login, at time.Time) string {
	switch {
	case len(u.ACR) > 0 && login.ACR == "":
		return "the sign-in names no acr, and " + anyOf(u.ACR) + " is asked for"
	case len(u.ACR) > 0 && !slices.Contains(u.ACR, login.ACR):
		return fmt.Sprintf("the sign-in has the acr %q, and %s is asked for", Clean(login.ACR, 100), anyOf(u.ACR))
	case u.MaxAge == nil:
		return ""
	case login.AuthTime.IsZero():
		return "the ID token does not say when the sign-in was (auth_time), but max_age requires it"
	}
	if age := at.Sub(login.AuthTime); age > *u.MaxAge {
		return fmt.Sprintf("the sign-in was %v ago, and at most %v is asked for", age.Round(time.Second), *u.MaxAge)
	}
	return ""
}

func anyOf(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return strings.Join(quoted, " or ")
}

// AuthTimeSlack is how far auth_time may lie before the time that it is compared
// with: it has whole seconds, and clocks that differ by less than [minSkew] pass
// for equal.
const AuthTimeSlack = minSkew + time.Second

// check compares a finished sign-in with what was asked when it began: a person
// may take their time after they have proved who they are (OpenID Connect Core
// §3.1.3.7, 12 and 13).
func (u StepUp) check(login credential.Login, began time.Time) error {
	if unmet := u.Unmet(login, began.Add(-AuthTimeSlack)); unmet != "" {
		return unmetErrorf("the provider did not meet the sign-in requirements: %s", unmet)
	}
	return nil
}

// readLogin reads acr and auth_time of an ID token that has been verified. What is
// not a string, or not a number of seconds, is not known; nor is a time in the
// future, which would stay recent for ever.
func readLogin(acr, authTime json.RawMessage, skew time.Duration) credential.Login {
	login := credential.Login{ACR: text(acr)}
	if at, _ := numericDate(authTime); at.Before(time.Now().Add(maxAhead + skew)) {
		login.AuthTime = ourTime(at, skew)
	}
	return login
}

// maxClaims bounds the parameter claims, which is a part of an address.
const maxClaims = 16 << 10

// ParseClaims reads the parameter claims (OpenID Connect Core §5.5) as a JSON
// object, or as the base64 of one, which is how a claims challenge has it
// (Microsoft identity platform, 401 with insufficient_claims). It returns the
// object in its shortest spelling.
func ParseClaims(s string) (string, error) {
	raw := []byte(strings.TrimSpace(s))
	if !bytes.HasPrefix(raw, []byte("{")) {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(string(raw), "="))
		decoded, err := base64.RawStdEncoding.DecodeString(plain)
		if err != nil {
			return "", errors.New("neither a JSON object nor the base64 of one")
		}
		raw = bytes.TrimSpace(decoded)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || object == nil || !utf8.Valid(raw) {
		return "", errors.New("not a JSON object")
	}
	var short bytes.Buffer
	if err := json.Compact(&short, raw); err != nil {
		return "", errors.New("not a JSON object")
	}
	switch {
	case len(object) == 0:
		return "", errors.New("it asks for nothing")
	case short.Len() > maxClaims:
		return "", fmt.Errorf("longer than %d bytes", maxClaims)
	}
	return short.String(), nil
}

// MergeClaims returns the parameter claims that asks for what either of two asks
// for, each as [ParseClaims] returns it, or empty. Of what both ask for, and of
// what is not an object, the second one counts.
func MergeClaims(first, second string) string {
	if first == "" || second == "" {
		return cmp.Or(first, second)
	}
	var all, more map[string]json.RawMessage
	if json.Unmarshal([]byte(first), &all) != nil || json.Unmarshal([]byte(second), &more) != nil || all == nil { // null
		return second
	}
	for name, asked := range more { // id_token, access_token, userinfo
		var into, from map[string]json.RawMessage
		if json.Unmarshal(all[name], &into) == nil && json.Unmarshal(asked, &from) == nil && into != nil {
			maps.Copy(into, from)
			asked, _ = json.Marshal(into)
		}
		all[name] = asked
	}
	merged, _ := json.Marshal(all) // of what was read as JSON
	return string(merged)
}

// addClaims sets the parameter claims, with what this client can do, where the
// provider wants to be told: it asks for the claim xms_cc in the access token, by
// which a client of the Microsoft identity platform declares what it understands.
func (d *Dialect) addClaims(form url.Values, claims string) {
	if len(d.Capabilities) > 0 {
		can, _ := json.Marshal(map[string]any{"access_token": map[string]any{"xms_cc": map[string]any{"values": d.Capabilities}}})
		claims = MergeClaims(string(can), claims)
	}
	if claims = MergeClaims(form.Get("claims"), claims); claims != "" { // AuthParams may have some
		form.Set("claims", claims)
	}
}

// NeedsPerson reports whether a refusal of a refresh means that the session goes
// on, and that this token is for a person to ask for (OpenID Connect Core §3.1.2.6;
// RFC 9470 §3).
func (p *Provider) NeedsPerson(e *OAuthError) bool {
	switch e.Code {
	case "interaction_required", "login_required", "consent_required", "account_selection_required",
		"insufficient_user_authentication":
		return true
	}
	return e.among(p.Dialect.StepUp)
}

// explained are the errors of a sign-in whose names say too little (OpenID Connect
// Core §3.1.2.6; OpenID Connect Core Error Code unmet_authentication_requirements).
var explained = map[string]string{
	"login_required": "nobody is signed in at the provider, and the request does not let it ask " +
		"(prompt=none)",
	"interaction_required": "the provider needs to ask the person something, but the request does not " +
		"let it (prompt=none)",
	"consent_required": "the person, or an administrator, has not consented to this client, but the " +
		"request does not let the provider ask (prompt=none)",
	"account_selection_required": "several accounts are signed in at the provider: name one (login_hint), or " +
		"have it ask (prompt=select_account)",
	"unmet_authentication_requirements": "the provider cannot have this person sign in the way that is asked for " +
		"(acr_values, max_age, claims): does it know that way, and is it set up for the account?",
}

// explain adds what a refusal means.
func explain(err error) error {
	if refusal, ok := errors.AsType[*OAuthError](err); ok && refusal.Hint == "" {
		refusal.Hint = explained[refusal.Code]
	}
	return err
}
