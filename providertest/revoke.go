package providertest

import (
	"net/http"
	"net/url"
	"slices"
)

// serveRevoke is the revocation endpoint (RFC 7009). What is unknown counts as
// revoked (§2.2). A refresh token, also one that was replaced, ends its whole
// session with all access tokens; an access token ends alone (§2.1).
//
// A wrong hint is not believed, and a token of another client is left alone
// with the same answer, so that nobody learns of it; both are violations.
func (p *Provider) serveRevoke(r *Request) *answer {
	client, refused := p.authenticate(r)
	if refused != nil {
		return refused
	}
	token, hint := r.Form.Get("token"), r.Form.Get("token_type_hint")
	if token == "" {
		return fail("invalid_request", "token is required")
	}
	family, is := p.familyOf(token)
	switch {
	case family == nil:
	case family.client.ID != client.ID:
		p.violation("%s revokes a token of %s", client.ID, family.client.ID)
	default:
		if hint != "" && hint != is {
			p.violation("the token is said to be %q and is %q", hint, is)
		}
		if is == "refresh_token" {
			family.revoked = true
		} else {
			delete(p.access, token)
		}
	}
	return textAnswer(http.StatusOK, "text/plain", "")
}

// familyOf finds a token, and tells its kind as hints do.
func (p *Provider) familyOf(token string) (*family, string) {
	if t := p.refresh[token]; t != nil {
		return t.family, "refresh_token"
	}
	if t := p.access[token]; t != nil {
		return t.family, "access_token"
	}
	return nil, ""
}

// AccessTokenAlive says whether userinfo takes an access token: it has neither
// expired nor been revoked, nor has its session been.
func (p *Provider) AccessTokenAlive(accessToken string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accessAlive(accessToken)
}

func (p *Provider) accessAlive(token string) bool {
	t := p.access[token]
	return t != nil && !t.family.revoked && p.config.Now().Before(t.expires)
}

// serveLogout is RP-Initiated Logout 1.0 §2, by GET or POST. It ends nothing:
// there is no browser session, and tokens outlive one. An id_token_hint must be
// one of our ID tokens, which may have expired, for the client that is named
// next to it; nobody is sent to a URI that this client has not registered.
func (p *Provider) serveLogout(r *Request) *answer {
	var params url.Values
	switch r.Method {
	case http.MethodGet:
		params = r.Query
	case http.MethodPost:
		params = r.Form
	default:
		return methodNotAllowed("GET, POST")
	}
	for name, values := range params {
		if len(values) > 1 {
			return page(http.StatusBadRequest, name+" is given twice")
		}
	}
	id := params.Get("client_id")
	if hint := params.Get("id_token_hint"); hint != "" {
		audiences, ok := p.hinted(hint)
		switch {
		case !ok || len(audiences) == 0:
			return page(http.StatusBadRequest, "the ID token is not from this provider")
		case id == "":
			id = audiences[0]
		case !slices.Contains(audiences, id):
			return page(http.StatusBadRequest, "the ID token is for another client")
		}
	}
	client := p.clientByID(id)
	if id != "" && client == nil {
		return page(http.StatusBadRequest, "the client is unknown")
	}
	if target := params.Get("post_logout_redirect_uri"); target != "" {
		if client == nil || !client.redirects(target) {
			return page(http.StatusBadRequest, "this redirect URI is not registered")
		}
		members := map[string]any{}
		if state := params.Get("state"); state != "" {
			members["state"] = state
		}
		return &answer{status: http.StatusFound, header: http.Header{}, members: members, target: target}
	}
	return page(http.StatusOK, "signed out")
}

// hinted returns for whom one of our ID tokens was issued. Its end is not looked
// at: it may have expired (§4).
func (p *Provider) hinted(token string) (audiences []string, ok bool) {
	for _, key := range p.keys {
		claims, err := key.Verify(token)
		if err != nil || claims["iss"] != p.issuer {
			continue
		}
		switch aud := claims["aud"].(type) {
		case string:
			audiences = append(audiences, aud)
		case []any:
			for _, a := range aud {
				if s, ok := a.(string); ok {
					audiences = append(audiences, s)
				}
			}
		}
		return audiences, true
	}
	return nil, false
}
