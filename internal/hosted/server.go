package hosted

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// server is a stand-in of a provider that speaks OAuth and OpenID Connect. It
// takes the parameters that the provider describes, and no other.
type server struct {
	w *World

	metadata   map[string]any // as published; its issuer and its endpoints are the server's
	deviceAt   string         // where the metadata does not tell
	client     string         // ID
	secret     string         // in the body; empty: a public client
	scopes     []string       // that the client may ask for
	offline    string         // scope that brings a refresh token; empty: see offlineParam
	always     bool           // every sign-in brings one
	offlineOf  [2]string      // parameter of the authorization request that brings one, and its value
	redirect   func(*url.URL) bool
	authorize  []string // further parameters of the authorization request
	token      []string // further parameters of the token endpoint
	barePolls  bool     // device sign-ins have no PKCE
	rotates    bool
	renews     bool     // a refresh brings a new refresh token, and the old one stays good
	revokes    []string // what is revoked: refresh_token, access_token
	logout     []string // parameters of the page that signs out, without a ? those that it needs
	logoutAt   string   // its URL, where the metadata does not tell
	life       time.Duration
	tokenClaim func(p Person, asked url.Values) map[string]any // further claims of the ID token

	mu      sync.Mutex
	codes   map[string]*grant
	devices map[string]*grant
	live    map[string]*grant // refresh tokens
	spent   map[string]*grant
	access  map[string]bool
}

type grant struct {
	asked  url.Values
	person Person
	polls  int
}

func (s *server) open(w *World) {
	s.w = w
	s.codes, s.devices, s.live, s.spent, s.access = map[string]*grant{}, map[string]*grant{}, map[string]*grant{},
		map[string]*grant{}, map[string]bool{}
	at := map[string]http.HandlerFunc{}
	on := func(endpoint string, h http.HandlerFunc) {
		if u, err := url.Parse(endpoint); err == nil && endpoint != "" {
			at[u.Host+u.Path] = h
			w.Handle(u.Host, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if h := at[r.Host+r.URL.Path]; h != nil {
					h(rw, r)
					return
				}
				w.Violatef(rw, r, "no such endpoint")
			}))
		}
	}
	on(strings.TrimSuffix(s.issuer(), "/")+"/.well-known/openid-configuration",
		s.only(http.MethodGet, func(rw http.ResponseWriter, _ *http.Request) { answer(rw, 200, s.metadata) }))
	on(s.of("jwks_uri"),
		s.only(http.MethodGet, func(rw http.ResponseWriter, _ *http.Request) { answer(rw, 200, publicKeys()) }))
	on(s.of("authorization_endpoint"), s.only(http.MethodGet, s.serveAuthorize))
	on(s.of("token_endpoint"), s.only(http.MethodPost, s.serveToken))
	on(s.of("revocation_endpoint"), s.only(http.MethodPost, s.serveRevoke))
	device := s.of("device_authorization_endpoint")
	if device == "" {
		device = s.deviceAt
	}
	on(device, s.only(http.MethodPost, s.serveDevice))
	page := s.logoutAt
	if page == "" {
		page = s.of("end_session_endpoint")
	}
	on(page, s.only(http.MethodGet, s.serveLogout))
}

func (s *server) of(name string) string { v, _ := s.metadata[name].(string); return v }
func (s *server) issuer() string        { return s.of("issuer") }

func answer(rw http.ResponseWriter, status int, doc any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(doc)
}

func refuse(rw http.ResponseWriter, status int, code, description string) {
	doc := map[string]string{"error": code}
	if description != "" {
		doc["error_description"] = description
	}
	answer(rw, status, doc)
}

// only takes a method; a POST must carry a form, without a query.
func (s *server) only(method string, h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != method:
			s.w.Violatef(rw, r, "method %s", r.Method)
		case method == http.MethodPost &&
			(r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != ""):
			s.w.Violatef(rw, r, "not a form in the body: %s", r.Header.Get("Content-Type"))
		case r.ParseForm() != nil:
			s.w.Violatef(rw, r, "a form that cannot be read")
		default:
			h(rw, r)
		}
	}
}

