package providertest

import (
	"net/http"
	"slices"
	"strings"
)

// serveMetadata answers both discovery documents with the same members (OIDC
// Discovery §3, RFC 8414 §2).
func (p *Provider) serveMetadata(r *Request) *answer {
	if r.Method != http.MethodGet {
		return methodNotAllowed("GET")
	}
	methods := p.authMethods()
	metadata := map[string]any{
		"issuer":                                p.issuer,
		"authorization_endpoint":                p.base + "/authorize",
		"token_endpoint":                        p.base + "/token",
		"device_authorization_endpoint":         p.base + "/device_authorization",
		"revocation_endpoint":                   p.base + "/revoke",
		"userinfo_endpoint":                     p.base + "/userinfo",
		"end_session_endpoint":                  p.base + "/logout",
		"jwks_uri":                              p.base + "/keys",
		"scopes_supported":                      p.config.Scopes,
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{p.config.Alg},
		"token_endpoint_auth_methods_supported": methods,
		"code_challenge_methods_supported":      []string{"S256"},
		"grant_types_supported": []string{"authorization_code", "refresh_token", "client_credentials",
			deviceGrant, exchangeGrant, bearerGrant},
		"authorization_response_iss_parameter_supported": p.config.ResponseIss,
		"pushed_authorization_request_endpoint":          p.base + "/par",
		"claims_parameter_supported":                     true,
	}
	if p.config.RequirePAR {
		metadata["require_pushed_authorization_requests"] = true
	}
	if len(p.config.ACRs) > 0 {
		metadata["acr_values_supported"] = p.config.ACRs
	}
	metadata["revocation_endpoint_auth_methods_supported"] = methods // RFC 8414 §2
	if slices.Contains(methods, "private_key_jwt") {
		metadata["token_endpoint_auth_signing_alg_values_supported"] = p.config.AssertionAlgs
	}
	if p.mtlsURL != "" { // RFC 8705 §5
		at := p.mtlsURL + strings.TrimPrefix(p.base, p.url)
		metadata["mtls_endpoint_aliases"] = map[string]any{
			"token_endpoint": at + "/token", "revocation_endpoint": at + "/revoke",
			"device_authorization_endpoint": at + "/device_authorization", "pushed_authorization_request_endpoint": at + "/par",
		}
	}
	return jsonAnswer(http.StatusOK, metadata)
}

// serveKeys answers the key set (RFC 7517 §5).
func (p *Provider) serveKeys(r *Request) *answer {
	if r.Method != http.MethodGet {
		return methodNotAllowed("GET")
	}
	keys := []any{}
	for _, key := range p.keys {
		keys = append(keys, key.JWK())
	}
	return jsonAnswer(http.StatusOK, map[string]any{"keys": keys})
}

func methodNotAllowed(allow string) *answer {
	a := textAnswer(http.StatusMethodNotAllowed, "text/plain", "use "+allow+"\n")
	a.header.Set("Allow", allow)
	return a
}
