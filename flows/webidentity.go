package flows

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// WebIdentity is a request for an AWS role's temporary keys in exchange for an
// ID token: AssumeRoleWithWebIdentity of AWS STS.
type WebIdentity struct {
	Endpoint    string // of STS; see [STSEndpoint]
	RoleARN     string
	SessionName string        // shows in CloudTrail; empty: who signed in, by the ID token
	Duration    time.Duration // 0: the service's default, an hour
	PolicyARNs  []string      // session policies: they can only narrow the role
}

const doingSTS = "AssumeRoleWithWebIdentity"

// AssumeRoleWithWebIdentity makes the exchange: one unsigned POST, answered in
// XML (AWS STS API Reference, version 2011-06-15). It returns an [*STSError]
// where STS refuses and an [*UnavailableError] where trying again is right.
func AssumeRoleWithWebIdentity(ctx context.Context, hc *http.Client, w WebIdentity, idToken credential.Secret) (credential.Credential, error) {
	var none credential.Credential
	if w.SessionName == "" {
		w.SessionName = roleSessionName(idToken)
	}
	form := url.Values{
		"Action":           {"AssumeRoleWithWebIdentity"},
		"Version":          {"2011-06-15"},
		"RoleArn":          {w.RoleARN},
		"RoleSessionName":  {w.SessionName},
		"WebIdentityToken": {idToken.Reveal()},
	}
	if w.Duration > 0 {
		form.Set("DurationSeconds", strconv.Itoa(int(w.Duration.Seconds())))
	}
	for i, arn := range w.PolicyARNs {
		form.Set(fmt.Sprintf("PolicyArns.member.%d.arn", i+1), arn)
	}
	req, err := http.NewRequest(http.MethodPost, w.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return none, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sent := time.Now().UTC()
	a, err := request(ctx, hc, doingSTS, req)
	if err != nil {
		return none, err
	}
	a.sent = []string{idToken.Reveal()}
	if a.status != http.StatusOK {
		return none, stsError(a)
	}
	var ok struct {
		Credentials struct {
			AccessKeyID     string    `xml:"AccessKeyId"`
			SecretAccessKey string    `xml:"SecretAccessKey"`
			SessionToken    string    `xml:"SessionToken"`
			Expiration      time.Time `xml:"Expiration"`
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
		AssumedRoleARN string `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>Arn"`
	}
	if err := xml.Unmarshal(a.body, &ok); err != nil {
		return none, garbled(doingSTS, "the answer is not STS's XML")
	}
	k := ok.Credentials
	if k.AccessKeyID == "" || k.SecretAccessKey == "" || k.SessionToken == "" || k.Expiration.IsZero() {
		return none, garbled(doingSTS, "the answer lacks a part of the keys")
	}
	return credential.Credential{
		AWS: &credential.AWSKeys{
			AccessKeyID:     k.AccessKeyID,
			SecretAccessKey: credential.NewSecret(k.SecretAccessKey),
			SessionToken:    credential.NewSecret(k.SessionToken),
			AccountID:       accountID(ok.AssumedRoleARN),
		},
		IssuedAt: sent, ExpiresAt: k.Expiration.UTC().Add(-a.skew()),
	}, nil
}

// STSError is a refusal of STS, e.g. AccessDenied, ExpiredTokenException,
// IDPRejectedClaim, InvalidIdentityToken.
type STSError struct {
	Code    string
	Message string // cleaned for a terminal
	Status  int
}

func (e *STSError) Error() string {
	return fmt.Sprintf("STS refused: %s (%s)", e.Code, e.Message)
}

// stsError tells a refusal from what passes by itself.
func stsError(a *answer) error {
	var body struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(a.body, &body); err != nil || body.Code == "" {
		return garbled(doingSTS, "the answer has status %d and is not STS's XML", a.status)
	}
	e := &STSError{a.words(body.Code, 100), a.words(body.Message, 300), a.status}
	switch e.Code {
	case "IDPCommunicationError", // STS could not reach the provider; AWS says to retry
		"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException",
		"InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return &UnavailableError{Doing: doingSTS, Err: e, RetryAfter: retryAfter(a)}
	}
	return e
}

// partitions are the domains of AWS's other partitions, by the prefix of their
// regions' names (AWS SDKs, partitions.json). A longer prefix stands first.
var partitions = []struct{ prefix, domain string }{
	{"cn-", "amazonaws.com.cn"}, {"eusc-", "amazonaws.eu"}, {"eu-isoe-", "cloud.adc-e.uk"},
	{"us-isob-", "sc2s.sgov.gov"}, {"us-isof-", "csp.hci.ic.gov"}, {"us-iso-", "c2s.ic.gov"},
}

// STSEndpoint returns the endpoint of a region, or the global one where none is
// named. A region that is no plain host label is an error: the ID token must
// not go to a host of somebody's choice.
func STSEndpoint(region string) (string, error) {
	if region == "" {
		return "https://sts.amazonaws.com/", nil
	}
	if len(region) > 63 || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", fmt.Errorf("%q is not the name of a region", Clean(region, 80))
	}
	domain := "amazonaws.com"
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			domain = p.domain
			break
		}
	}
	return "https://sts." + region + "." + domain + "/", nil
}

// roleSessionName makes a name that STS takes (2 to 64 of [\w+=,.@-]) out of
// who signed in, so that CloudTrail tells who used the role. The token was
// verified when it was stored; here it is only read.
func roleSessionName(idToken credential.Secret) string {
	var claims struct {
		Email   string `json:"email"`
		Subject string `json:"sub"`
	}
	if parts := strings.Split(idToken.Reveal(), "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
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
