package providertest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An Endpoint names a place for faults and edits. Grants are places of their
// own: [Token] stands for each of them, [RefreshToken] for one. Likewise
// [Discovery] stands for both documents. Any other name panics.
type Endpoint string

// The provider's endpoints.
const (
	Discovery Endpoint = "discovery" // both of the following
	OpenID    Endpoint = "openid-configuration"
	OAuth     Endpoint = "oauth-authorization-server"
	JWKS      Endpoint = "jwks"
	PAR       Endpoint = "par"
	Authorize Endpoint = "authorize"
	Device    Endpoint = "device" // device authorization, not the polls
	Verify    Endpoint = "verify" // the page where a person enters a user code
	Revoke    Endpoint = "revoke"
	UserInfo  Endpoint = "userinfo"
	Logout    Endpoint = "logout"
	Token     Endpoint = "token" // all of the following

	AuthorizationCode Endpoint = "authorization_code"
	RefreshToken      Endpoint = "refresh_token"
	DeviceCode        Endpoint = "device_code"
	ClientCredentials Endpoint = "client_credentials"
	TokenExchange     Endpoint = "token_exchange"
	JWTBearer         Endpoint = "jwt_bearer"
	otherGrant        Endpoint = "other_grant"
)

// known says whether there is such an endpoint; a misspelt one would never break.
func (e Endpoint) known() bool {
	switch e {
	case Discovery, OpenID, OAuth, JWKS, PAR, Authorize, Device, Verify, Revoke, UserInfo, Logout, Token,
		AuthorizationCode, RefreshToken, DeviceCode, ClientCredentials, TokenExchange, JWTBearer, stsEndpoint:
		return true
	}
	return false
}

func (e Endpoint) mustBeKnown() {
	if !e.known() {
		panic("providertest: no such endpoint: " + string(e))
	}
}

// parents holds what stands for more than itself.
var parents = map[Endpoint]Endpoint{
	OpenID: Discovery, OAuth: Discovery,
	AuthorizationCode: Token, RefreshToken: Token, DeviceCode: Token,
	ClientCredentials: Token, TokenExchange: Token, JWTBearer: Token, otherGrant: Token,
}

// An Answer is what a client gets.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// A Fault breaks the answers of an endpoint. With neither Drop, Status,
// Redirect, OversizeBytes, CutAfter nor Rewrite the request is only delayed.
type Fault struct {
	// Times is how often it strikes; 0 is until ClearFaults.
	Times int
	// AfterProcessing lets the server do its work first (a refresh token is
	// rotated, a code is used up); then the fault strikes the answer.
	AfterProcessing bool
	// Delay comes first. It ends early when the client goes away, or at Close.
	Delay time.Duration
	// Drop closes the connection without an answer.
	Drop bool
	// CutAfter closes the connection after that many bytes of the true body;
	// it implies AfterProcessing.
	CutAfter int
	// Rewrite changes the true answer, down to its bytes; it implies AfterProcessing.
	Rewrite func(*Answer)
	// Status, Header and Body are answered instead. Status defaults to 200 if
	// there is a Body, and to 307 if there is a Redirect.
	Status int
	Header http.Header
	Body   string
	// Redirect is answered as the Location.
	Redirect string
	// OversizeBytes is the length of an otherwise well-formed JSON document.
	OversizeBytes int64
}

// Fault breaks an endpoint. Several faults of one endpoint strike one after the
// other; one without Times stays until [Provider.ClearFaults].
func (p *Provider) Fault(endpoint Endpoint, f Fault) { p.addFault(endpoint, f) }

// ClearFaults fixes the endpoints, or all of them if none is named.
func (p *Provider) ClearFaults(endpoints ...Endpoint) { p.clearFaults(endpoints...) }

// Edit changes the members of an endpoint's successful JSON answers; at
// [Authorize] it changes the parameters of the redirect back to the client, be
// they a code or an error. The provider itself does not notice: a refresh token
// that is removed here was issued all the same. An edit replaces the one before
// it at that endpoint; nil ends it. It may run concurrently.
func (p *Provider) Edit(endpoint Endpoint, edit func(members map[string]any)) {
	endpoint.mustBeKnown()
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.edits[endpoint] = edit
}

