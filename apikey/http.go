package apikey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// FromRequest returns the key that a request carries: in "Authorization:
// Bearer" (RFC 6750 §2.1) or in "X-API-Key". Both may carry it, if it is the
// same: some clients send one key in both, for servers that know only one.
// [ErrMissing] if there is none, [ErrAmbiguous] if there are two,
// [ErrInvalid] if what is there is no key of the format.
//
// A key in the URL is [ErrInURL], also where another is in a header: it is in
// the logs of every proxy by now (RFC 6750 §5.3). A key in the body is not
// looked for.
func (f Format) FromRequest(r *http.Request) (Key, error) {
	if f.inURL(r.URL) {
		return Key{}, ErrInURL
	}
	var sent []string
	for _, v := range r.Header.Values("Authorization") {
		// RFC 9110 §11.1: schemes are case-insensitive.
		if scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " "); strings.EqualFold(scheme, "Bearer") {
			sent = append(sent, strings.TrimLeft(rest, " "))
		}
	}
	sent = append(sent, r.Header.Values("X-API-Key")...)
	if len(sent) == 0 {
		return Key{}, ErrMissing
	}
	for _, s := range sent[1:] {
		if s != sent[0] { // both are the caller's: there is nothing to learn from the time
			return Key{}, ErrAmbiguous
		}
	}
	return f.Parse(sent[0])
}

// inURL reports whether there is a key in a URL, as it is or escaped.
func (f Format) inURL(u *url.URL) bool {
	raw := u.RequestURI()
	if len(f.Find(raw)) > 0 {
		return true
	}
	plain, err := url.PathUnescape(raw)
	return err == nil && plain != raw && len(f.Find(plain)) > 0
}

// CheckRequest is [Format.FromRequest] and [Issuer.Check] in one.
func (i *Issuer) CheckRequest(r *http.Request, scopes ...string) (Record, error) {
	key, err := i.Format.FromRequest(r)
	if err != nil {
		return Record{}, err
	}
	return i.Check(r.Context(), key, scopes...)
}

// Refuse answers a request whose [Issuer.CheckRequest] failed: 400, 401 or 403
// with a challenge as RFC 6750 §3 wants it and the same in JSON; 503 where the
// error is the store's, which says nothing about the key. What is malformed and
// what is unknown get the same answer. Nothing of the request, the key or the
// store's error is in it.
func (i *Issuer) Refuse(w http.ResponseWriter, err error) {
	status, code, text := refusal(err)
	// RFC 6750 §3: the challenge has at least one parameter.
	challenge := fmt.Sprintf("Bearer realm=%q", i.Format.prefix)
	// RFC 6750 §3.1: who sent no credential is told no error code.
	if code != "" {
		challenge += fmt.Sprintf(", error=%q, error_description=%q", code, text)
	}
	if scope, ok := errors.AsType[*ScopeError](err); ok {
		if set, err := scopeSet(scope.Needed); err == nil {
			challenge += fmt.Sprintf(", scope=%q", strings.Join(set, " "))
		}
	}
	h := w.Header()
	if status != http.StatusServiceUnavailable {
		h.Set("WWW-Authenticate", challenge)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error,omitempty"`
		Description string `json:"error_description"`
	}{code, text})
}

// refusal returns the HTTP status, RFC 6750's error code if there is to be one,
// and words for the caller. The words are constants: errors may carry more.
func refusal(err error) (status int, code, text string) {
	for _, known := range []struct {
		is     error
		status int
		code   string
	}{
		{ErrMissing, http.StatusUnauthorized, ""},
		{ErrInvalid, http.StatusUnauthorized, "invalid_token"},
		{ErrExpired, http.StatusUnauthorized, "invalid_token"},
		{ErrRevoked, http.StatusUnauthorized, "invalid_token"},
		{ErrScope, http.StatusForbidden, "insufficient_scope"},
		{ErrInURL, http.StatusBadRequest, "invalid_request"},
		{ErrAmbiguous, http.StatusBadRequest, "invalid_request"},
	} {
		if errors.Is(err, known.is) {
			return known.status, known.code, known.is.Error()
		}
	}
	return http.StatusServiceUnavailable, "temporarily_unavailable", "keys cannot be checked now: try again later"
}
