package workload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
)

// githubJob is the environment of a job that may ask for an ID token.
func githubJob(endpoint string) map[string]string {
	return map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY_ID": "42", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_JOB": "deploy",
		githubURL:    endpoint, githubToken: requestToken,
	}
}

// fakeGitHub answers as GitHub's documentation says: a GET with the request token
// and an audience gives {"value": JWT}.
func fakeGitHub(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer "+requestToken ||
		r.URL.Query().Get("api-version") != "2.0" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	aud := r.URL.Query().Get("audience")
	if aud == "" {
		aud = "https://github.com/octo-org"
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprintf(w, `{"count":1857,"value":%q}`, good(aud))
}

func TestGitHub(t *testing.T) {
	endpoint := serve(t, fakeGitHub).URL + "/run/1/idtoken?api-version=2.0"
	s := parse(t, "github", at(t, githubJob(endpoint)))
	if err := s.Available(); err != nil {
		t.Error(err)
	}
	for _, audience := range []string{wanted, "sts.amazonaws.com", "a b&audience=c#d", ""} {
		token := check(t, s, audience, "ok", "")
		if token.Type != TypeJWT || token.Expires.Unix() != now+600 {
			t.Errorf("audience %q: type %s, expires %v", audience, token.Type, token.Expires)
		}
	}
	if s.FixedAudience() {
		t.Error("the audience is not fixed")
	}
}

// With the clients that are made where none is given.
func TestOwnClients(t *testing.T) {
	for spec, env := range map[string]Env{
		"github": at(t, githubJob(serve(t, fakeGitHub).URL+"?api-version=2.0")),
		"gcp":    gcpAt(t, fakeGCP),
		"azure":  azureMachine(t, fakeAzure("1")),
	} {
		env.HTTP, env.Metadata = nil, nil
		check(t, parse(t, spec, env), wanted, "ok", "")
	}
}

func TestGitHubNotHere(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]string
		words  string
	}{
		"not GitHub": {map[string]string{"GITHUB_ACTIONS": "", githubURL: "", githubToken: ""},
			"not a GitHub Actions job"},
		"no permission":         {map[string]string{githubURL: "", githubToken: ""}, "  permissions:\n    id-token: write"},
		"no request token":      {map[string]string{githubToken: ""}, githubToken + " is not set"},
		"plain http":            {map[string]string{githubURL: "http://pipelines.example/x"}, "must be https"},
		"a name for loopback":   {map[string]string{githubURL: "http://localhost:1/x"}, "must be https"},
		"a user in the URL":     {map[string]string{githubURL: "https://u:p@pipelines.example/x"}, "must not carry a user"},
		"no URL":                {map[string]string{githubURL: "nonsense"}, "is not a URL"},
		"a header in the token": {map[string]string{githubToken: requestToken + "\r\nX: y"}, "is not a token"},
	} {
		vars := githubJob("https://pipelines.example/x")
		for k, v := range c.change {
			vars[k] = v
		}
		s := parse(t, "github", at(t, vars))
		err := s.Available()
		clean(t, err)
		if kind(err) != "not here" || !strings.Contains(said(err), c.words) {
			t.Errorf("%s: %s: %s", name, kind(err), said(err))
		}
		check(t, s, wanted, "not here", c.words)
		if _, err := s.Principal(); kind(err) != "not here" {
			t.Errorf("%s: principal: %v", name, err)
		}
	}
}

// What a server must not be able to do to us.
func TestGitHubHostile(t *testing.T) {
	json := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	value := func(token string) http.HandlerFunc { return json(200, fmt.Sprintf(`{"value":%q}`, token)) }
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, with Authorization %q", r.Header.Get("Authorization"))
	})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   string
		words  string
	}{
		"HTML": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in</html>") }, "garbled",
			"not the expected JSON"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "garbled", "redirects (status 307)"},
		"null":            {json(200, "null"), "garbled", "not the expected JSON"},
		"no value":        {json(200, `{}`), "garbled", "without a token"},
		"a number":        {json(200, `{"value":5}`), "garbled", "without a token"},
		"no JWT":          {value("opaque" + canary), "garbled", "without a token"},
		"an unsigned JWT": {value(strings.TrimSuffix(good(wanted), canary)), "garbled", "without a token"},
		"200 with error":  {json(200, `{"message":"bad \u001b[2Jjob `+requestToken+`"}`), "refused", "bad [2Jjob [secret]"},
		"204":             {json(204, ""), "garbled", "answers without a token (status 204)"},
		"401": {json(401, `{"message":"expired: `+good(wanted)+`"}`), "refused",
			"refuses (status 401): expired: [token]"},
		"403 in HTML": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403); fmt.Fprint(w, "<p>no") },
			"refused", "status 403"},
		"huge": {json(200, `{"value":"`+strings.Repeat("x", 1<<20)+`"}`), "garbled", "larger than"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			fmt.Fprint(w, "{")
		}, "unavailable", "no answer"},
		"wrong audience": {value(good("https://evil.example")), "verify",
			`is for the audience "https://evil.example", not for "` + wanted + `"`},
		"no audience":      {value(jwt(map[string]any{"sub": "x"})), "verify", "names no audience"},
		"many audiences":   {value(good([]string{"\x1b]0;a", "b", "c", "d", "e"})), "verify", `"]0;a", "b", "c", …`},
		"expired":          {value(jwt(map[string]any{"aud": wanted, "exp": now - 60})), "verify", "1m0s ago"},
		"one of several":   {value(good([]string{"other", wanted})), "ok", ""},
		"exp out of range": {value(jwt(map[string]any{"aud": wanted, "exp": 1e300})), "ok", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, "github", at(t, githubJob(serve(t, c.answer).URL+"?api-version=2.0")))
			check(t, s, wanted, c.kind, c.words)
		})
	}
}

