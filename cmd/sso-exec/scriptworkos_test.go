package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// standIn answers as WorkOS documents its endpoints for API keys, and takes
// nothing that it does not document. It also has an endpoint that any API could
// have: GET /check, for the header X-API-Key.
type standIn struct {
	server *httptest.Server
	env    string // the environment's key

	mu         sync.Mutex
	keys       []*issuedKey
	goodChecks []string // keys that GET /check takes
	requests   []string // method and path
	violations []string
	fault      *standInFault
	arrived    chan struct{} // if not nil, told of each request that waits at the gate
	gate       chan struct{} // closed: go on
	gateOn     string        // method and path of the requests that wait, after they were processed
}

type issuedKey struct {
	ID, Name, Value, Organization, User string
	Permissions                         []string
	CreatedAt                           time.Time
	ExpiresAt                           *time.Time
}

type standInFault struct {
	on     string
	status int
	after  bool // the request is processed
	times  int
	body   string
}

func newStandIn() *standIn {
	w := &standIn{env: "sk_env_" + rand.Text() + rand.Text()}
	w.server = httptest.NewServer(w)
	return w
}

func (k *issuedKey) live(now time.Time) bool { return k.ExpiresAt == nil || k.ExpiresAt.After(now) }

// liveKeys are those that the provider takes now.
func (w *standIn) liveKeys() (list []issuedKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if k.live(time.Now()) {
			list = append(list, *k)
		}
	}
	return list
}

func (w *standIn) issuedKeys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []string{w.env}
	for _, k := range w.keys {
		all = append(all, k.Value)
	}
	return all
}

// violate notes what a request must not be.
func (w *standIn) violate(rw http.ResponseWriter, format string, args ...any) {
	w.mu.Lock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.mu.Unlock()
	reply(rw, http.StatusBadRequest, map[string]any{"code": "bad_request", "message": "no"})
}

func reply(rw http.ResponseWriter, status int, doc any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(doc)
}

func (w *standIn) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	at := r.Method + " " + r.URL.Path
	w.requests = append(w.requests, at)
	fault := w.fault
	if fault != nil && strings.HasPrefix(at, fault.on) && fault.times != 0 {
		fault.times--
	} else {
		fault = nil
	}
	gate, arrived := w.gate, w.arrived
	if w.gateOn == "" || !strings.HasPrefix(at, w.gateOn) {
		gate = nil
	}
	w.mu.Unlock()
	out := rw
	if fault != nil {
		if fault.after {
			w.answer(httptest.NewRecorder(), r)
		}
		rw.WriteHeader(fault.status)
		_, _ = io.WriteString(rw, fault.body)
		return
	}
	if gate != nil { // processed, and the answer held back
		rec := httptest.NewRecorder()
		w.answer(rec, r)
		arrived <- struct{}{}
		<-gate
		out.WriteHeader(rec.Code)
		_, _ = out.Write(rec.Body.Bytes())
		return
	}
	w.answer(out, r)
}

var (
	pathOrganization = regexp.MustCompile(`^/organizations/(org_[A-Z0-9]+)/api_keys$`)
	pathUser         = regexp.MustCompile(`^/user_management/users/(user_[A-Z0-9]+)/api_keys$`)
	pathExpire       = regexp.MustCompile(`^/api_keys/(api_key_[A-Z0-9]+)/expire$`)
	pathKey          = regexp.MustCompile(`^/api_keys/(api_key_[A-Z0-9]+)$`)
)

func (w *standIn) answer(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/check" {
		w.mu.Lock()
		good := slices.Contains(w.goodChecks, r.Header.Get("X-API-Key")) && r.Method == http.MethodGet
		w.mu.Unlock()
		reply(rw, map[bool]int{true: 200, false: 401}[good], map[string]any{"ok": good})
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+w.env {
		reply(rw, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
		return
	}
	body, _ := io.ReadAll(r.Body)
	if (len(body) > 0) != (r.Header.Get("Content-Type") == "application/json") {
		w.violate(rw, "%s %s: a body of %d bytes, Content-Type %q", r.Method, r.URL.Path, len(body),
			r.Header.Get("Content-Type"))
		return
	}
	part := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(r.URL.Path); m != nil {
			return m[1]
		}
		return ""
	}
	switch org, user, key := part(pathOrganization), part(pathUser), part(pathKey); {
	case r.Method == http.MethodPost && (org != "" || user != ""):
		w.create(rw, body, org, user)
	case r.Method == http.MethodGet && (org != "" || user != ""):
		w.list(rw, r, org, user)
	case r.Method == http.MethodPost && r.URL.Path == "/api_keys/validations":
		w.validate(rw, body)
	case r.Method == http.MethodPost && part(pathExpire) != "":
		w.expire(rw, body, part(pathExpire))
	case r.Method == http.MethodDelete && key != "" && len(body) == 0:
		w.drop(rw, key)
	default:
		w.violate(rw, "no such endpoint: %s %s", r.Method, r.URL.Path)
	}
}

// fields decodes a body that may have these members and no other.
func (w *standIn) fields(rw http.ResponseWriter, body []byte, known ...string) (map[string]any, bool) {
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		w.violate(rw, "a body that is not JSON: %q", body)
		return nil, false
	}
	for name := range doc {
		if !slices.Contains(known, name) {
			w.violate(rw, "the body has an unknown member %q", name)
			return nil, false
		}
	}
	return doc, true
}

