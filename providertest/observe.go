package providertest

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Request is a request that a server has seen. Secrets are not removed.
type Request struct {
	Time     time.Time
	Endpoint Endpoint // of a token request: its grant; empty for an unknown path
	Method   string
	Path     string
	Query    url.Values
	Form     url.Values // of the body
	Body     string
	Header   http.Header
	Host     string            // host and port that it came to
	Cert     *x509.Certificate // that the client showed in TLS, if it did
	Status   int               // of the answer; 0 while there is none, or if it was cut off
	Error    string            // the answer's OAuth or AWS error code

	formErr error
	chain   []*x509.Certificate // behind Cert
}

// Counts are requests by kind. They count what arrived, however it was answered.
type Counts struct {
	Discovery, JWKS, PAR, Authorize, Device, Verify, Revoke, UserInfo, Logout int

	Token             int // the sum of those below and of unknown grants
	AuthorizationCode int
	RefreshToken      int
	DeviceCode        int
	ClientCredentials int
	TokenExchange     int
	JWTBearer         int

	All int // unknown paths too
}

// Tokens are what one token response held.
type Tokens struct {
	Grant        Endpoint
	ClientID     string
	Subject      string
	Scopes       []string
	AccessToken  string
	RefreshToken string
	IDToken      string
}

// Requests counts the requests since the start or the last ResetRequests.
func (p *Provider) Requests() Counts {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	var c Counts
	kinds := map[Endpoint]*int{
		Discovery: &c.Discovery, JWKS: &c.JWKS, PAR: &c.PAR, Authorize: &c.Authorize, Device: &c.Device,
		Verify: &c.Verify, Revoke: &c.Revoke, UserInfo: &c.UserInfo, Logout: &c.Logout, Token: &c.Token,
		AuthorizationCode: &c.AuthorizationCode, RefreshToken: &c.RefreshToken, DeviceCode: &c.DeviceCode,
		ClientCredentials: &c.ClientCredentials, TokenExchange: &c.TokenExchange, JWTBearer: &c.JWTBearer,
	}
	for _, r := range p.log {
		c.All++
		for _, kind := range []Endpoint{r.Endpoint, parents[r.Endpoint]} {
			if n := kinds[kind]; n != nil {
				*n++
			}
		}
	}
	return c
}

// ResetRequests forgets the log, and with it the counts and the violations.
func (s *server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.violations = nil, nil
}

// Log is every request since the start or the last ResetRequests, as they came.
func (s *server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := make([]Request, len(s.log))
	for i, r := range s.log {
		requests[i] = *r
	}
	return requests
}

// Violations are what clients did against the specifications, whether or not it
// was refused, such as polling faster than they were told to.
func (s *server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

func (s *server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

func (s *server) record(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
}

func (s *server) answered(r *Request, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Status = a.status
	r.Error = a.code
	if code, ok := a.members["error"].(string); ok {
		r.Error = code
	}
}

// Reuses is how often a refresh token was used that had been replaced (after
// its grace).
func (p *Provider) Reuses() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reuses
}

// LastTokens are those of the last token response.
func (p *Provider) LastTokens() Tokens {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// RefreshTokens are those that a refresh would accept now and that have not been
// replaced, oldest first: what clients should have stored.
func (p *Provider) RefreshTokens() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := []string{}
	for _, token := range p.order {
		if t := p.refresh[token]; t.usedAt.IsZero() && p.alive(t.family) {
			live = append(live, token)
		}
	}
	return live
}

// Alive says whether a refresh token's session, in which it may have been
// replaced, has not been revoked and has not expired.
func (p *Provider) Alive(refreshToken string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.refresh[refreshToken]
	return t != nil && p.alive(t.family)
}

// ActiveFamilies is how many sessions with a refresh token are alive.
func (p *Provider) ActiveFamilies() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.families {
		if f.refreshable && p.alive(f) {
			n++
		}
	}
	return n
}
