// Package awssso stands in for AWS IAM Identity Center in tests: its OIDC service, the
// pages where a person allows a sign-in, and the access portal, over http on a loopback
// address. It is strict where AWS is: members of requests are the service's own and of
// the right type, a refresh token is good once and for its own client alone, a code goes
// with its verifier. What a client does that it should not is in [Server.Violations].
//
// A scripted browser allows a sign-in by opening its page. Point a client at it with
// AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL_SSO.
package awssso

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config describes the stand-in. The zero value has one account with two roles.
type Config struct {
	StartURL string // https://d-1234567890.awsapps.com/start if empty
	// Accounts are the roles by account; nil: 123456789012 with dev and admin.
	Accounts map[string][]string

	TokenLife        time.Duration // an hour if zero
	KeysLife         time.Duration // an hour if zero
	RegistrationLife time.Duration // 90 days if zero
	PageSize         int           // of lists; 100 if zero
	ReuseEnds        bool          // a refresh token that is sent twice ends the session
}

// Answer is given in the place of the true one.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
	Edit   func(map[string]any) // changes the true answer instead
	Drop   bool                 // closes the connection, after the work
	Delay  time.Duration        // first
}

// Server is a running stand-in.
type Server struct {
	OIDC, Portal string // URLs without a slash at the end

	config  Config
	servers []*http.Server

	mu         sync.Mutex
	requests   []string // names of endpoints
	violations []string
	answers    map[string][]Answer
	clients    map[string]*client
	codes      map[string]*grant // by code or device code
	users      map[string]*grant // by user code
	tokens     map[string]*login // by access token
	refreshes  map[string]*login // by refresh token
	spent      map[string]*login
	deny       bool
	skew       time.Duration
	removed    map[string]bool // roles as account/role
	last       map[string]map[string]any
}

type client struct {
	secret  string
	grants  []string
	scopes  []string
	ends    time.Time
	removed bool
}

// grant is a sign-in under way.
type grant struct {
	client, challenge, redirect, user string
	allowed, denied, used             bool
	ends                              time.Time
}

// login is a session.
type login struct {
	client string
	ended  bool
	until  map[string]time.Time // of access tokens
}

// Start starts a stand-in. Close ends it.
func Start(c Config) (*Server, error) {
	if c.StartURL == "" {
		c.StartURL = "https://d-1234567890.awsapps.com/start"
	}
	if c.Accounts == nil {
		c.Accounts = map[string][]string{"123456789012": {"admin", "dev"}}
	}
	for _, d := range []struct {
		life  *time.Duration
		usual time.Duration
	}{{&c.TokenLife, time.Hour}, {&c.KeysLife, time.Hour}, {&c.RegistrationLife, 90 * 24 * time.Hour}} {
		if *d.life == 0 {
			*d.life = d.usual
		}
	}
	if c.PageSize == 0 {
		c.PageSize = 100
	}
	s := &Server{config: c, answers: map[string][]Answer{}, clients: map[string]*client{}, codes: map[string]*grant{},
		users: map[string]*grant{}, tokens: map[string]*login{}, refreshes: map[string]*login{},
		spent: map[string]*login{}, removed: map[string]bool{}, last: map[string]map[string]any{}}
	for _, part := range []struct {
		url    *string
		routes map[string]handler
	}{
		{&s.OIDC, map[string]handler{
			"POST /client/register": s.register, "GET /authorize": s.authorize, "POST /token": s.token,
			"POST /device_authorization": s.device, "GET /device": s.allow,
		}},
		{&s.Portal, map[string]handler{
			"GET /assignment/accounts": s.accounts, "GET /assignment/roles": s.roles,
			"GET /federation/credentials": s.credentials, "POST /logout": s.logout,
		}},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Close()
			return nil, err
		}
		*part.url = "http://" + l.Addr().String()
		server := &http.Server{Handler: s.serve(part.routes), ReadHeaderTimeout: time.Minute}
		s.servers = append(s.servers, server)
		go func() { _ = server.Serve(l) }()
	}
	return s, nil
}

// Close ends it.
func (s *Server) Close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
}

// refused is an error of the service.
type refused struct {
	status     int
	code, name string // of OAuth, where there is one, and the exception's
	words      string
}

func (r *refused) Error() string { return r.name + ": " + r.words }

func refuse(status int, code, name, words string) error { return &refused{status, code, name, words} }

// handler answers with members, or with a place to lead a browser to (location), or with
// a page (page).
type handler func(r *http.Request, body map[string]any) (map[string]any, error)

