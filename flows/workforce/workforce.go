// Package workforce trades a sign-in's token at Google's Security Token Service for one
// of Google Cloud (workforce identity federation).
package workforce

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// The services, which are always Google's own.
const (
	tokenURL       = "https://sts.googleapis.com/v1/token"
	impersonateURL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
)

// Request is what is asked for.
type Request struct {
	Audience       string // as [Audience] returns it
	UserProject    string // that quota and billing count for; may be empty
	ServiceAccount string // whose token it is to be in the end; empty: the person's
}

// scopes are what the token is for: GKE, and who it is of.
var scopes = []string{"https://www.googleapis.com/auth/cloud-platform",
	"https://www.googleapis.com/auth/userinfo.email"}

// Audience is a provider of a workforce pool as Google's STS names it: of POOL/PROVIDER,
// or of its full name with or without //iam.googleapis.com/ in front.
func Audience(name string) (string, error) {
	rest := strings.TrimPrefix(strings.TrimPrefix(name, "//iam.googleapis.com/"), "locations/global/workforcePools/")
	pool, provider, ok := strings.Cut(rest, "/")
	if rest != name {
		provider, ok = strings.CutPrefix(provider, "providers/")
	}
	if !ok || !isID(pool) || !isID(provider) {
		return "", fmt.Errorf("%q is not the name of a workforce provider: it is POOL/PROVIDER, or "+
			"locations/global/workforcePools/POOL/providers/PROVIDER", flows.Clean(name, 200))
	}
	return "//iam.googleapis.com/locations/global/workforcePools/" + pool + "/providers/" + provider, nil
}

func isID(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// CheckServiceAccount tells what is wrong with the e-mail address of a service account,
// which becomes a part of an address.
func CheckServiceAccount(v string) error {
	name, domain, ok := strings.Cut(v, "@")
	const chars = "abcdefghijklmnopqrstuvwxyz0123456789-."
	if !ok || len(v) > 200 || name == "" || strings.Trim(v, chars+"@") != "" || strings.Contains(domain, "@") ||
		!strings.HasSuffix(domain, ".gserviceaccount.com") {
		return fmt.Errorf("%q is not the e-mail address of a service account: it ends with .gserviceaccount.com",
			flows.Clean(v, 200))
	}
	return nil
}

const (
	doing            = "exchange at Google's STS"
	doingImpersonate = "impersonate the service account"
)

// Exchange trades a token (RFC 8693, as Google's STS has it): one POST, and one more for
// a service account's. typ is the URN of the token's type, which is a JWT's: another token
// is not sent there. A refusal of the STS is a
// [*flows.OAuthError], one of the service account's an [*Error].
func Exchange(ctx context.Context, hc *http.Client, r Request, token credential.Secret, typ string) (
	none credential.Credential, _ error) {
	if strings.Count(token.Reveal(), ".") != 2 { // RFC 7519 §3
		return none, errors.New(doing + ": the token is not a JWT; it accepts only those")
	}
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {r.Audience},
		"scope": {strings.Join(scopes, " ")}, "requested_token_type": {flows.TokenTypeAccess},
		"subject_token": {token.Reveal()}, "subject_token_type": {typ},
	}
	if r.UserProject != "" {
		options, err := json.Marshal(map[string]string{"userProject": r.UserProject})
		if err != nil {
			return none, err
		}
		form.Set("options", string(options))
	}
	issued := time.Now().UTC()
	a, fields, err := post(ctx, hc, doing, tokenURL, form.Encode(),
		"application/x-www-form-urlencoded", "", token)
	if err != nil {
		return none, err
	}
	if bytes.HasPrefix(fields["error"], []byte("{")) { // as Google's other services say it
		return none, refusal(doing, "", a, fields)
	}
	if err := a.Refusal(doing, fields); err != nil {
		return none, err
	}
	if !a.OK() {
		return none, flows.Garbled(doing, "the answer has status %d and names no error", a.Status)
	}
	var life float64
	access := fields.Text("access_token")
	switch kind := fields.Text("issued_token_type"); {
	case !visible(access):
		return none, flows.Garbled(doing, "the answer has no access token that could be used")
	case kind != "" && kind != flows.TokenTypeAccess, !strings.EqualFold(cmp.Or(fields.Text("token_type"), "Bearer"),
		"Bearer"):
		return none, flows.Garbled(doing, "the token in the answer is not a Bearer access token")
	case json.Unmarshal(fields["expires_in"], &life) != nil || life <= 0 || life > 48*60*60:
		return none, flows.Garbled(doing, "the answer does not say when the token ends")
	}
	c := credential.Credential{Token: credential.NewSecret(access), TokenType: "Bearer", IssuedAt: issued,
		ExpiresAt: issued.Add(time.Duration(life * float64(time.Second)))}
	if r.ServiceAccount == "" {
		return c, nil
	}
	return r.impersonate(ctx, hc, c.Token)
}