// known reports whether a form has what it must have, each once, and nothing
// that is unknown; else it answers.
func (s *server) known(rw http.ResponseWriter, r *http.Request, form url.Values, must, may []string) bool {
	for _, name := range must {
		if form.Get(name) == "" {
			s.w.Violatef(rw, r, "%s is missing", name)
			return false
		}
	}
	for name, values := range form {
		if !slices.Contains(must, name) && !slices.Contains(may, name) {
			s.w.Violatef(rw, r, "unknown parameter %s=%q", name, values)
			return false
		}
		if len(values) > 1 {
			s.w.Violatef(rw, r, "parameter %s twice", name)
			return false
		}
	}
	return true
}

// clientIs checks who asks. A secret may stand in the header or in the body.
func (s *server) clientIs(rw http.ResponseWriter, r *http.Request) bool {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	basicID, basicSecret, basic := r.BasicAuth()
	switch {
	case r.Header.Get("Authorization") != "" && (!basic || s.secret == ""):
		s.w.Violatef(rw, r, "a header Authorization that is not for this client")
		return false
	case basic && (id != "" || secret != ""):
		s.w.Violatef(rw, r, "the client authenticates twice")
		return false
	case basic:
		id, secret = basicID, basicSecret
	}
	switch {
	case id != s.client:
		refuse(rw, 401, "invalid_client", "The OAuth client was not found.")
	case s.secret != "" && secret == "":
		refuse(rw, 400, "invalid_request", "client_secret is missing.")
	case secret != s.secret:
		refuse(rw, 401, "invalid_client", "Unauthorized")
	default:
		return true
	}
	return false
}

// clientParams are of every request to an endpoint of tokens.
var clientParams = []string{"client_id", "client_secret"}

func (s *server) serveAuthorize(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	may := append([]string{"login_hint", "prompt"}, s.authorize...)
	if !s.known(rw, r, q,
		[]string{"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
			"code_challenge_method"}, may) {
		return
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256":
		s.w.Violatef(rw, r, "not a code with PKCE by S256")
		return
	case q.Get("client_id") != s.client:
		http.Error(rw, "unknown client", http.StatusBadRequest)
		return
	case err != nil || !s.redirect(back):
		s.w.Violatef(rw, r, "the redirect URI %s is not registered", q.Get("redirect_uri"))
		return
	}
	out := url.Values{"state": {q.Get("state")}}
	if code, description, ok := strings.Cut(s.w.Option("authorize"), ": "); ok || code != "" {
		out.Set("error", code)
		out.Set("error_description", description)
	} else if bad := s.unknownScope(q.Get("scope")); bad != "" {
		out.Set("error", "invalid_scope")
		out.Set("error_description", "scope "+bad)
	} else {
		code := rand.Text()
		s.mu.Lock()
		s.codes[code] = &grant{asked: q, person: s.w.Person()}
		s.mu.Unlock()
		out.Set("code", code)
	}
	back.RawQuery = out.Encode()
	http.Redirect(rw, r, back.String(), http.StatusFound)
}

func (s *server) unknownScope(scope string) string {
	asked := strings.Fields(scope)
	if !slices.Contains(asked, "openid") {
		return "openid"
	}
	for _, one := range asked {
		if !slices.Contains(s.scopes, one) {
			return one
		}
	}
	return ""
}

