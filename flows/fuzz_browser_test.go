package flows

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzAnswer: whatever is pasted, only an answer with this sign-in's state is
// taken, or a code alone; and what is said of it is one printable line without
// any of it.
func FuzzAnswer(f *testing.F) {
	const state = "MRZGCIDB4XJVYNUI5ZSK2OQ7FE"
	redirect := "http://127.0.0.1:8000/callback"
	for _, text := range []string{
		redirect + "?code=SplxlOBeZQQYbYS6WxSbIA&state=" + state, "?error=access_denied&state=" + state, "SplxlOBeZQQYbYS6WxSbIA",
		"code=SplxlOBe", "state=" + state, redirect, "a b c", "\x1b[200~" + redirect + "\x1b[201~", "?code=a&code=b&state=" + state, "%", "code=%zz&state=",
		redirect + "?iss=https%3A%2F%2Fa&code=x&state=" + state + "#f",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, needsIssuer bool) {
		answers := make(chan response, 1)
		_, end := context.WithCancelCause(t.Context())
		a := &Authorization{RedirectURI: redirect, needsIssuer: needsIssuer, answer: answers, end: end,
			wants: func(q url.Values) bool { return q.Get("state") == state }}
		if err := a.Answer(text); err != nil {
			if s := err.Error(); Clean(s, 300) != s || len(answers) != 0 {
				t.Errorf("%q", s)
			}
			return
		}
		r := <-answers
		alone := len(r.Values) == 1 && r.Get("code") != "" && !needsIssuer
		if !r.pasted || !single(r.Values) || !alone && r.Get("state") != state || r.Get("code") == "" && r.Get("error") == "" {
			t.Errorf("taken: %v", r)
		}
		if alone && !isCode(r.Get("code")) {
			t.Errorf("taken as a code: %q", r.Get("code"))
		}
	})
}

// FuzzLoopback: whatever is sent to the listener, only a GET of the callback
// with our Host and state is an answer, and every page keeps to itself.
func FuzzLoopback(f *testing.F) {
	const state = "MRZGCIDB4XJVYNUI5ZSK2OQ7FE"
	u, err := CheckRedirectURI("http://127.0.0.1:8000/callback")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range []string{
		"GET /callback?code=c&state=" + state, "GET /callback?error=access_denied&state=" + state, "POST /callback?code=c&state=" + state, "GET /done/x",
		"GET http://127.0.0.1:8000/callback?code=c&state=" + state, "GET /callback?code=c&code=d&state=" + state, "OPTIONS *", "GET /%63allback?state=&code=c",
	} {
		f.Add(line, "127.0.0.1:8000")
		f.Add(line, "localhost:9999")
		f.Add(line, "evil.example:8000")
	}
	f.Fuzz(func(t *testing.T, line, host string) {
		raw := line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		l := newLoopback(u, "8000", nil)
		taken := false
		w := httptest.NewRecorder()
		l.handler(func(q url.Values) bool { return q.Get("state") == state }, func(url.Values) { taken = true }).ServeHTTP(w, r)
		isolated(t, w.Header())
		if taken != (w.Code == http.StatusSeeOther) || taken && (r.Method != "GET" || r.Host != "127.0.0.1:8000" || !strings.Contains(raw, "state=")) {
			t.Errorf("%q of %q is answered %d, taken %v", line, host, w.Code, taken)
		}
		if body := w.Body.String(); strings.Contains(body, `id="ok"`) || w.Code == http.StatusOK {
			t.Errorf("%q of %q is answered %d: %s", line, host, w.Code, body)
		}
	})
}