func (s *Server) serve(routes map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		raw, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		var body map[string]any
		if r.Method == http.MethodPost && len(raw) > 0 && json.Unmarshal(raw, &body) != nil {
			s.violate("%s: the body is not a JSON object", name)
		}
		s.mu.Lock()
		if grant, _ := body["grantType"].(string); name == "token" {
			name = grant[strings.LastIndex(grant, ":")+1:]
		}
		s.requests = append(s.requests, name)
		s.last[name] = asked(r, body)
		var instead *Answer
		if next := s.answers[name]; len(next) > 0 {
			instead, s.answers[name] = &next[0], next[1:]
		}
		date := time.Now().Add(s.skew)
		s.mu.Unlock()
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		if instead != nil {
			time.Sleep(instead.Delay)
			if !instead.Drop && instead.Edit == nil && instead.Status != 0 {
				for k, v := range instead.Header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(instead.Status)
				_, _ = io.WriteString(w, instead.Body)
				return
			}
		}
		handle := routes[r.Method+" "+r.URL.Path]
		if handle == nil {
			s.violate("no such endpoint: %s %s", r.Method, r.URL.Path)
			http.Error(w, "no such endpoint", http.StatusNotFound)
			return
		}
		s.mu.Lock()
		members, err := handle(r, body)
		s.mu.Unlock()
		if instead != nil && instead.Drop {
			panic(http.ErrAbortHandler)
		}
		if instead != nil && instead.Edit != nil && err == nil {
			instead.Edit(members)
		}
		answer(w, r, members, err)
	})
}

// asked are the parameters of a request, by name.
func asked(r *http.Request, body map[string]any) map[string]any {
	all := map[string]any{}
	for k, v := range r.URL.Query() {
		all[k] = v[0]
	}
	for k, v := range body {
		all[k] = v
	}
	return all
}

func answer(w http.ResponseWriter, r *http.Request, members map[string]any, err error) {
	if where, ok := members["location"].(string); ok && err == nil {
		http.Redirect(w, r, where, http.StatusFound)
		return
	}
	if page, ok := members["page"].(string); ok && err == nil {
		_, _ = io.WriteString(w, page)
		return
	}
	if no, ok := err.(*refused); ok { //nolint:errorlint // made here, never wrapped
		w.Header().Set("X-Amzn-Errortype", no.name+":http://internal.amazon.com/coral/com.amazonaws/")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(no.status)
		if no.code != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"error": no.code, "error_description": no.words})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"message": no.words, "__type": "com.amazonaws.switchboard.portal#" +
			no.name})
		return
	}
	if members == nil { // the portal's logout
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(members)
}

// violate notes what a client should not do.
func (s *Server) violate(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violation(format, args...)
}

func (s *Server) violation(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// Violations are what clients did that they should not.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Requests are the endpoints that were asked since the last Reset: the path without its
// slash, of /token the last word of the grant type.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count is how many of the requests were for an endpoint.
func (s *Server) Count(endpoint string) (n int) {
	for _, r := range s.Requests() {
		if r == endpoint {
			n++
		}
	}
	return n
}

// Asked is a parameter of the last request to an endpoint; nil: it had none.
func (s *Server) Asked(endpoint, name string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[endpoint][name]
}

// Reset forgets the requests so far.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Answer gives the next requests to an endpoint these answers.
func (s *Server) Answer(endpoint string, answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[endpoint] = append(s.answers[endpoint], answers...)
}

// Forget drops what [Server.Answer] was told and has not given.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.answers)
}

// DevicePage is the page of a device sign-in that nobody has allowed or denied; empty:
// there is none.
func (s *Server) DevicePage() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, g := range s.users {
		if !g.allowed && !g.denied {
			return s.OIDC + "/device?user_code=" + code
		}
	}
	return ""
}

// EndSessions ends all sessions, as an administrator can; known: the OIDC service does
// not know it.
func (s *Server) EndSessions(known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.tokens {
		l.ended = true
	}
	if !known {
		clear(s.refreshes)
	}
}

// EndClients has the service know none of its clients any more.
func (s *Server) EndClients() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		c.removed = true
	}
}

// Deny has the person deny what is asked.
func (s *Server) Deny(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deny = on
}

// Skew sets the service's clock.
func (s *Server) Skew(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = by
}

// SetLives sets how long tokens, keys and clients live from now on; 0: as before.
func (s *Server) SetLives(token, keys, registration time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range []struct {
		life *time.Duration
		to   time.Duration
	}{{&s.config.TokenLife, token}, {&s.config.KeysLife, keys}, {&s.config.RegistrationLife, registration}} {
		if d.to != 0 {
			*d.life = d.to
		}
	}
}

// text has characters that must be encoded in a URL.
func text(prefix string) string { return prefix + rand.Text() + "+/=:" }
