package flows

import (
	"fmt"
	"net/url"
)

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
// POST that the specification allows too would need a page of ours on the
// loopback that holds the token, and that page's address would be on the same
// argv. Without the hint, and so that nobody can be signed out by a mere link,
// the provider asks the person (§2); a few, Okta among them, refuse.
func (p *Provider) EndSessionURL(clientID, logoutHint string) (string, error) {
	const doing = "end the provider's session"
	if p.EndSessionEndpoint == "" {
		return "", fmt.Errorf("%s: %w: its metadata has no end_session_endpoint", doing, ErrNotSupported)
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
