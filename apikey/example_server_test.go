package apikey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/apikey"
)

// server is an API whose callers show keys, and who may with a key of scope
// "keys" make others.
type server struct{ keys *apikey.Issuer }

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /keys", s.issue)
	mux.HandleFunc("DELETE /keys/{id}", s.revoke)
	mux.HandleFunc("POST /deploy", s.deploy)
	return mux
}

// issued is what a new key's owner is told, once.
type issued struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *server) issue(w http.ResponseWriter, r *http.Request) {
	caller, err := s.keys.CheckRequest(r, "keys")
	if err != nil {
		s.keys.Refuse(w, err)
		return
	}
	var wish struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&wish); err != nil {
		http.Error(w, "not the JSON that is expected", http.StatusBadRequest)
		return
	}
	if !caller.Allows(wish.Scopes...) { // nobody gives what they do not have
		s.keys.Refuse(w, &apikey.ScopeError{Needed: wish.Scopes})
		return
	}
	key, record, err := s.keys.Issue(r.Context(), apikey.Request{
		Owner: caller.Owner, Name: wish.Name, Scopes: wish.Scopes, Life: 30 * 24 * time.Hour,
	})
	if err != nil {
		http.Error(w, "no key could be issued", http.StatusBadRequest)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(issued{record.ID, key.Reveal(), record.ExpiresAt})
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	caller, err := s.keys.CheckRequest(r, "keys")
	if err != nil {
		s.keys.Refuse(w, err)
		return
	}
	switch err := s.keys.Revoke(r.Context(), caller.Owner, r.PathValue("id")); {
	case errors.Is(err, apikey.ErrNotFound):
		http.NotFound(w, r)
	case err != nil:
		s.keys.Refuse(w, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *server) deploy(w http.ResponseWriter, r *http.Request) {
	caller, err := s.keys.CheckRequest(r, "deploy")
	if err != nil {
		s.keys.Refuse(w, err)
		return
	}
	fmt.Fprintf(w, "deployed by %s", caller.Name)
}

// call sends a request with a key, prints how it went, and returns the body.
func call(method, url, key, body string) []byte {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.TrimSpace(res.Status[:3] + " " + res.Header.Get("WWW-Authenticate")))
	return answer
}

// A server that issues, checks and revokes keys over HTTP.
func Example_server() {
	keys := &apikey.Issuer{Format: apikey.MustFormat("acme_live"), Store: apikey.NewMemoryStore()}
	srv := httptest.NewServer((&server{keys}).handler())
	defer srv.Close()

	// The first key is made where the operator is.
	root, _, err := keys.Issue(context.Background(), apikey.Request{
		Owner: "ops", Name: "root", Scopes: []string{"keys", "deploy"}, Life: time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}

	// It issues one for the pipeline, which may deploy and nothing else.
	var pipeline issued
	answer := call("POST", srv.URL+"/keys", root.Reveal(), `{"name": "pipeline", "scopes": ["deploy"]}`)
	if err := json.Unmarshal(answer, &pipeline); err != nil {
		log.Fatal(err)
	}
	call("POST", srv.URL+"/deploy", pipeline.Key, "")
	call("POST", srv.URL+"/keys", pipeline.Key, `{"name": "more", "scopes": ["keys"]}`)
	call("POST", srv.URL+"/deploy?key="+pipeline.Key, "", "")
	call("POST", srv.URL+"/deploy", "", "")

	// It is revoked, and serves no more.
	call("DELETE", srv.URL+"/keys/"+pipeline.ID, root.Reveal(), "")
	call("POST", srv.URL+"/deploy", pipeline.Key, "")
	// Output:
	// 201
	// 200
	// 403 Bearer realm="acme_live", error="insufficient_scope", error_description="the API key's scopes do not cover this", scope="keys"
	// 400 Bearer realm="acme_live", error="invalid_request", error_description="an API key was sent in the URL, where logs keep it: revoke it"
	// 401 Bearer realm="acme_live"
	// 204
	// 401 Bearer realm="acme_live", error="invalid_token", error_description="the API key has been revoked"
}