func (w *standIn) create(rw http.ResponseWriter, body []byte, org, user string) {
	known := []string{"name", "permissions", "expires_at"}
	if user != "" {
		known = append(known, "organization_id")
	}
	doc, ok := w.fields(rw, body, known...)
	if !ok {
		return
	}
	k := &issuedKey{ID: "api_key_" + rand.Text(), Value: "sk_" + rand.Text() + rand.Text(), Organization: org, User: user,
		CreatedAt: time.Now().UTC(), Permissions: []string{}}
	k.Name, _ = doc["name"].(string)
	if user != "" {
		k.Organization, _ = doc["organization_id"].(string)
	}
	if k.Name == "" || k.Organization == "" {
		w.violate(rw, "create: name %q, organization %q", k.Name, k.Organization)
		return
	}
	if k.Organization == "org_NONE" {
		reply(rw, http.StatusNotFound, map[string]any{"code": "entity_not_found", "message": "Organization not found: " +
			"'org_NONE'.", "entity_id": "org_NONE"})
		return
	}
	if list, ok := doc["permissions"].([]any); ok {
		for _, p := range list {
			k.Permissions = append(k.Permissions, fmt.Sprint(p))
		}
	}
	if slices.Contains(k.Permissions, "unknown") {
		reply(rw, http.StatusUnprocessableEntity,
			map[string]any{"code": "invalid_permissions", "message": "Validation failed",
				"errors": []any{map[string]any{"code": "unknown", "field": "permissions"}}})
		return
	}
	if text, ok := doc["expires_at"].(string); ok {
		end, err := time.Parse("2006-01-02T15:04:05.000Z", text)
		if err != nil || end.Before(time.Now()) {
			w.violate(rw, "create: expires_at %q", text)
			return
		}
		k.ExpiresAt = &end
	}
	w.mu.Lock()
	w.keys = append(w.keys, k)
	w.mu.Unlock()
	full := k.doc()
	full["value"] = k.Value
	reply(rw, http.StatusCreated, full)
}

func (k *issuedKey) doc() map[string]any {
	owner := map[string]any{"type": "organization", "id": k.Organization}
	if k.User != "" {
		owner = map[string]any{"type": "user", "id": k.User, "organization_id": k.Organization}
	}
	var end any
	if k.ExpiresAt != nil {
		end = k.ExpiresAt.Format("2006-01-02T15:04:05.000Z")
	}
	at := k.CreatedAt.Format("2006-01-02T15:04:05.000Z")
	return map[string]any{"object": "api_key", "id": k.ID, "owner": owner, "name": k.Name,
		"obfuscated_value": "sk_..." + k.Value[len(k.Value)-4:],
		"last_used_at":     nil, "expires_at": end, "permissions": k.Permissions, "created_at": at, "updated_at": at}
}

// list has two keys a page.
func (w *standIn) list(rw http.ResponseWriter, r *http.Request, org, user string) {
	for name := range r.URL.Query() {
		if !slices.Contains([]string{"limit", "after", "before", "order"}, name) &&
			(user == "" || name != "organization_id") {
			w.violate(rw, "list: unknown parameter %q", name)
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	data, after, on := []any{}, any(nil), r.URL.Query().Get("after") == ""
	for _, k := range w.keys {
		mine := k.User == user && (user != "" || k.Organization == org)
		switch {
		case !mine:
		case on && len(data) == 2:
			after = data[1].(map[string]any)["id"]
		case on:
			data = append(data, k.doc())
		}
		on = on || k.ID == r.URL.Query().Get("after")
	}
	reply(rw, http.StatusOK,
		map[string]any{"object": "list", "data": data, "list_metadata": map[string]any{"before": nil, "after": after}})
}

func (w *standIn) validate(rw http.ResponseWriter, body []byte) {
	doc, ok := w.fields(rw, body, "value")
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if k.Value == doc["value"] && k.live(time.Now()) {
			reply(rw, http.StatusOK, map[string]any{"api_key": k.doc()})
			return
		}
	}
	reply(rw, http.StatusOK, map[string]any{"api_key": nil})
}

func (w *standIn) byID(rw http.ResponseWriter, id string) *issuedKey {
	for _, k := range w.keys {
		if k.ID == id {
			return k
		}
	}
	reply(rw, http.StatusNotFound,
		map[string]any{"code": "entity_not_found", "message": "API key not found", "entity_id": id})
	return nil
}

func (w *standIn) expire(rw http.ResponseWriter, body []byte, id string) {
	doc, ok := w.fields(rw, body, "expires_at")
	if !ok {
		return
	}
	end, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(doc["expires_at"]))
	if err != nil {
		w.violate(rw, "expire: expires_at %v", doc["expires_at"])
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.byID(rw, id); k != nil {
		k.ExpiresAt = &end
		reply(rw, http.StatusOK, k.doc())
	}
}

func (w *standIn) drop(rw http.ResponseWriter, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.byID(rw, id); k != nil {
		w.keys = slices.DeleteFunc(w.keys, func(k *issuedKey) bool { return k.ID == id })
		rw.WriteHeader(http.StatusNoContent)
	}
}

var (
	standInsMu sync.Mutex
	standIns   = map[*testscript.TestScript]*standIn{}
)

// cmdWorkOS steers the stand-in of a script.
//
//	workos start            WORKOS is its URL; the environment's key is in the file env-key
//	workos live N           it takes that many keys; workos all N: it knows that many
//	workos stored NAME      the stored key of that name is one that it takes
//	workos requests S N     that many requests began with "METHOD /path"
//	workos reset            count from here
//	workos fault S STATUS TIMES [after] [BODY]   break those requests; workos clear
//	workos good KEY...      what GET /check takes
//	workos drop             forget all keys, as an administrator would
//	workos violations N
