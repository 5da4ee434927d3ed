package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/hosted"
)

// orgIdP is the stand-in of WorkOS User Management with a person of three
// organizations. Around it, organizations can refuse a refresh, answers can be
// held, and pages are counted.
type orgIdP struct {
	*hosted.WorkOS
	world *hosted.World
	inner http.Handler

	mu      sync.Mutex
	refuse  map[string]string // the code that a refresh for an organization gets
	pages   int               // that were opened
	gate    chan struct{}     // if not nil, answers to refreshes wait here once they are made
	arrived chan struct{}
}

const orgsOfPerson = "org_A=Acme,org_B=Beta Inc,org_C=Gamma"

func newOrgIdP(w *hosted.World) *orgIdP {
	i := &orgIdP{WorkOS: hosted.OpenWorkOS(w), world: w, refuse: map[string]string{}}
	w.SetOption("organizations", orgsOfPerson)
	w.Around("api.workos.com", func(h http.Handler) http.Handler {
		i.inner = h
		return i
	})
	return i
}

func (i *orgIdP) with(do func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	do()
}

func (i *orgIdP) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	refresh := r.PostForm.Get("grant_type") == "refresh_token"
	i.mu.Lock()
	gate, arrived, code := i.gate, i.arrived, i.refuse[r.PostForm.Get("organization_id")]
	if r.URL.Path == "/user_management/authorize" {
		i.pages++
	}
	i.mu.Unlock()
	answer := httptest.NewRecorder()
	switch {
	case refresh && code != "":
		answer.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(answer).Encode(map[string]string{"code": code, "message": "Not for this organization."})
	case refresh && gate != nil:
		i.inner.ServeHTTP(answer, r)
	default:
		i.inner.ServeHTTP(rw, r)
		return
	}
	if gate != nil {
		arrived <- struct{}{}
		<-gate
	}
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
}

// hold has answers to refreshes wait until the function that it returns is called.
func (i *orgIdP) hold() (letGo func()) {
	gate := make(chan struct{})
	i.with(func() { i.gate, i.arrived = gate, make(chan struct{}, 100) })
	return func() {
		i.with(func() { i.gate = nil })
		close(gate)
	}
}

// cmdOrgs steers the provider with organizations of a script.
//
//	orgs start                start it
//	orgs refuse ORG CODE      a refresh for it is refused so; orgs allow ORG ends that
//	orgs rotations N | reuses N | pages N
//	orgs of FILE ORG          the JWT in that file, or on stdout, is for that organization
func cmdOrgs(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value("world").(*world)
	if args[0] == "start" {
		started, err := hosted.Start()
		ts.Check(err)
		w.hosted, w.orgs = started, newOrgIdP(started)
		for name, value := range map[string]string{"HTTPS_PROXY": started.Proxy, "https_proxy": started.Proxy,
			"SSO_EXEC_CA_FILE": started.CAFile,
			"IDP_CA":           started.CAFile, "SSO_EXEC_BROWSER": "testbrowser", "DISPLAY": ":0"} {
			ts.Setenv(name, value)
		}
		return
	}
	i := w.orgs
	if args[0] == "of" {
		got := orgOfJWT(strings.TrimSpace(ts.ReadFile(args[1])))
		if got != args[2] {
			ts.Fatalf("the token is for %q, not for %q", got, args[2])
		}
		return
	}
	counts := i.Counts()
	i.with(func() {
		count := func(got int) {
			if fmt.Sprint(got) != args[1] {
				ts.Fatalf("%s: %d, want %s", args[0], got, args[1])
			}
		}
		switch args[0] {
		case "refuse":
			i.refuse[args[1]] = args[2]
		case "allow":
			delete(i.refuse, args[1])
		case "rotations":
			count(counts.Rotations)
		case "reuses":
			count(counts.Reuses)
		case "pages":
			count(i.pages)
		default:
			ts.Fatalf("orgs %s: no such command", args[0])
		}
	})
}

// orgOfJWT reads the claim of an access token.
func orgOfJWT(token string) string {
	var claims struct {
		Org string `json:"org_id"`
	}
	if !credential.PeekClaims(credential.NewSecret(token), &claims) {
		return "not a JWT"
	}
	return claims.Org
}
