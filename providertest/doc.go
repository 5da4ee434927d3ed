// Package providertest is an OpenID provider (an OAuth 2.0 authorization
// server) and an AWS STS for tests. Both listen on real loopback sockets, are
// strict where real ones are strict, and break on demand.
//
// Begin with [New] in a test, or with [Start] where there is none:
//
//	p := providertest.New(t, providertest.Config{})
//	cfg := myclient.Config{Issuer: p.Issuer(), ClientID: "cli", CA: p.CAPEM()}
//
// [Provider.Client] trusts the provider's throw-away CA. It is also the
// scripted browser: a GET of the authorization URL signs the current user in
// and follows the redirect to the client under test.
//
//	p.SetUser(providertest.User{Subject: "bob", Email: "bob@corp.example"})
//	res, err := p.Client().Get(authorizationURL)
//
// Clients authenticate as they are registered: with a secret, a key
// (private_key_jwt), the token of a workload that another issuer signed, or a
// certificate on a port of its own (mutual TLS); see [Client].
//
//	p := providertest.New(t, providertest.Config{
//		Clients:        []providertest.Client{{ID: "job", JWKS: publicKeys}},
//		TrustedIssuers: map[string][]byte{"https://ci.example": itsKeys},
//	})
//
// Authorization requests may be pushed (RFC 9126), or must be; people can sign in
// in several ways ([Config.ACRs]), and have signed in before
// ([Provider.SetSession]).
//
// What goes wrong is said in three ways, all of which may change at any time:
// [Provider.Fault] breaks the transport, [Provider.Edit] changes the members of
// an answer, [Provider.TamperIDToken] spoils ID tokens. What happened is told
// by [Provider.Requests], [Provider.Log], [Provider.Violations] and
// [Provider.RefreshTokens].
//
//	p.Fault(providertest.RefreshToken, providertest.Fault{Status: 503, Times: 2})
//	p.Edit(providertest.Token, providertest.With("expires_in", 3599.5))
//	p.TamperIDToken(1, providertest.WrongNonce)
//
// [StartSTS] starts an AWS Security Token Service that accepts the provider's
// ID tokens.
//
// The package is for tests alone: it approves everybody, keeps secrets in its
// log, and shares RSA keys between the providers of one process.
package providertest