// A server that speaks no HTTP and says the request back.
func TestGitHubEcho(t *testing.T) {
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprintf(conn, "%s\x1b[2J\r\n\r\n", r.Header.Get("Authorization"))
		conn.Close()
	}).URL
	check(t, parse(t, "github", at(t, githubJob(endpoint))), wanted, "unavailable", "no answer from 127.0.0.1")
}

// 5xx and 429 are asked once more, and no more than once.
func TestRetry(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		wish     string
		asked    int
		kind     string
	}{
		"passes":                    {[]int{503}, "", 2, "ok"},
		"throttled":                 {[]int{429}, "2", 2, "ok"},
		"stays":                     {[]int{500, 502, 500}, "", 2, "unavailable"},
		"wishes for more than that": {[]int{503}, "60", 1, "unavailable"},
		"refused":                   {[]int{403}, "", 1, "refused"},
	} {
		asked := 0
		endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked <= len(c.statuses) {
				w.Header().Set("Retry-After", c.wish)
				w.WriteHeader(c.statuses[asked-1])
				return
			}
			fakeGitHub(w, r)
		}).URL + "?api-version=2.0"
		check(t, parse(t, "github", at(t, githubJob(endpoint))), wanted, c.kind, "")
		if asked != c.asked {
			t.Errorf("%s: asked %d times, want %d", name, asked, c.asked)
		}
	}
}

// A server that says nothing: the client's time-out, ours, an interrupt.
func TestHang(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 3)
	endpoint := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}).URL
	defer close(release)

	env := at(t, githubJob(endpoint))
	env.HTTP = &http.Client{Timeout: 50 * time.Millisecond}
	_, err := parse(t, "github", env).Token(t.Context(), wanted)
	if kind(err) != "unavailable" || !strings.Contains(err.Error(), "within 50ms") {
		t.Errorf("the client's time-out: %v", err)
	}
	clean(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = parse(t, "github", at(t, githubJob(endpoint))).Token(ctx, wanted)
	if kind(err) != "unavailable" {
		t.Errorf("our time-out: %v", err)
	}

	for len(asked) > 0 {
		<-asked
	}
	interrupted := errors.New("interrupted")
	ctx2, stop := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		stop(interrupted)
	}()
	_, err = parse(t, "github", at(t, githubJob(endpoint))).Token(ctx2, wanted)
	var outage *flows.UnavailableError
	if !errors.Is(err, interrupted) || errors.As(err, &outage) {
		t.Errorf("an interrupt: %v", err)
	}
}

// The clock of this machine is ten minutes ahead: by GitHub's own, the token is
// good.
func TestServersClock(t *testing.T) {
	env := at(t, githubJob(serve(t, fakeGitHub).URL+"?api-version=2.0"))
	env.now = func() time.Time { return time.Unix(now+1200, 0) }
	check(t, parse(t, "github", env), wanted, "ok", "")
}

func TestGitHubPrincipal(t *testing.T) {
	of := func(change map[string]string) string {
		vars := githubJob("https://pipelines.example/x")
		for k, v := range change {
			vars[k] = v
		}
		p, err := parse(t, "github", at(t, vars)).Principal()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(p, requestToken) {
			t.Errorf("the principal holds the request token: %s", p)
		}
		return p
	}
	first := of(nil)
	if of(map[string]string{githubURL: "https://other.example"}) != first {
		t.Error("the address changes the principal")
	}
	for _, change := range []map[string]string{
		{"GITHUB_REPOSITORY_ID": "43"}, {"GITHUB_RUN_ID": "8"}, {"GITHUB_RUN_ATTEMPT": "2"}, {"GITHUB_JOB": "test"},
		{githubToken: "that-of-another-leg-of-the-matrix"},
	} {
		if of(change) == first {
			t.Errorf("another job has the same principal: %v", change)
		}
	}
}

// The defaults of the client for metadata servers.
func TestNewHTTPClient(t *testing.T) {
	c := NewHTTPClient()
	transport := c.Transport.(*http.Transport)
	if c.Timeout != 5*time.Second || transport.Proxy != nil {
		t.Errorf("time-out %v, proxy %v", c.Timeout, transport.Proxy != nil)
	}
	u, _ := url.Parse("http://127.0.0.1:1/")
	_, err := Env{now: time.Now, pause: sleep}.send(t.Context(), request{client: c, doing: "x", url: u})
	if kind(err) != "unavailable" {
		t.Errorf("nobody there: %v", err)
	}
}
