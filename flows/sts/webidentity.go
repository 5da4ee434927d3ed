// Package sts gets the temporary keys of an AWS role: for an ID token
// (AssumeRoleWithWebIdentity of AWS STS), or for the keys of another role
// (AssumeRole); and what AWS trades for those. [Place] says which of its endpoints is asked.
//
// A refusal is an [*Error]; an error that passes by itself, a [*flows.UnavailableError].
//
// The package is v0: names may still change between minor versions.
package sts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// WebIdentity is a request for an AWS role's temporary keys in exchange for an
// ID token: AssumeRoleWithWebIdentity of AWS STS.
type WebIdentity struct {
	Endpoint    string // of STS; see [Place]
	RoleARN     string
	SessionName string        // shows in CloudTrail; empty: who signed in, by the ID token
	Duration    time.Duration // 0: the service's default, an hour
	PolicyARNs  []string      // session policies: they can only narrow the role
}

const doingSTS = "AssumeRoleWithWebIdentity"

// AssumeRoleWithWebIdentity makes the exchange: one unsigned POST, answered in
// XML (AWS STS API Reference, version 2011-06-15). It returns an [*Error]
// where STS refuses and an [*flows.UnavailableError] where trying again is right.
func AssumeRoleWithWebIdentity(ctx context.Context, hc *http.Client, w WebIdentity,
	idToken credential.Secret) (credential.Credential, error) {
	var none credential.Credential
	if w.SessionName == "" {
		w.SessionName = SessionName(idToken)
	}
	form := form(doingSTS, w.RoleARN, w.SessionName, w.Duration, w.PolicyARNs)
	form.Set("WebIdentityToken", idToken.Reveal())
	req, err := http.NewRequest(http.MethodPost, w.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return none, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/xml") // asked for JSON, STS answers in JSON
	issued := time.Now().UTC()
	a, err := flows.Send(ctx, hc, doingSTS, req)
	if err != nil {
		return none, err
	}
	a.Sent = []string{idToken.Reveal()}
	if !a.OK() {
		return none, refusal(doingSTS, "", a)
	}
	return stsKeys(a, doingSTS, w.SessionName, issued)
}

// result is what STS answers with.
type result struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string `xml:"SecretAccessKey"`
		SessionToken    string `xml:"SessionToken"`
		Expiration      string `xml:"Expiration"`
	}
	AssumedRoleARN string `xml:"AssumedRoleUser>Arn"`
}

// stsKeys reads the keys out of STS's answer.
func stsKeys(a *flows.Answer, doing, session string, issued time.Time) (none credential.Credential, _ error) {
	var all struct {
		WebIdentity result `xml:"AssumeRoleWithWebIdentityResult"`
		Role        result `xml:"AssumeRoleResult"`
	}
	if err := xmlDecoder(a.Body).Decode(&all); err != nil {
		return none, flows.Garbled(doing, "the answer is not STS's XML")
	}
	ok := all.WebIdentity
	if doing == doingChain {
		ok = all.Role
	}
	k := ok.Credentials
	for _, part := range []string{k.AccessKeyID, k.SecretAccessKey, k.SessionToken} {
		switch {
		case part == "":
			return none, flows.Garbled(doing, "the answer lacks a part of the keys")
		case strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' }):
			// They go into variables, headers and files, where a line break begins something else.
			return none, flows.Garbled(doing, "a part of the keys has characters that no key has")
		}
	}
	end, known := parseTime(k.Expiration)
	if !known {
		return none, flows.Garbled(doing, "the answer does not say when the keys end")
	}
	end = end.Add(-a.Skew())
	if !end.After(a.At) {
		return none, flows.Garbled(doing, "the keys in the answer have expired")
	}
	return credential.Credential{
		AWS: &credential.AWSKeys{
			AccessKeyID:     k.AccessKeyID,
			SecretAccessKey: credential.NewSecret(k.SecretAccessKey),
			SessionToken:    credential.NewSecret(k.SessionToken),
			AccountID:       accountID(ok.AssumedRoleARN),
			SessionName:     session,
			Skew:            a.Skew(),
		},
		IssuedAt: issued, ExpiresAt: end,
	}, nil
}

// xmlDecoder reads XML in whatever encoding its first line names. What matters
// here is ASCII; of other characters, only a message's would suffer.
func xmlDecoder(body []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) {
		text, err := io.ReadAll(in)
		if err != nil || utf8.Valid(text) {
			return bytes.NewReader(text), err
		}
		latin1 := make([]rune, len(text))
		for i, b := range text {
			latin1[i] = rune(b)
		}
		return strings.NewReader(string(latin1)), nil
	}
	return d
}

// timeLayouts are ways to write a time in ISO 8601, upper case. A fraction of a
// second may follow the seconds.
var timeLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"20060102T150405Z0700",
}