// impersonate trades the person's token for a service account's (generateAccessToken of
// the IAM Service Account Credentials API).
func (r Request) impersonate(ctx context.Context, hc *http.Client, token credential.Secret) (none credential.Credential,
	_ error) {
	body, err := json.Marshal(map[string]any{"scope": scopes, "lifetime": "3600s"})
	if err != nil {
		return none, err
	}
	issued := time.Now().UTC()
	at := impersonateURL + r.ServiceAccount + ":generateAccessToken"
	a, fields, err := post(ctx, hc, doingImpersonate, at, string(body), "application/json", token.Reveal(), token)
	if err != nil {
		return none, err
	}
	if !a.OK() {
		return none, refusal(doingImpersonate, r.ServiceAccount, a, fields)
	}
	access := fields.Text("accessToken")
	end, err := time.Parse(time.RFC3339Nano, fields.Text("expireTime"))
	switch end = end.UTC().Add(-a.Skew()); {
	case !visible(access):
		return none, flows.Garbled(doingImpersonate, "the answer has no access token that could be used")
	case err != nil || !end.After(a.At) || end.Sub(a.At) > 48*time.Hour:
		return none, flows.Garbled(doingImpersonate, "the answer does not say when the token ends, or it has ended")
	}
	return credential.Credential{Token: credential.NewSecret(access), TokenType: "Bearer", IssuedAt: issued,
		ExpiresAt: end}, nil
}

func post(ctx context.Context, hc *http.Client, doing, at, body, contentType, bearer string, sent credential.Secret) (
	*flows.Answer, flows.Fields, error) {
	req, err := http.NewRequest(http.MethodPost, at, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, errors.New(doing + ": the address cannot be used")
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	a, err := flows.Do(ctx, hc, doing, req)
	if err != nil {
		return nil, nil, err
	}
	a.Sent = []string{sent.Reveal()}
	fields, err := a.Fields(doing)
	return a, fields, err
}

// visible reports whether a token fits into a header.
func visible(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// Error is a refusal of one of Google's services, e.g. PERMISSION_DENIED.
type Error struct {
	Doing, Account  string // Account: that was to be impersonated; may be empty
	Status, Message string // cleaned for a terminal
	Code            int
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s)", strings.TrimSpace(e.Doing+" "+e.Account), e.Status, e.Message)
}

// RefusesToken reports whether it was the token that was refused.
func (e *Error) RefusesToken() bool { return e.Code == http.StatusUnauthorized }

func refusal(doing, account string, a *flows.Answer, fields flows.Fields) error {
	var in struct{ Status, Message string }
	_ = json.Unmarshal(fields["error"], &in) // what can be read of it
	e := &Error{Doing: doing, Account: account, Status: a.Words(in.Status, 100), Message: a.Words(in.Message, 300),
		Code: a.Status}
	if e.Status == "" {
		return flows.Garbled(doing, "the answer has status %d and names no error", a.Status)
	}
	if slices.Contains([]string{"UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"}, e.Status) {
		return &flows.UnavailableError{Doing: doing, Err: e, RetryAfter: a.RetryAfter(), Status: a.Status}
	}
	return e
}
