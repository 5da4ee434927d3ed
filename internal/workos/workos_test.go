package workos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// The endpoints are proven against the stand-in of cmd/sso-exec's scripts; here
// are answers that are none.

func ask(t *testing.T, handler http.HandlerFunc) Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	hc, err := flows.NewHTTPClient(5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Client{HTTP: hc, URL: s.URL, Key: credential.NewSecret("the-environments-key")}
}

func TestOddAnswers(t *testing.T) {
	value := credential.NewSecret("sk_the_value_that_is_asked_about")
	for _, c := range []struct {
		status    int
		body      string
		temporary bool
		says      string
	}{
		{200, `{}`, true, "does not say whether"},
		{200, `{"api_key":[]}`, true, "does not say whether"},
		{200, `{"api_key":{"id":"../evil"}}`, true, "does not say whether"},
		{200, `<html>`, true, "not the expected JSON"},
		{200, strings.Repeat(" ", (1<<20)+1), true, "larger than"},
		{302, ``, true, "redirects"},
		{403, `<html>`, true, "not the expected JSON"},
		{429, `{}`, true, "status 429"},
		{500, `{"message":"x"}`, true, "status 500"},
		{401, `nonsense`, false, "does not accept the environment's key"},
		{403, `{"error":"forbidden","error_description":"no \u001b[2J` + value.Reveal() + `"}`, false,
			"forbidden (no [2J[secret])"},
		{422, `{"code":"bad","message":"the-environments-key","errors":["one",{"code":"c","field":"f"},3,"four"]}`, false,
			"bad ([secret] one f c"},
		{404, `{}`, false, "refuses (status 404)"},
	} {
		client := ask(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(c.status)
			_, _ = fmt.Fprint(w, c.body)
		})
		_, err := client.ValidateAPIKey(t.Context(), value)
		var outage *flows.UnavailableError
		var refusal *Error
		if errors.As(err, &outage) != c.temporary || errors.As(err, &refusal) == c.temporary ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %.60s: %v", c.status, c.body, err)
		}
		if err != nil && (strings.Contains(err.Error(), value.Reveal()) ||
			strings.Contains(err.Error(), "the-environments-key") || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%d: %q", c.status, err)
		}
		if Gone(err) != (c.status == 404) {
			t.Errorf("%d: gone: %v", c.status, Gone(err))
		}
	}
}

func TestNullIsNotGood(t *testing.T) {
	client := ask(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"api_key":null}`) })
	if k, err := client.ValidateAPIKey(t.Context(), credential.NewSecret("x")); k != nil || err != nil {
		t.Errorf("%v, %v", k, err)
	}
}

// A list that never ends does.
func TestEndlessList(t *testing.T) {
	n := 0
	client := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		_, _ = fmt.Fprintf(w, `{"data":[{"id":"api_key_%d"}],"list_metadata":{"after":"api_key_%d"}}`, n, n)
	})
	if _, err := client.ListAPIKeys(t.Context(), "org_A", ""); err == nil || n > 200 {
		t.Errorf("%d requests, %v", n, err)
	}
}

// Nothing is asked for an ID that is more than one, nor of a URL that is not safe.
func TestNothingIsAsked(t *testing.T) {
	client := ask(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked: %s", r.URL) })
	ctx := t.Context()
	for _, id := range []string{"", "..", "a/b", "a?b", "a b", strings.Repeat("a", 101)} {
		_, lerr := client.ListAPIKeys(ctx, id, "")
		_, cerr := client.CreateAPIKey(ctx, NewAPIKey{Organization: "org_A", User: id + "/", Name: "n"})
		for _, err := range []error{client.DeleteAPIKey(ctx, id), client.ExpireAPIKey(ctx, id, time.Now()), lerr, cerr} {
			if err == nil {
				t.Errorf("%q is taken for an ID", id)
			}
		}
	}
	client.URL = "http://api.example.com"
	if err := client.DeleteAPIKey(ctx, "api_key_1"); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("%v", err)
	}
}

func TestInterrupt(t *testing.T) {
	client := ask(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	cause := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if err := client.DeleteAPIKey(ctx, "api_key_1"); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
