package hosted

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authenticate is the one endpoint for the code, the device's polls and the
// refresh.
func (s *WorkOS) authenticate(rw http.ResponseWriter, r *http.Request) {
	if !s.form(rw, r) {
		return
	}
	form := r.PostForm
	optional := []string{"ip_address", "user_agent", "device_id"}
	switch form.Get("grant_type") {
	case "authorization_code":
		if s.strict(rw, r, form, "grant_type client_id code code_verifier", append(optional, "invitation_token")...) {
			s.code(rw, r)
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		if s.strict(rw, r, form, "grant_type client_id device_code", optional...) {
			s.poll(rw, r)
		}
	case "refresh_token":
		if s.strict(rw, r, form, "grant_type client_id refresh_token", append(optional, "organization_id")...) {
			s.refresh(rw, r)
		}
	default:
		s.w.Violatef(rw, r, "grant_type %q", form.Get("grant_type"))
	}
}

func (s *WorkOS) code(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code, ok := s.codes[r.PostForm.Get("code")]
	delete(s.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case r.PostForm.Get("client_id") != WorkOSClient:
		reply(rw, http.StatusBadRequest, oauthBody("invalid_client", "Invalid client ID."))
	case !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != code.challenge:
		reply(rw, http.StatusBadRequest,
			oauthBody("invalid_grant", "The code '"+r.PostForm.Get("code")+"' has expired or is invalid."))
	default:
		s.signIn(rw, code.organization, code.connection, code.organization != "" || code.connection != "")
	}
}

func (s *WorkOS) poll(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := r.PostForm.Get("device_code")
	polls, ok := s.devices[code]
	s.devices[code] = polls + 1
	switch {
	case !ok:
		delete(s.devices, code)
		reply(rw, http.StatusBadRequest, oauthBody("invalid_grant", "The device code is invalid."))
	case polls == 0:
		reply(rw, http.StatusBadRequest, oauthBody("authorization_pending", "The authorization request is still pending."))
	case polls == 1 && s.w.Option("device") == "slow":
		reply(rw, http.StatusBadRequest, oauthBody("slow_down", "Polling too frequently."))
	case s.w.Option("device") == "deny":
		reply(rw, http.StatusBadRequest, oauthBody("access_denied", "The user denied the request."))
	case s.w.Option("device") == "expire":
		reply(rw, http.StatusBadRequest, oauthBody("expired_token", "The device code has expired."))
	case polls == 1:
		reply(rw, http.StatusBadRequest, oauthBody("authorization_pending", "The authorization request is still pending."))
	default:
		delete(s.devices, code)
		organization := s.w.Person().Organization // chosen on the page
		if list := s.organizations(); organization == "" && len(list) > 0 {
			organization = list[0]["id"]
		}
		s.signIn(rw, organization, "", false)
	}
}

// signIn answers for the person at the browser, or asks for a further step. AuthKit
// leads a sign-in that names an organization through that one's identity provider.
func (s *WorkOS) signIn(rw http.ResponseWriter, organization, connection string, through bool) {
	list := s.organizations()
	if connection != "" && organization == "" {
		organization = strings.TrimPrefix(connection, "conn_")
	}
	switch {
	case organization == "" && len(list) == 1:
		organization = list[0]["id"]
	case organization == "" && len(list) > 1:
		body := s.pending(codeBody("organization_selection_required",
			"The user must choose an organization to finish their authentication."))
		body["organizations"], body["user"] = list, s.user(s.w.Person())
		reply(rw, http.StatusForbidden, body)
		return
	case organization != "" && !s.belongs(organization):
		reply(rw, http.StatusBadRequest,
			codeBody("invalid_organization_id", "The organization '"+organization+"' is not one of the user's."))
		return
	case s.wantsSSO(organization) && !through:
		s.sso(rw, organization)
		return
	}
	session := "session_" + rand.Text()
	s.sessions[session] = &workOSSession{person: s.w.Person()}
	s.counts.SignIns++
	answer, err := s.tokensFor(session, organization)
	if err != nil {
		panic(err)
	}
	write(rw, answer)
}

func (s *WorkOS) wantsSSO(organization string) bool {
	return organization != "" && slices.Contains(strings.Split(s.w.Option("sso"), ","), organization)
}

func (s *WorkOS) sso(rw http.ResponseWriter, organization string) {
	body := s.pending(oauthBody("sso_required", "User must authenticate using one of the matching connections."))
	body["connection_ids"], body["email"] = []string{"conn_" + organization}, s.w.Person().Email
	reply(rw, http.StatusForbidden, body)
}

func (s *WorkOS) user(p Person) map[string]any {
	first, last, _ := strings.Cut(p.Name, " ")
	return map[string]any{"object": "user", "id": p.Subject, "email": p.Email, "email_verified": true, "first_name": first,
		"last_name":           last,
		"profile_picture_url": nil, "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z"}
}

// tokensFor makes a pair, and the answer with it: no expires_in, no token_type, no
// ID token, no scope.
func (s *WorkOS) tokensFor(session, organization string) ([]byte, error) {
	access, err := s.accessToken(session, organization)
	if err != nil {
		return nil, err
	}
	refresh := s.secret("refresh")
	s.tokens[refresh] = &workOSRefresh{session: session, organization: organization}
	body := map[string]any{"user": s.user(s.sessions[session].person), "access_token": access, "refresh_token": refresh,
		"authentication_method": "SSO"}
	if organization != "" {
		body["organization_id"] = organization
		if of := s.w.Option("token-org"); of != "" {
			body["organization_id"] = of
		}
	}
	return json.Marshal(body)
}

func write(rw http.ResponseWriter, answer []byte) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = rw.Write(answer)
}