// With is an edit that sets a member.
func With(name string, value any) func(map[string]any) {
	return func(members map[string]any) { members[name] = value }
}

// Without is an edit that removes members.
func Without(names ...string) func(map[string]any) {
	return func(members map[string]any) {
		for _, name := range names {
			delete(members, name)
		}
	}
}

func (s *server) addFault(endpoint Endpoint, f Fault) {
	endpoint.mustBeKnown()
	f.AfterProcessing = f.AfterProcessing || f.CutAfter > 0 || f.Rewrite != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[endpoint] = append(s.faults[endpoint], f)
}

func (s *server) clearFaults(endpoints ...Endpoint) {
	for _, endpoint := range endpoints {
		endpoint.mustBeKnown()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(endpoints) == 0 {
		clear(s.faults)
	}
	for _, endpoint := range endpoints {
		delete(s.faults, endpoint)
	}
}

// nextFault takes the fault that strikes now, if there is one.
func (s *server) nextFault(endpoint Endpoint) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []Endpoint{endpoint, parents[endpoint]} {
		queue := s.faults[name]
		if len(queue) == 0 {
			continue
		}
		f := queue[0]
		if f.Times == 1 {
			s.faults[name] = queue[1:]
		} else if f.Times > 1 {
			queue[0].Times--
		}
		return f, true
	}
	return Fault{}, false
}

func (s *server) editsFor(endpoint Endpoint) (edits []func(map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []Endpoint{parents[endpoint], endpoint} {
		if edit := s.edits[name]; edit != nil {
			edits = append(edits, edit)
		}
	}
	return edits
}

// strike says whether the fault was the answer. The whole answer is there only
// after processing.
func (f Fault) strike(s *server, req *Request, w http.ResponseWriter, r *http.Request, whole *answer) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-s.done:
			panic(http.ErrAbortHandler)
		}
	}
	if f.Status == 0 && f.Body != "" {
		f.Status = http.StatusOK
	}
	switch {
	case f.CutAfter > 0:
		s.answered(req, &answer{})
		w.Header().Set("Content-Length", strconv.Itoa(max(len(whole.body), f.CutAfter+1)))
		whole.body = whole.body[:min(len(whole.body), f.CutAfter)]
		whole.write(w)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case f.Rewrite != nil:
		odd := Answer{whole.status, whole.header, whole.body}
		f.Rewrite(&odd)
		(&answer{status: odd.Status, header: odd.Header, body: odd.Body}).write(w)
	case f.Drop:
		s.answered(req, &answer{})
		panic(http.ErrAbortHandler)
	case f.OversizeBytes > 0:
		s.answered(req, &answer{status: http.StatusOK})
		oversize(w, f.OversizeBytes)
	case f.Redirect != "":
		if f.Status == 0 {
			f.Status = http.StatusTemporaryRedirect
		}
		w.Header().Set("Location", f.Redirect)
		fallthrough
	case f.Status != 0:
		s.answered(req, &answer{status: f.Status})
		if strings.HasPrefix(f.Body, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		(&answer{status: f.Status, header: f.Header, body: []byte(f.Body)}).write(w)
	default:
		return false
	}
	return true
}

// oversize streams a JSON document of n bytes whose one string does not end
// before.
func oversize(w http.ResponseWriter, n int64) {
	w.Header().Set("Content-Type", "application/json")
	const head, tail = `{"access_token":"`, `"}`
	w.Write([]byte(head))
	chunk := []byte(strings.Repeat("A", 32<<10))
	for rest := n - int64(len(head)+len(tail)); rest > 0; rest -= int64(len(chunk)) {
		if _, err := w.Write(chunk[:min(rest, int64(len(chunk)))]); err != nil {
			return
		}
	}
	w.Write([]byte(tail))
}

// addQuery adds members to the query of a URI, which is otherwise left as it is
// (RFC 6749 §3.1.2).
func addQuery(uri string, members map[string]any) string {
	query := url.Values{}
	for name, value := range members {
		query.Set(name, fmt.Sprint(value))
	}
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + query.Encode()
}
