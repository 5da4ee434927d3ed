package e2e

import (
	"testing"

	"github.com/sso-exec/sso-exec/providertest"
)

// TestServiceFederation: a pod's token, which a real API server made, as a client
// assertion (RFC 7523 §2.2), as an authorization grant (§2.1) and as the subject
// of an exchange (RFC 8693), at a provider that trusts the keys which the cluster
// publishes. The provider is our own providertest: oidc-provider takes assertions
// of its clients alone, and Dex has but the exchange (see TestServiceDexExchange).
func TestServiceFederation(t *testing.T) {
	t.Parallel()
	server := cluster(t)
	publish(t, server)
	const subject = "system:serviceaccount:default:federates"
	p := providertest.New(t, providertest.Config{
		JWTAccessTokens:   true,
		TrustedIssuers:    map[string][]byte{server: fetch(t, server+"/openid/v1/jwks")},
		AssertionAudience: providertest.AudienceAny,
		Clients: []providertest.Client{
			{ID: "deploy", Federated: []providertest.Workload{{Issuer: server, Subject: subject}}}, {ID: "cli"},
		},
	})
	s := newService(t, p.Issuer())
	trustedCA := s.file("provider.crt", p.CAPEM())
	s.account(server, "federates")
	s.account(server, "stranger")
	volume := project(t, s.mint(server, "federates", p.Issuer()))
	for flow, way := range map[string]struct{ id, sub string }{
		"client-credentials": {"deploy", "deploy"}, "jwt-bearer": {"cli", subject}, "token-exchange": {"cli", subject},
	} {
		t.Run(flow, func(t *testing.T) {
			args := func(path string, more ...string) []string {
				return append([]string{
					"token", "--issuer", p.Issuer(), "--ca-file", trustedCA, "--cache-dir", s.cache, "--client-id", way.id,
					"--flow", flow, "--subject-token-from", "kubernetes:" + path,
				}, more...)
			}
			token := s.sso(args(volume.path())...).token()
			if claims := claimsOf(t, token); claims["sub"] != way.sub {
				t.Errorf("claims: %v", claims)
			}
			before := p.Requests().Token
			if s.sso(args(volume.path())...).token() != token {
				t.Error("the second call has another token")
			}
			if n := p.Requests().Token - before; n != 0 {
				t.Errorf("%d token requests for a token that is cached", n)
			}

			// One for somebody else is not sent; one of somebody else is refused, and
			// never meets this one's session.
			elsewhere := project(t, s.mint(server, "federates", "https://elsewhere.example"))
			s.sso(args(elsewhere.path())...).refused(2, "audience", "serviceAccountToken")
			if flow != "client-credentials" {
				return
			}
			stranger := project(t, s.mint(server, "stranger", p.Issuer()))
			s.sso(args(stranger.path())...).refused(1, "invalid_client")
		})
	}
}
