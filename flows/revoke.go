package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
)

// DoingRevoke names a revocation in the errors about it.
const DoingRevoke = "revoke"

// What a token is, for the provider that looks for it (RFC 7009 §2.1).
const (
	HintRefreshToken = "refresh_token"
	HintAccessToken  = "access_token"
)

// CanRevoke reports why a token cannot be sent to the revocation endpoint, nil
// if it can. issuedBy is the token endpoint that issued it: a token goes to no
// other host, whatever the metadata says today ([*VerifyError]). A provider
// without such an endpoint is [ErrNotSupported].
func (p *Provider) CanRevoke(issuedBy string) error {
	if p.Dialect.Revoke != nil {
		return p.canRevokeAt(p.TokenEndpoint, issuedBy)
	}
	endpoint := p.RevocationEndpoint
	if alias := p.MTLSEndpointAliases; alias.RevocationEndpoint != "" && issuedBy == alias.TokenEndpoint {
		endpoint = alias.RevocationEndpoint
	}
	return p.canRevokeAt(endpoint, issuedBy)
}

func (p *Provider) canRevokeAt(endpoint, issuedBy string) error {
	if endpoint == "" {
		return p.NoRevocation()
	}
	to, err := p.checkEndpoint("revocation_endpoint", endpoint)
	if err != nil {
		return err
	}
	from, err := url.Parse(issuedBy)
	if err != nil || from.Scheme != to.Scheme || !strings.EqualFold(from.Host, to.Host) {
		return verifyErrorf("the provider's revocation endpoint is %s, but the token was issued by %s; it is not sent there",
			Clean(endpoint, 200), Clean(issuedBy, 200))
	}
	return nil
}

// NoRevocation says that the provider revokes nothing, and what a person can do instead.
func (p *Provider) NoRevocation() *LackError {
	return &LackError{DoingRevoke, cmp.Or(p.Names.Fill(p.Dialect.NoRevocation), "its metadata has no revocation_endpoint"),
		p.Dialect.InsteadOfRevocation}
}

// Revoke asks the provider to take a token no more (RFC 7009 §2.1): one
// request, not repeated here. The hint may be empty. That of a refresh token
// ends the grant, usually with its access tokens.
//
// No error means that it is revoked, or that the provider does not know it,
// which it does not tell apart (§2.2). Under an [*UnavailableError] the token
// must be taken for valid still (§2.2.1). [ErrNotSupported] says that the
// provider does not revoke at all, or no token of this kind; [*OAuthError], that
// it refused. It goes only to the host of the provider's token endpoint; whether
// that one issued it, the caller asks [Provider.CanRevoke].
func (p *Provider) Revoke(ctx context.Context, c Client, token credential.Secret, hint string) error {
	if token.IsZero() {
		return errors.New(DoingRevoke + ": no token")
	}
	if p.Dialect.Revoke != nil {
		return p.Dialect.Revoke(ctx, p, c, token, hint)
	}
	endpoint := c.endpointFor(p.RevocationEndpoint, p.MTLSEndpointAliases.RevocationEndpoint)
	if err := p.canRevokeAt(endpoint, p.TokenEndpointFor(c)); err != nil {
		return err
	}
	form := url.Values{"token": {token.Reveal()}}
	if hint != "" {
		form.Set("token_type_hint", hint)
	}
	// RFC 8414 §2 would have client_secret_basic where this endpoint's methods
	// are absent. A client has one method everywhere, though, and providers that
	// know only client_secret_post leave them out too.
	methods := p.RevocationAuthMethods
	if len(methods) == 0 {
		methods = p.TokenEndpointAuthMethods
	}
	a, err := p.post(ctx, DoingRevoke, endpoint, methods, c, form)
	if err != nil {
		return err
	}
	if a.OK() {
		return nil // the body means nothing (§2.2)
	}
	var fields Fields
	if err := a.JSON(DoingRevoke, &fields); err != nil {
		return err
	}
	err = a.Refusal(DoingRevoke, fields)
	if refusal, ok := errors.AsType[*OAuthError](err); ok && refusal.Code == "unsupported_token_type" {
		return fmt.Errorf("%w: %w", err, ErrNotSupported)
	}
	return err
}

// EndsSessions reports whether the provider's session is ended by [Provider.End],
// and not by a revocation.
func (p *Provider) EndsSessions() bool { return p.Dialect.EndSession != nil }

// End ends the session that the tokens are of, at a provider that knows no
// revocation but signs a session out without asking anybody: one request, with the
// errors of [Provider.Revoke]. issuedBy is the token endpoint that issued them.
// Access tokens live on until they end.
func (p *Provider) End(ctx context.Context, s SignedIn, issuedBy string) error {
	if !p.EndsSessions() {
		return fmt.Errorf("%s: %w", DoingRevoke, ErrNotSupported)
	}
	if err := p.canRevokeAt(p.TokenEndpoint, issuedBy); err != nil {
		return err
	}
	return p.Dialect.EndSession(ctx, p, s)
}

// checkEndpoint holds an endpoint to the rule for all: https, or http where the
// issuer is on a loopback address.
func (p *Provider) checkEndpoint(name, endpoint string) (*url.URL, error) {
	u, err := CheckURL("the provider's "+name, endpoint)
	if err != nil {
		return nil, &VerifyError{err}
	}
	if u.Scheme != "https" && !p.plain() {
		return nil, verifyErrorf("the provider's %s is not https: %s", name, Clean(endpoint, 200))
	}
	return u, nil
}

// plain reports whether http will do on a loopback address.
func (p *Provider) plain() bool { return strings.HasPrefix(p.Issuer, "http://") || p.Dialect.Loopback }

// EndSessionURL is the page of the provider that ends the browser's session
// there, so that the next sign-in asks for a person again (OpenID Connect
// RP-Initiated Logout 1.0 §2). logoutHint is who is to be signed out, as the provider
// knows them: an address, a name; may be empty. Both end up on a browser's command
// line, where other users of the machine can read them. [ErrNotSupported]: it has
// none. The page may be on another host than the issuer.
//
// There is no id_token_hint, which is RECOMMENDED, not required. An ID token in
// the URL would be on the browser's argv, for every user of the machine to
// read, and in its history; a cluster takes it as a credential until it ends. The
// POST that the specification allows too would need one of our pages on the
// loopback that holds the token, and that page's address would be on the same
// argv. Without the hint, and so that nobody can be signed out by a mere link,
// the provider asks the person (§2); a few, Okta among them, refuse.
func (p *Provider) EndSessionURL(clientID, logoutHint string) (string, error) {
	const doing = "end the provider's session"
	if p.EndSessionEndpoint == "" && p.Dialect.NoMetadata {
		return "", &LackError{Doing: doing, What: p.Dialect.Title + " has no page for it"}
	}
	if p.EndSessionEndpoint == "" {
		return "", &LackError{Doing: doing, What: "its metadata has no end_session_endpoint"}
	}
	if _, err := p.checkEndpoint("end_session_endpoint", p.EndSessionEndpoint); err != nil {
		return "", err
	}
	form := url.Values{}
	for name, value := range map[string]string{"client_id": clientID, "logout_hint": logoutHint} {
		if value != "" {
			form.Set(name, value)
		}
	}
	return WithQuery(p.EndSessionEndpoint, form), nil
}
