package loopback

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzLoopback: whatever is sent to the listener, only a GET of the callback
// with our Host and state is an answer, and every page keeps to itself.
func FuzzLoopback(f *testing.F) {
	const state = "MRZGCIDB4XJVYNUI5ZSK2OQ7FE"
	u, err := CheckRedirectURI("http://127.0.0.1:8000/callback")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range []string{
		"GET /callback?code=c&state=" + state, "GET /callback?error=access_denied&state=" + state,
		"POST /callback?code=c&state=" + state, "GET /done/x",
		"GET http://127.0.0.1:8000/callback?code=c&state=" + state, "OPTIONS *", "GET /%63allback?state=&code=c",
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
		l := newListener(u, "8000", nil)
		taken := false
		w := httptest.NewRecorder()
		l.handler(func(r *http.Request) (url.Values, bool) {
			q := r.URL.Query()
			return q, q.Get("state") == state
		}, func(url.Values) { taken = true }).ServeHTTP(w, r)
		isolated(t, w.Header())
		if taken != (w.Code == http.StatusSeeOther) || taken &&
			(r.Method != "GET" || r.Host != "127.0.0.1:8000" || !strings.Contains(raw, "state=")) {
			t.Errorf("%q of %q is answered %d, taken %v", line, host, w.Code, taken)
		}
		if body := w.Body.String(); strings.Contains(body, `id="ok"`) || w.Code == http.StatusOK {
			t.Errorf("%q of %q is answered %d: %s", line, host, w.Code, body)
		}
	})
}
