package identitycenter

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// Registration is a client of this program's, which the service has made.
type Registration struct {
	ClientID  string
	Secret    credential.Secret
	ExpiresAt time.Time // by this machine's clock
}

const doingRegister = "register at IAM Identity Center"

// Register makes a client for the grants of a code, a device and a refresh (RFC 7591 in
// its outline): one request. issuerURL is the start URL as [Resolve] returns it.
func Register(ctx context.Context, hc *http.Client, at Endpoints, issuerURL string, scopes []string) (Registration,
	error) {
	var none Registration
	body, err := json.Marshal(map[string]any{
		"clientName": "sso-exec", "clientType": "public", "scopes": scopes, "issuerUrl": issuerURL,
		"grantTypes":   []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"},
		"redirectUris": []string{"http://127.0.0.1/oauth/callback"},
	})
	if err != nil {
		return none, err
	}
	req, err := http.NewRequest(http.MethodPost, at.OIDC+"/client/register", bytes.NewReader(body))
	if err != nil {
		return none, err
	}
	req.Header.Set("Content-Type", "application/json")
	a, err := flows.Do(ctx, hc, doingRegister, req)
	if err != nil {
		return none, err
	}
	fields, err := a.Fields(doingRegister)
	if err != nil {
		return none, err
	}
	if !a.OK() {
		if err := refusal(doingRegister, a, fields); err != nil {
			return none, err
		}
		return none, flows.Garbled(doingRegister, "the answer has status %d and names no error", a.Status)
	}
	r := Registration{ClientID: fields.Text("clientId"), Secret: credential.NewSecret(fields.Text("clientSecret"))}
	if !Printable(r.ClientID) || !Printable(r.Secret.Reveal()) {
		return none, flows.Garbled(doingRegister, "the answer has no client and secret that could be used")
	}
	if r.ExpiresAt, err = unixTime(fields["clientSecretExpiresAt"]); err != nil {
		return none, flows.Garbled(doingRegister, "the answer does not say when the client ends")
	}
	if r.ExpiresAt = r.ExpiresAt.Add(-a.Skew()); !r.ExpiresAt.After(a.At) {
		return none, flows.Garbled(doingRegister, "the client in the answer has ended")
	}
	return r, nil
}

// Printable reports whether a text of a server's fits into a header, a variable and a
// file: something, and nothing that begins something else.
func Printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return s != ""
}

// unixTime reads a time in seconds or in milliseconds; which of the two, its size tells.
func unixTime(raw json.RawMessage) (time.Time, error) {
	var n json.Number
	err := json.Unmarshal(raw, &n)
	f, ferr := n.Float64()
	switch {
	case err != nil:
		return time.Time{}, err
	case ferr != nil || f < 0 || f > 1e14:
		return time.Time{}, &json.UnsupportedValueError{Str: n.String()}
	case f > 1e11: // as seconds, beyond the year 5000
		return time.UnixMilli(int64(f)).UTC(), nil
	}
	return time.Unix(int64(f), 0).UTC(), nil
}