// refresh replaces a refresh token. For a while the one before it brings the same
// answer; after that it is taken for stolen, and the session ends.
func (s *WorkOS) refresh(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := s.tokens[r.PostForm.Get("refresh_token")]
	gone := func(why string) { reply(rw, http.StatusBadRequest, oauthBody("invalid_grant", why)) }
	window := 30 * time.Second
	if d, err := time.ParseDuration(s.w.Option("replay")); err == nil {
		window = d
	}
	switch {
	case r.PostForm.Get("client_id") != WorkOSClient:
		reply(rw, http.StatusBadRequest, oauthBody("invalid_client", "Invalid client ID."))
		return
	case token == nil:
		gone("Invalid refresh token.")
		return
	case s.sessions[token.session].ended:
		gone("Session has already ended.")
		return
	case !token.replaced.IsZero() && time.Since(token.replaced) < window:
		s.counts.Replays++
		s.send(rw, token.answer)
		return
	case !token.replaced.IsZero():
		s.counts.Reuses++
		s.sessions[token.session].ended = true
		gone("Refresh token already exchanged.")
		return
	}
	organization := token.organization
	if asked := r.PostForm.Get("organization_id"); asked != "" {
		if !s.belongs(asked) {
			reply(rw, http.StatusBadRequest,
				codeBody("invalid_organization_id", "The organization '"+asked+"' is not one of the user's."))
			return
		}
		organization = asked
	}
	if s.wantsSSO(organization) && organization != token.organization {
		s.sso(rw, organization)
		return
	}
	session := s.sessions[token.session]
	if session.busy {
		s.counts.AtOnce++
	}
	session.busy = true
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // room for another one to come in between, if one could
	s.mu.Lock()
	session.busy = false
	answer, err := s.tokensFor(token.session, organization)
	if err != nil {
		panic(err)
	}
	token.replaced, token.answer = time.Now(), answer
	s.counts.Rotations++
	s.send(rw, answer)
}

// send answers a refresh, unless the answer is to be lost.
func (s *WorkOS) send(rw http.ResponseWriter, answer []byte) {
	lose := s.w.Option("lose")
	if n, _ := strconv.Atoi(lose); n > 0 || lose == "all" {
		if n > 0 {
			s.w.SetOption("lose", strconv.Itoa(n-1))
		}
		s.counts.Lost++
		panic(http.ErrAbortHandler)
	}
	write(rw, answer)
}
