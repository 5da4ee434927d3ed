package flows

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
)

// FuzzParseProvider: metadata and keys are somebody else's. Whatever they are,
// what is accepted has the issuer that was asked for and no endpoint in clear.
func FuzzParseProvider(f *testing.F) {
	const issuer = "https://login.corp.example"
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"https://login.corp.example/token"}`, `{"keys":[]}`)
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"http://login.corp.example/token"}`, `{"keys":[{"kty":"RSA"}]}`)
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"https://a/","jwks_uri":"javascript:1"}`, `{"keys":[{"kty":"oct","k":"AA"}]}`)
	f.Add(`{"issuer":["x"]}`, `[]`)
	f.Fuzz(func(t *testing.T, metadata, keys string) {
		p, err := ParseProvider(http.DefaultClient, issuer, []byte(metadata), []byte(keys))
		if err != nil {
			return
		}
		if p.Issuer != issuer {
			t.Errorf("issuer %q", p.Issuer)
		}
		for _, endpoint := range []string{p.AuthorizationEndpoint, p.TokenEndpoint, p.DeviceAuthorizationEndpoint, p.JWKSURI} {
			if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Scheme != "https") {
				t.Errorf("endpoint %q", endpoint)
			}
		}
		for _, key := range p.keys {
			switch key.key.(type) {
			case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			default:
				t.Errorf("a key of type %T is used", key.key)
			}
		}
	})
}

// FuzzSTSError: a refusal of STS is a refusal or an outage, and prints in one line.
func FuzzSTSError(f *testing.F) {
	f.Add(400, `<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>m</Message></Error></ErrorResponse>`)
	f.Add(200, `<html>`)
	f.Add(403, "<ErrorResponse><Error><Code>\x1b[2J</Code></Error></ErrorResponse>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		err := stsError(&answer{host: "sts.example", status: status, header: http.Header{}, body: []byte(body)})
		var refusal *STSError
		var outage *UnavailableError
		if !errors.As(err, &refusal) && !errors.As(err, &outage) {
			t.Errorf("%T", err)
		}
		if s := err.Error(); Clean(s, len(s)) != s {
			t.Errorf("%q does not print", s)
		}
	})
}

// FuzzRoleSessionName: whatever a token says, STS takes the name.
func FuzzRoleSessionName(f *testing.F) {
	f.Add("a.eyJlbWFpbCI6ImFAYiJ9.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		name := roleSessionName(credential.NewSecret(token))
		if len(name) < 2 || len(name) > 64 {
			t.Errorf("%q", name)
		}
	})
}
