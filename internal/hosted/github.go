package hosted

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GitHub, from docs.github.com: "Authorizing OAuth apps", "Refreshing user access
// tokens", "REST API endpoints for OAuth authorizations". Two apps are registered:
// an OAuth app, whose tokens have no end, and a GitHub App, whose tokens expire.
//
// Options: interval (of the device flow, in seconds), form (answers are
// form-encoded, whatever is asked for), device-flow ("off"), device (the error that
// a device sign-in ends with), authorize (the error that the browser comes back
// with), slow (how many polls are told to slow down), rename (the account's new name).
const (
	gitHubOAuthApp = "Ov23li0123456789abcd"
	gitHubApp      = "Iv23li0123456789abcd"
	gitHubSecret   = "0123456789abcdef0123456789abcdef01234567"
)

type gitHub struct {
	w    *World
	site string // https://github.com, or an Enterprise Server's

	mu      sync.Mutex
	codes   map[string]url.Values // of the authorization request
	devices map[string]*gitHubDevice
	access  map[string]gitHubGrant
	refresh map[string]gitHubGrant
}

type gitHubGrant struct {
	client, subject, scope string
	device                 bool // its refresh takes no secret
}

type gitHubDevice struct {
	grant    gitHubGrant
	interval time.Duration
	last     time.Time // of a poll
	polls    int
	slow     int
}

func init() {
	standIns["github"] = func(w *World) {
		openGitHub(w, "https://github.com", "api.github.com", "")
		openGitHub(w, "https://ghe.corp.example", "ghe.corp.example", "/api/v3")
		openGitHub(w, "https://corp.ghe.com", "api.corp.ghe.com", "")
	}
}

func openGitHub(w *World, site, api, below string) {
	g := &gitHub{w: w, site: site, codes: map[string]url.Values{}, devices: map[string]*gitHubDevice{},
		access: map[string]gitHubGrant{}, refresh: map[string]gitHubGrant{}}
	host := strings.TrimPrefix(site, "https://")
	mux := map[string]*http.ServeMux{host: http.NewServeMux()}
	if mux[api] == nil {
		mux[api] = http.NewServeMux()
	}
	mux[host].HandleFunc("GET /login/oauth/authorize", g.authorize)
	mux[host].HandleFunc("POST /login/device/code", g.deviceCode)
	mux[host].HandleFunc("POST /login/oauth/access_token", g.token)
	mux[api].HandleFunc("GET "+below+"/user", g.user)
	mux[api].HandleFunc("DELETE "+below+"/applications/{client}/token", g.deleteToken)
	for host, m := range mux {
		m.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { w.Violatef(rw, r, "GitHub has no such endpoint") })
		w.Handle(host, m)
	}
}

// only reports whether a form has no other parameters than these, and each once.
func (g *gitHub) only(rw http.ResponseWriter, r *http.Request, form url.Values, names ...string) bool {
	for name, values := range form {
		if !slices.Contains(names, name) || len(values) != 1 || values[0] == "" {
			g.w.Violatef(rw, r, "parameter %s=%q is not in the description", name, values)
			return false
		}
	}
	return true
}

// post reads the form of a request as the OAuth endpoints take it.
func (g *gitHub) post(rw http.ResponseWriter, r *http.Request, names ...string) (url.Values, bool) {
	switch {
	case r.ParseForm() != nil || r.URL.RawQuery != "":
		g.w.Violatef(rw, r, "not a form in the body")
	case r.Header.Get("Authorization") != "":
		g.w.Violatef(rw, r, "GitHub takes the client's credentials as parameters")
	case r.Header.Get("Accept") != "application/json":
		g.w.Violatef(rw, r, "without Accept: application/json the answer is a form")
	default:
		return r.PostForm, g.only(rw, r, r.PostForm, names...)
	}
	return nil, false
}

