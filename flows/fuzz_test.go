package flows

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"net/http"
	"net/url"
	"testing"
)

// FuzzParseProvider: metadata and keys are somebody else's. Whatever they are,
// what is accepted has the issuer that was asked for and no endpoint in clear.
func FuzzParseProvider(f *testing.F) {
	const issuer = "https://login.corp.example"
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"https://login.corp.example/token"}`, `{"keys":[]}`)
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"http://login.corp.example/token"}`,
		`{"keys":[{"kty":"RSA"}]}`)
	f.Add(`{"issuer":"https://login.corp.example","token_endpoint":"https://a/","jwks_uri":"javascript:1"}`,
		`{"keys":[{"kty":"oct","k":"AA"}]}`)
	f.Add(`{"issuer":["x"]}`, `[]`)
	f.Fuzz(func(t *testing.T, metadata, keys string) {
		p, err := ParseProvider(http.DefaultClient, nil, issuer, "", []byte(metadata), []byte(keys))
		if err != nil {
			return
		}
		if p.Issuer != issuer {
			t.Errorf("issuer %q", p.Issuer)
		}
		for _, endpoint := range []string{p.AuthorizationEndpoint, p.TokenEndpoint, p.DeviceAuthorizationEndpoint,
			p.JWKSURI} {
			if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Scheme != "https") {
				t.Errorf("endpoint %q", endpoint)
			}
		}
		for _, key := range p.keys {
			switch key.Public.(type) {
			case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			default:
				t.Errorf("a key of type %T is used", key.Public)
			}
		}
	})
}