// parseTime reads a time as AWS and those who imitate it write it. One without
// a zone is in UTC.
func parseTime(text string) (time.Time, bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// Error is a refusal of STS, e.g. AccessDenied, ExpiredTokenException,
// IDPRejectedClaim, InvalidIdentityToken.
type Error struct {
	Code    string
	Message string // cleaned for a terminal
	Status  int
	Role    string // that was asked for with another role's keys, or a registry; empty: it was with a token
	Service string // that refused; empty: STS
}

func (e *Error) Error() string {
	what := cmp.Or(e.Service, "STS") + " refused"
	if e.Role != "" {
		what += " " + e.Role
	}
	return fmt.Sprintf("%s: %s (%s)", what, e.Code, e.Message)
}

// NotYet reports whether STS may accept the same request in a moment: it fetches
// the provider's keys itself, and for a new token it may come too late.
func (e *Error) NotYet() bool {
	return e.Code == "InvalidIdentityToken" || e.Code == "InvalidIdentityTokenException"
}

// RefusesToken reports whether it was the token, or the keys, that STS refused: what
// has ended, or is signed by a key that is no more.
func (e *Error) RefusesToken() bool {
	return slices.Contains([]string{"InvalidIdentityToken", "ExpiredTokenException", "ExpiredToken",
		"InvalidClientTokenId", "UnrecognizedClientException"}, e.Code)
}

// passing are the errors of STS that pass by themselves, as the AWS SDKs see it.
var passing = []string{
	"IDPCommunicationError", "IDPCommunicationErrorException", // STS could not reach the provider
	"InternalFailure", "InternalError", "InternalServerError", "InternalServiceError",
	"ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
	"PriorRequestNotComplete",
	"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
	"RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded", "TooManyRequestsException", "SlowDown",
}

// ofService names the service that an error is of.
func ofService(name string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Service = name
	}
	return err
}

// refusal tells a refusal from what passes by itself.
func refusal(doing, role string, a *flows.Answer) error {
	code, message := awsError(a)
	code = a.Words(code, 100) // of one that does not print nothing is left
	trouble := a.Status >= 500 || a.Status == http.StatusTooManyRequests
	if code == "" && trouble {
		return a.Trouble(doing)
	}
	if code == "" {
		return flows.Garbled(doing, "the answer has status %d and is not STS's XML", a.Status)
	}
	e := &Error{Code: code, Message: a.Words(message, 300), Status: a.Status, Role: role}
	if trouble || slices.Contains(passing, e.Code) {
		return &flows.UnavailableError{Doing: doing, Err: e, RetryAfter: a.RetryAfter(), Status: a.Status}
	}
	return e
}

// awsError finds an error's code and message in the envelopes that AWS and those
// who imitate it use: an element Error wherever it is, or JSON.
func awsError(a *flows.Answer) (code, message string) {
	d := xmlDecoder(a.Body)
	d.Strict = false
	var path []string
	for read := false; !read || code == ""; {
		token, err := d.Token()
		if err != nil {
			break
		}
		n := len(path)
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
		case xml.EndElement:
			read = n > 0 && path[n-1] == "Error"
			path = path[:max(0, n-1)]
		case xml.CharData:
			if n < 2 || path[n-2] != "Error" {
				continue
			}
			switch path[n-1] {
			case "Code":
				code += string(t)
			case "Message":
				message += string(t)
			}
		}
	}
	if code = strings.TrimSpace(code); code != "" {
		return code, message
	}
	type fields struct {
		Type                 string `json:"__type"`
		Code, Message        string
		Error, ErrorResponse *fields
	}
	var at fields
	_ = json.Unmarshal(a.Body, &at) // what can be read of it
	if at.ErrorResponse != nil {
		at = *at.ErrorResponse
	}
	if at.Error != nil {
		at = *at.Error
	}
	return cmp.Or(at.Code, at.Type[strings.LastIndex(at.Type, "#")+1:]), at.Message
}

// SessionName makes a name that STS takes (2 to 64 of [\w+=,.@-]) out of
// who signed in, so that CloudTrail tells who used the role. The token was
// verified when it was stored; here it is only read.
func SessionName(idToken credential.Secret) string {
	var claims struct {
		Email   string `json:"email"`
		Subject string `json:"sub"`
	}
	credential.PeekClaims(idToken, &claims)
	name := regexp.MustCompile(`[^\w+=,.@-]+`).ReplaceAllString(cmp.Or(claims.Email, claims.Subject), "-")
	if len(name) < 2 {
		name = "sso-exec-" + name
	}
	return name[:min(len(name), 64)]
}

// accountID reads the account out of an ARN, if it has one.
func accountID(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 || len(parts[4]) != 12 || strings.Trim(parts[4], "0123456789") != "" {
		return ""
	}
	return parts[4]
}