// answer writes what the OAuth endpoints say: always under 200.
func (g *gitHub) answer(rw http.ResponseWriter, doc map[string]any) {
	if g.w.Option("form") != "" {
		form := url.Values{}
		for k, v := range doc {
			form.Set(k, fmt.Sprint(v))
		}
		rw.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		_, _ = rw.Write([]byte(form.Encode()))
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(rw).Encode(doc)
}

func (g *gitHub) refuse(rw http.ResponseWriter, code string) {
	g.answer(rw, map[string]any{"error": code, "error_description": "GitHub says " + code + ".",
		"error_uri": "https://docs.github.com/"})
}

func (g *gitHub) authorize(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !g.only(rw, r, q, "client_id", "redirect_uri", "login", "scope", "state", "code_challenge", "code_challenge_method",
		"allow_signup", "prompt") {
		return
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || to.Scheme != "http" || to.Hostname() != "127.0.0.1" || to.Path != "/callback":
		g.w.Violatef(rw, r, "redirect_uri %q is not below http://127.0.0.1/callback", q.Get("redirect_uri"))
		return
	case q.Get("client_id") != gitHubOAuthApp && q.Get("client_id") != gitHubApp:
		http.NotFound(rw, r)
		return
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("state") == "":
		g.w.Violatef(rw, r, "GitHub takes S256 alone, and a state is strongly recommended")
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if code := g.w.Option("authorize"); code != "" {
		back.Set("error", code)
		back.Set("error_description", "GitHub says "+code+".")
		back.Set("error_uri", "https://docs.github.com/")
	} else {
		back.Set("code", rand.Text()[:20])
		g.mu.Lock()
		g.codes[back.Get("code")] = q
		g.mu.Unlock()
	}
	to.RawQuery = back.Encode()
	http.Redirect(rw, r, to.String(), http.StatusFound)
}

func (g *gitHub) deviceCode(rw http.ResponseWriter, r *http.Request) {
	form, ok := g.post(rw, r, "client_id", "client_secret", "scope")
	if !ok {
		return
	}
	client := form.Get("client_id")
	if client != gitHubOAuthApp && client != gitHubApp {
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte(`{"error":"Not Found"}`))
		return
	}
	if g.w.Option("device-flow") == "off" {
		g.refuse(rw, "device_flow_disabled")
		return
	}
	interval, err := strconv.Atoi(g.w.Option("interval"))
	if err != nil {
		interval = 1
	}
	slow, _ := strconv.Atoi(g.w.Option("slow"))
	code := rand.Text()
	g.mu.Lock()
	g.devices[code] = &gitHubDevice{grant: gitHubGrant{client, g.w.Person().Subject, form.Get("scope"), true},
		interval: time.Duration(interval) * time.Second, last: time.Now(), slow: slow}
	g.mu.Unlock()
	g.answer(rw, map[string]any{"device_code": code, "user_code": "WDJB-MJHT",
		"verification_uri": g.site + "/login/device", "expires_in": 899, "interval": interval})
}

func (g *gitHub) token(rw http.ResponseWriter, r *http.Request) {
	form, ok := g.post(rw, r, "client_id", "client_secret", "code", "redirect_uri", "code_verifier", "grant_type",
		"device_code", "refresh_token")
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	client, secret := form.Get("client_id"), form.Get("client_secret")
	known := client == gitHubOAuthApp || client == gitHubApp
	switch {
	case !known || secret != "" && secret != gitHubSecret:
		g.refuse(rw, "incorrect_client_credentials")
	case form.Get("grant_type") == deviceGrant:
		g.poll(rw, r, form)
	case form.Get("grant_type") == "refresh_token":
		grant, live := g.refresh[form.Get("refresh_token")]
		switch {
		case !live:
			g.refuse(rw, "bad_refresh_token")
		case !grant.device && secret == "":
			g.refuse(rw, "incorrect_client_credentials")
		default: // and the access token before it is no good any more
			delete(g.refresh, form.Get("refresh_token"))
			for token, of := range g.access {
				if of == grant {
					delete(g.access, token)
				}
			}
			g.issue(rw, grant)
		}
	case form.Get("grant_type") == "authorization_code":
		asked, live := g.codes[form.Get("code")]
		delete(g.codes, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		switch {
		case secret == "":
			g.refuse(rw, "incorrect_client_credentials")
		case !live || asked.Get("client_id") != client ||
			base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"):
			g.refuse(rw, "bad_verification_code")
		case form.Get("redirect_uri") != asked.Get("redirect_uri"):
			g.refuse(rw, "redirect_uri_mismatch")
		default:
			g.issue(rw, gitHubGrant{client, g.w.Person().Subject, asked.Get("scope"), false})
		}
	default:
		g.refuse(rw, "unsupported_grant_type")
	}
}

// poll answers a poll of the device flow: the first one comes too early for the
// person, and one that comes before its time lengthens the interval.
func (g *gitHub) poll(rw http.ResponseWriter, r *http.Request, form url.Values) {
	d := g.devices[form.Get("device_code")]
	if d == nil || d.grant.client != form.Get("client_id") {
		g.refuse(rw, "incorrect_device_code")
		return
	}
	early := time.Since(d.last) < d.interval // whoever waits for the answer first is never early
	d.last = time.Now()
	if early {
		g.w.Violatef(rw, r, "a poll after less than %v", d.interval)
		return
	}
	d.polls++
	switch code := g.w.Option("device"); {
	case d.slow > 0: // other polls of the same person, elsewhere
		d.slow--
		d.interval += time.Second
		g.answer(rw, map[string]any{"error": "slow_down",
			"error_description": "Too many requests have been made in the same timeframe.",
			"interval":          int(d.interval.Seconds())})
	case d.polls == 1:
		g.refuse(rw, "authorization_pending")
	case code != "":
		g.refuse(rw, code)
	default:
		delete(g.devices, form.Get("device_code"))
		g.issue(rw, d.grant)
	}
}

// issue answers with tokens: those of an OAuth app have no end and no successor.
func (g *gitHub) issue(rw http.ResponseWriter, grant gitHubGrant) {
	if grant.client == gitHubOAuthApp {
		token := "gho_" + rand.Text()
		g.access[token] = grant
		g.answer(rw, map[string]any{"access_token": token, "token_type": "bearer",
			"scope": strings.ReplaceAll(grant.scope, " ", ",")})
		return
	}
	grant.scope = "" // permissions are the app's
	token, refresh := "ghu_"+rand.Text(), "ghr_"+rand.Text()
	g.access[token], g.refresh[refresh] = grant, grant
	g.answer(rw, map[string]any{"access_token": token, "expires_in": 28800, "refresh_token": refresh,
		"refresh_token_expires_in": 15811200, "token_type": "bearer", "scope": ""})
}

// api checks what every request to the REST API must have.
func (g *gitHub) api(rw http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("User-Agent") == "" || r.Header.Get("X-GitHub-Api-Version") != "2022-11-28" || r.URL.RawQuery != "" {
		g.w.Violatef(rw, r, "a user agent, a version and no parameters: %v", r.Header)
		return false
	}
	return true
}

func (g *gitHub) user(rw http.ResponseWriter, r *http.Request) {
	if !g.api(rw, r) {
		return
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.mu.Lock()
	grant, live := g.access[token]
	g.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case !bearer:
		g.w.Violatef(rw, r, "no bearer token")
	case !live || g.w.Option("revoked") != "":
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = rw.Write([]byte(`{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}`))
	default:
		id := 0
		for _, c := range grant.subject {
			id = id*31 + int(c)
		}
		name := grant.subject
		if to := g.w.Option("rename"); to != "" {
			name = to
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"login": name, "id": id, "node_id": "MDQ6VXNlcjE=", "type": "User",
			"name": "The " + grant.subject, "email": nil})
	}
}

func (g *gitHub) deleteToken(rw http.ResponseWriter, r *http.Request) {
	var body map[string]string
	client, secret, _ := r.BasicAuth()
	if !g.api(rw, r) {
		return
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || len(body) != 1 || body["access_token"] == "" ||
		client != r.PathValue("client") {
		g.w.Violatef(rw, r, "the token is a member of the body, and the client's ID is in the path")
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch grant, live := g.access[body["access_token"]]; {
	case secret != gitHubSecret:
		rw.Header().Set("Content-Type", "application/json; charset=utf-8")
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte(`{"message":"Not Found"}`))
	case !live || grant.client != client:
		rw.WriteHeader(http.StatusNotFound)
	default:
		delete(g.access, body["access_token"])
		rw.WriteHeader(http.StatusNoContent)
	}
}
