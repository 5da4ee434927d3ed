package providertest

import (
	"maps"
	"net/http"
	"net/url"
	"time"
)

const requestURI = "urn:ietf:params:oauth:request_uri:"

// pushedRequest is an authorization request that waits for its browser (RFC 9126
// §2.2). It is good for one sign-in of the client that pushed it.
type pushedRequest struct {
	client  *Client
	params  url.Values
	expires time.Time
	used    bool
}

// servePAR is the pushed authorization request endpoint (RFC 9126 §2.1). The
// client authenticates as at the token endpoint.
func (p *Provider) servePAR(r *Request) *answer {
	client, refused := p.authenticate(r)
	if refused != nil {
		return refused
	}
	params := maps.Clone(r.Form)
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		delete(params, name)
	}
	params.Set("client_id", client.ID)
	switch {
	case params.Has("request_uri"):
		p.violation("a request_uri is pushed")
		return fail("invalid_request", "a request_uri can't be pushed")
	case !client.redirects(params.Get("redirect_uri")):
		return fail("invalid_request", "this redirect URI is not registered: "+params.Get("redirect_uri"))
	case params.Get("state") == "":
		p.violation("authorization request without state")
	}
	if err := p.checkAuthorization(params); err != nil {
		return fail(err.code, err.description)
	}
	uri := requestURI + randomText()
	p.pushed[uri] = &pushedRequest{client, params, p.config.Now().Add(p.config.PARLifetime), false}
	a := jsonAnswer(http.StatusCreated,
		map[string]any{"request_uri": uri, "expires_in": int64(p.config.PARLifetime / time.Second)})
	a.header.Set("Cache-Control", "no-store")
	return a
}

// unpack finds the request behind a request_uri (RFC 9126 §4), which is used up
// where decide says so. What stands next to it is refused: somebody could have put
// it there. An answer is for the person, since there is no redirect URI to trust.
func (p *Provider) unpack(params url.Values, decide bool) (url.Values, *answer) {
	uri := params.Get("request_uri")
	if uri == "" {
		return params, nil
	}
	for name := range params {
		if name != "client_id" && name != "request_uri" && name != "decision" {
			p.violation("%s next to a request_uri", name)
			return nil, page(http.StatusBadRequest, name+" has no place next to a request_uri")
		}
	}
	pushed := p.pushed[uri]
	switch {
	case pushed == nil || pushed.client.ID != params.Get("client_id"):
		return nil, page(http.StatusBadRequest, "this request_uri is unknown")
	case pushed.used:
		p.violation("request_uri used twice")
		return nil, page(http.StatusBadRequest, "this request_uri was used before")
	case !p.config.Now().Before(pushed.expires):
		return nil, page(http.StatusBadRequest, "this request_uri has expired")
	}
	pushed.used = decide
	whole := maps.Clone(pushed.params)
	if params.Has("decision") {
		whole.Set("decision", params.Get("decision"))
	}
	return whole, nil
}