func (s *server) serveToken(rw http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	must := map[string][]string{
		"authorization_code": {"code", "redirect_uri", "code_verifier"},
		"refresh_token":      {"refresh_token"},
		deviceGrant:          s.device("device_code", "code_verifier"),
	}[form.Get("grant_type")]
	if must == nil {
		s.w.Violatef(rw, r, "grant_type %q", form.Get("grant_type"))
		return
	}
	if !s.known(rw, r, form, append([]string{"grant_type"}, must...), slices.Concat(clientParams, s.token)) ||
		!s.clientIs(rw, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch form.Get("grant_type") {
	case "authorization_code":
		s.fromCode(rw, r)
	case "refresh_token":
		s.fromRefresh(rw, r)
	default:
		s.fromDevice(rw, r)
	}
}

func (s *server) fromCode(rw http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	g := s.codes[form.Get("code")]
	delete(s.codes, form.Get("code"))
	switch {
	case g == nil || g.asked.Get("redirect_uri") != form.Get("redirect_uri"):
		refuse(rw, 400, "invalid_grant", "the code is not valid")
	case !g.fits(form.Get("code_verifier")):
		s.w.Violatef(rw, r, "the verifier does not fit the challenge")
	default:
		s.issue(rw, g, s.always || s.offline != "" && slices.Contains(strings.Fields(g.asked.Get("scope")), s.offline) ||
			s.offlineOf[0] != "" && g.asked.Get(s.offlineOf[0]) == s.offlineOf[1])
	}
}

// fits compares a verifier with the challenge of the request (RFC 7636 §4.6).
func (g *grant) fits(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == g.asked.Get("code_challenge")
}

func (s *server) fromRefresh(rw http.ResponseWriter, r *http.Request) {
	old := r.PostForm.Get("refresh_token")
	g := s.live[old]
	switch {
	case s.spent[old] != nil:
		s.w.Violatef(rw, r, "a refresh token was used twice")
		return
	case g == nil:
		refuse(rw, 400, "invalid_grant", "the refresh token is not valid")
		return
	}
	if scope := r.PostForm.Get("scope"); scope != "" {
		if bad := s.unknownScope(scope); bad != "" {
			refuse(rw, 400, "invalid_scope", "scope "+bad)
			return
		}
		again := *g
		again.asked = url.Values{"scope": {scope}, "client_id": {s.client}}
		g = &again
	}
	if s.rotates {
		delete(s.live, old)
		s.spent[old] = g
	}
	s.issue(rw, g, s.rotates || s.renews)
}

// issue answers with tokens; the lock is held.
func (s *server) issue(rw http.ResponseWriter, g *grant, refresh bool) {
	life := s.life
	if life == 0 {
		life = time.Hour
	}
	access := "at_" + rand.Text()
	s.access[access] = true
	now := time.Now()
	claims := map[string]any{"iss": s.issuer(), "aud": s.client, "sub": g.person.Subject, "email": g.person.Email,
		"name": g.person.Name,
		"iat":  now.Unix(), "exp": now.Add(life).Unix(), "at_hash": halfHash(access)}
	if nonce := g.asked.Get("nonce"); nonce != "" {
		claims["nonce"] = nonce
	}
	if s.tokenClaim != nil {
		for name, v := range s.tokenClaim(g.person, g.asked) {
			claims[name] = v
		}
	}
	doc := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(life.Seconds()),
		"id_token": sign(claims), "scope": g.asked.Get("scope")}
	if refresh {
		next := "rt_" + rand.Text()
		s.live[next] = g
		doc["refresh_token"] = next
	}
	answer(rw, 200, doc)
}

func (s *server) serveRevoke(rw http.ResponseWriter, r *http.Request) {
	if !s.known(rw, r, r.PostForm, []string{"token"}, append([]string{"token_type_hint"}, clientParams...)) ||
		!s.clientIs(rw, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := r.PostForm.Get("token")
	switch {
	case s.access[token] && !slices.Contains(s.revokes, "access_token"):
		refuse(rw, 400, "unsupported_token_type", "")
		return
	case s.access[token]:
		delete(s.access, token)
	case s.live[token] != nil:
		delete(s.live, token)
	}
	rw.WriteHeader(http.StatusOK)
}

func (s *server) serveLogout(rw http.ResponseWriter, r *http.Request) {
	var must, may []string
	for _, name := range s.logout {
		if optional, ok := strings.CutSuffix(name, "?"); ok {
			may = append(may, optional)
		} else {
			must = append(must, name)
		}
	}
	if s.known(rw, r, r.URL.Query(), must, may) {
		_, _ = io.WriteString(rw, "signed out")
	}
}
