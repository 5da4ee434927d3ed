package hosted

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func init() {
	standIns["workos"] = func(w *World) { OpenWorkOS(w) }
}

// WorkOSClient is the client ID that the stand-ins of WorkOS know.
const WorkOSClient = "client_01TEST"

// WorkOS stands in for WorkOS User Management at api.workos.com, by its OpenAPI
// description and its pages on sessions, CLI Auth and authentication errors. What
// that does not say is a violation: another parameter, a scope, a nonce, a client
// secret, a redirect_uri where the code is traded.
//
// Options, for [World.SetOption]:
//
//	organizations  those that the person belongs to, "org_a=Acme,org_b=Bolt"; none: tokens of none
//	sso            those of them that want a sign-in through their own identity provider
//	iss            how the issuer is spelt; https://api.workos.com if empty
//	token-org      the organization that tokens are of, whatever was asked for
//	token-sub      their subject, whoever signed in
//	life, replay   of access tokens (5m), of a refresh token that was replaced (30s)
//	lose           how many answers to a refresh are lost after it was made; "all"
//	device         deny, or expire; else the person confirms at the third poll
//	host           the environment's own domain; it answers like the API's
type WorkOS struct {
	w   *World
	key *rsa.PrivateKey

	mu       sync.Mutex
	codes    map[string]workOSCode
	devices  map[string]int // polls
	tokens   map[string]*workOSRefresh
	sessions map[string]*workOSSession
	secrets  []string
	counts   WorkOSCounts
}

// WorkOSCounts is what happened so far.
type WorkOSCounts struct {
	Rotations, Replays, Reuses, Lost, AtOnce int // AtOnce: refreshes that met another one
	SignIns, SignOuts                        int
}

type workOSCode struct{ challenge, organization, connection string }

type workOSRefresh struct {
	session, organization string
	replaced              time.Time
	answer                []byte
}

type workOSSession struct {
	person Person
	ended  bool
	busy   bool
}

var workOSKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// OpenWorkOS adds it to a world.
func OpenWorkOS(w *World) *WorkOS {
	s := &WorkOS{w: w, key: workOSKey(), codes: map[string]workOSCode{}, devices: map[string]int{},
		tokens: map[string]*workOSRefresh{}, sessions: map[string]*workOSSession{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /user_management/authorize", s.authorize)
	mux.HandleFunc("POST /user_management/authorize/device", s.device)
	mux.HandleFunc("POST /user_management/authenticate", s.authenticate)
	mux.HandleFunc("GET /user_management/sessions/logout", s.logout)
	mux.HandleFunc("GET /sso/jwks/{client}", s.jwks)
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		w.Violatef(rw, r, "the description has no such request")
	})
	w.Handle("api.workos.com", mux)
	w.Handle("login.corp.example", mux) // an environment's own domain
	w.Handle("app.corp.example",
		http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("signed out")) }))
	return s
}

// Counts tells what happened so far.
func (s *WorkOS) Counts() WorkOSCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Secrets lists all that was handed out and that nobody but the client, or nobody
// at all, is to see: tokens, codes, pending authentication tokens.
func (s *WorkOS) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}

// Live reports whether a refresh token is one that has not been replaced, of a
// session that goes on.
func (s *WorkOS) Live(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[token]
	return t != nil && t.replaced.IsZero() && !s.sessions[t.session].ended
}

func (s *WorkOS) secret(kind string) string {
	v := kind + "_" + rand.Text()
	s.secrets = append(s.secrets, v)
	return v
}

// Pending makes an error body with a pending authentication token that no other
// has.
func (s *WorkOS) pending(body map[string]any) map[string]any {
	body["pending_authentication_token"] = s.secret("pending")
	return body
}

// strict checks that a request has these parameters, each once, and some of those
// that may be there; it carries no credential.
func (s *WorkOS) strict(rw http.ResponseWriter, r *http.Request, form url.Values, must string, may ...string) bool {
	needs := strings.Fields(must)
	for _, name := range needs {
		if form.Get(name) == "" {
			s.w.Violatef(rw, r, "%s is missing", name)
			return false
		}
	}
	for name, values := range form {
		if !slices.Contains(needs, name) && !slices.Contains(may, name) {
			s.w.Violatef(rw, r, "%s is not a parameter of it", name)
			return false
		}
		if len(values) != 1 || values[0] == "" {
			s.w.Violatef(rw, r, "%s is there %d times, or empty", name, len(values))
			return false
		}
	}
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		s.w.Violatef(rw, r, "a public client has no credential")
		return false
	}
	return true
}

