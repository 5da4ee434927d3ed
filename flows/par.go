package flows

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// When an authorization request is pushed.
const (
	PARAuto   = "auto" // where the provider requires it
	PARAlways = "always"
	PARNever  = "never"
)

const doingPAR = "pushed authorization request"

// push sends an authorization request to the provider directly (RFC 9126 §2), so
// that the browser's address has nothing but a reference to it. It returns the
// parameters of that address, and how long it can be opened; 0: that is not told.
func (p *Provider) push(ctx context.Context, c Client, form url.Values) (url.Values, time.Duration, error) {
	if p.PAREndpoint == "" {
		return nil, 0, &LackError{Doing: doingPAR, What: "its metadata has no pushed_authorization_request_endpoint"}
	}
	// The methods are those of the token endpoint (RFC 9126 §2). What
	// authenticates the client is added to a copy: it must not reach the browser.
	a, err := p.post(ctx, doingPAR, c.endpointFor(p.PAREndpoint, p.MTLSEndpointAliases.PAREndpoint),
		p.TokenEndpointAuthMethods, c, maps.Clone(form))
	if err != nil {
		return nil, 0, err
	}
	switch a.Status {
	case http.StatusNotFound, http.StatusNotImplemented: // 405 is a refusal (RFC 9126 §2.3)
		return nil, 0, &LackError{Doing: doingPAR, What: fmt.Sprintf("its endpoint answers with status %d", a.Status)}
	}
	fields, err := a.Fields(doingPAR)
	if err != nil {
		return nil, 0, err
	}
	if err := a.Refusal(doingPAR, fields); err != nil {
		return nil, 0, explain(err)
	}
	uri := text(fields["request_uri"])
	if uri == "" || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || !unicode.IsPrint(r) }) {
		return nil, 0, Garbled(doingPAR, "the answer has no request_uri")
	}
	// RFC 9126 §4, RFC 9101 §5: nothing next to these two.
	life, _ := seconds(fields["expires_in"])
	return url.Values{"client_id": {c.ID}, "request_uri": {uri}}, life, nil
}

// Again asks for the same sign-in once more, where the request was pushed, and
// returns the address of that: the one before may have ended unopened. What comes
// back from either counts. Empty: nothing was pushed, and [Authorization.URL] has
// no end.
func (a *Authorization) Again(ctx context.Context) (string, error) {
	if a.again == nil {
		return "", nil
	}
	return a.again(ctx)
}
