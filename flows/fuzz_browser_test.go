package flows

import (
	"context"
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
		redirect + "?code=SplxlOBeZQQYbYS6WxSbIA&state=" + state, "?error=access_denied&state=" + state,
		"SplxlOBeZQQYbYS6WxSbIA",
		"code=SplxlOBe", "state=" + state, redirect, "a b c", "\x1b[200~" + redirect + "\x1b[201~",
		"?code=a&code=b&state=" + state, "%", "code=%zz&state=",
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
		if !r.pasted || !single(r.Values) || !alone && r.Get("state") != state || r.Get("code") == "" &&
			r.Get("error") == "" {
			t.Errorf("taken: %v", r)
		}
		if alone && strings.ContainsFunc(r.Get("code"), func(r rune) bool { return r <= 0x20 || r >= 0x7f }) {
			t.Errorf("taken as a code: %q", r.Get("code"))
		}
	})
}