func (s *WorkOS) authorize(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !s.strict(rw, r, q, "response_type client_id redirect_uri state code_challenge code_challenge_method",
		"provider", "connection_id", "organization_id", "login_hint", "domain_hint", "screen_hint", "prompt", "max_age",
		"invitation_token") {
		return
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	challenge, cerr := base64.RawURLEncoding.DecodeString(q.Get("code_challenge"))
	switch {
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || cerr != nil ||
		len(challenge) != sha256.Size:
		s.w.Violatef(rw, r, "response_type code and PKCE with S256 are all there is")
		return
	case (q.Get("provider") == "") == (q.Get("connection_id") == ""):
		s.w.Violatef(rw, r, "one of provider and connection_id")
		return
	case q.Get("connection_id") != "" && q.Get("organization_id") != "":
		s.w.Violatef(rw, r, "connection_id and organization_id exclude each other")
		return
	case q.Get("client_id") != WorkOSClient:
		http.Error(rw, "unknown client", http.StatusBadRequest)
		return
	case err != nil || to.Scheme != "http" || to.Hostname() != "127.0.0.1" || to.Port() == "" || to.Path != "/callback":
		// http://127.0.0.1:*/callback is registered
		http.Error(rw, "This is not a valid redirect URI.", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	code := s.secret("code")
	s.codes[code] = workOSCode{q.Get("code_challenge"), q.Get("organization_id"), q.Get("connection_id")}
	s.mu.Unlock()
	answer := url.Values{"code": {code}, "state": {q.Get("state")}}
	to.RawQuery = answer.Encode()
	http.Redirect(rw, r, to.String(), http.StatusFound)
}

func (s *WorkOS) device(rw http.ResponseWriter, r *http.Request) {
	if !s.form(rw, r) || !s.strict(rw, r, r.PostForm, "client_id") {
		return
	}
	if r.PostForm.Get("client_id") != WorkOSClient {
		reply(rw, http.StatusBadRequest, oauthBody("invalid_client", "Invalid client ID."))
		return
	}
	s.mu.Lock()
	code := s.secret("device")
	s.devices[code] = 0
	s.mu.Unlock()
	reply(rw, http.StatusOK, map[string]any{
		"device_code": code, "user_code": "BCDF-GHJK", "verification_uri": "https://corp.authkit.app/device",
		"verification_uri_complete": "https://corp.authkit.app/device?user_code=BCDF-GHJK", "expires_in": 300, "interval": 1,
	})
}

// form reads a form's body; both forms and JSON are taken there, and we send forms.
func (s *WorkOS) form(rw http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" ||
		r.ParseForm() != nil {
		s.w.Violatef(rw, r, "not a form, or with a query")
		return false
	}
	return true
}

func (s *WorkOS) logout(rw http.ResponseWriter, r *http.Request) {
	if !s.strict(rw, r, r.URL.Query(), "session_id", "return_to") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.sessions[r.URL.Query().Get("session_id")]; one != nil && !one.ended {
		one.ended = true
		s.counts.SignOuts++
	}
	http.Redirect(rw, r, "https://app.corp.example/", http.StatusFound)
}

func (s *WorkOS) jwks(rw http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.RawQuery != "":
		s.w.Violatef(rw, r, "the keys are below the client's ID alone")
		return
	case r.PathValue("client") != WorkOSClient:
		reply(rw, http.StatusNotFound, codeBody("entity_not_found", "Client not found."))
		return
	}
	reply(rw, http.StatusOK,
		jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &s.key.PublicKey, KeyID: "sso_oidc_key", Algorithm: "RS256",
			Use: "sig"}}})
}

func reply(rw http.ResponseWriter, status int, body any) {
	b, _ := json.Marshal(body)
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(b)
}

// The two envelopes of errors.
func oauthBody(code, description string) map[string]any {
	return map[string]any{"error": code, "error_description": description}
}

func codeBody(code, message string) map[string]any {
	return map[string]any{"code": code, "message": message}
}

// organizations are those of the person, in order.
func (s *WorkOS) organizations() (list []map[string]string) {
	for _, o := range strings.FieldsFunc(s.w.Option("organizations"), func(r rune) bool { return r == ',' }) {
		id, name, _ := strings.Cut(o, "=")
		list = append(list, map[string]string{"id": id, "name": name})
	}
	return list
}

func (s *WorkOS) belongs(id string) bool {
	return slices.ContainsFunc(s.organizations(), func(o map[string]string) bool { return o["id"] == id })
}

// accessToken signs one. It has no audience, and nobody's address.
func (s *WorkOS) accessToken(session, organization string) (string, error) {
	option := func(name, usual string) string {
		if v := s.w.Option(name); v != "" {
			return v
		}
		return usual
	}
	life, err := time.ParseDuration(option("life", "5m"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims := map[string]any{
		"iss": option("iss", "https://api.workos.com"), "sub": option("token-sub", s.sessions[session].person.Subject),
		"sid": session,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(life).Unix(), "role": "member", "roles": []string{"member"},
		"permissions": []string{"widgets:read"},
	}
	if of := option("token-org", organization); of != "" {
		claims["org_id"] = of
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256,
		Key: jose.JSONWebKey{Key: s.key, KeyID: "sso_oidc_key"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	s.secrets = append(s.secrets, token)
	return token, err
}
