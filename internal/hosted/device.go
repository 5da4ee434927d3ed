package hosted

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// serveDevice answers a device authorization request (RFC 8628 §3.2). The person
// decides after the first poll: the option device is the error that it ends with,
// else they agree.
func (s *server) serveDevice(rw http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	if !s.known(rw, r, form, s.device("scope", "code_challenge", "code_challenge_method"),
		slices.Concat(clientParams, s.authorize)) {
		return
	}
	if code, description, _ := strings.Cut(s.w.Option("device-start"), ": "); code != "" {
		refuse(rw, 400, code, description)
		return
	}
	if !s.clientIs(rw, r) {
		return
	}
	if bad := s.unknownScope(form.Get("scope")); bad != "" {
		refuse(rw, 400, "invalid_scope", "scope "+bad)
		return
	}
	if !s.barePolls && form.Get("code_challenge_method") != "S256" {
		s.w.Violatef(rw, r, "not PKCE by S256")
		return
	}
	code := rand.Text()
	s.mu.Lock()
	s.devices[code] = &grant{asked: form, person: s.w.Person()}
	s.mu.Unlock()
	answer(rw, 200, map[string]any{"device_code": code, "user_code": "BCDF-GHJK",
		"verification_uri": siteOf(s.of("token_endpoint")) + "/activate",
		"expires_in":       600, "interval": 1})
}

// device are the parameters of a device sign-in: one, and those of PKCE.
func (s *server) device(name string, pkce ...string) []string {
	if s.barePolls {
		return []string{name}
	}
	return append(pkce, name)
}

func (s *server) fromDevice(rw http.ResponseWriter, r *http.Request) {
	g := s.devices[r.PostForm.Get("device_code")]
	if g == nil {
		refuse(rw, 400, "invalid_grant", "the device code is not known")
		return
	}
	if !s.barePolls && !g.fits(r.PostForm.Get("code_verifier")) {
		s.w.Violatef(rw, r, "the verifier does not fit the challenge")
		return
	}
	if g.polls++; g.polls == 1 {
		refuse(rw, 400, "authorization_pending", "")
		return
	}
	if code, description, _ := strings.Cut(s.w.Option("device"), ": "); code != "" {
		refuse(rw, 400, code, description)
		return
	}
	delete(s.devices, r.PostForm.Get("device_code"))
	s.issue(rw, g, s.always || slices.Contains(strings.Fields(g.asked.Get("scope")), s.offline))
}
