package workload

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/flows"
)

// Unique, so that a search finds them wherever they come out.
const (
	canary             = "cAnArYsIgNaTuRe0123456789abcdef"
	requestToken       = "request-token-CANARY-7f3a91c5"
	wanted             = "https://login.corp.example"
	now          int64 = 1_800_000_000
)

// jwt makes a token of claims, whose signature is the canary. exp is in ten
// minutes unless it is given.
func jwt(c map[string]any) string {
	c = maps.Clone(c)
	if _, ok := c["exp"]; !ok {
		c["exp"] = now + 600
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]string{"alg": "RS256", "kid": "1"}) + "." + part(c) + "." + canary
}

func good(aud any) string {
	return jwt(map[string]any{"iss": "https://issuer.example", "sub": "workload", "aud": aud})
}

// at makes an Env of variables, below a tree of its own, at the time now.
func at(t *testing.T, vars map[string]string) Env {
	t.Helper()
	return Env{
		Getenv:   func(name string) string { return vars[name] },
		Root:     t.TempDir(),
		HTTP:     &http.Client{Timeout: 20 * time.Second},
		Metadata: &http.Client{Timeout: 20 * time.Second},
		now:      func() time.Time { return time.Unix(now, 0) },
		pause:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		hostname: func() (string, error) { return "host-1", nil },
	}
}

// put writes a file below a root.
func put(t *testing.T, root, path, content string) string {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return full
}

func parse(t *testing.T, spec string, env Env) Source {
	t.Helper()
	s, err := Parse(spec, env)
	if err != nil {
		t.Fatalf("Parse(%q): %v", spec, err)
	}
	if s.Name() != spec && spec != "auto" {
		t.Errorf("Name() = %q, want %q", s.Name(), spec)
	}
	return s
}

// serve is a server on the loopback, whose Date is the tests' now.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Unix(now, 0).UTC().Format(http.TimeFormat))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// kind names the class of an error, by which the command gives its exit code.
func kind(err error) string {
	var (
		notHere *NotHereError
		refused *RefusedError
		outage  *flows.UnavailableError
		verify  *flows.VerifyError
	)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &notHere):
		return "not here"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &outage) && outage.Garbled:
		return "garbled"
	case errors.As(err, &outage):
		return "unavailable"
	case errors.As(err, &verify):
		return "verify"
	}
	return "other"
}

// said is all that an error could show.
func said(err error) string {
	if err == nil {
		return ""
	}
	all := err.Error()
	var notHere *NotHereError
	if errors.As(err, &notHere) {
		all += "\n" + strings.Join(notHere.Hints, "\n")
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		all += "\n" + strings.Join(refused.Hints, "\n")
	}
	return all
}

// clean fails if an error holds a secret or what a terminal must not get.
func clean(t *testing.T, err error) {
	t.Helper()
	text := said(err)
	for _, secret := range []string{canary, requestToken, canary[:20], "eyJ"} {
		if strings.Contains(text, secret) {
			t.Errorf("the error holds %q: %s", secret, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		for _, r := range line {
			if r < ' ' || r == 0x7f || r == 0x9b {
				t.Errorf("the error holds the control character %U: %q", r, line)
			}
		}
	}
	if len(text) > 1600 {
		t.Errorf("the error has %d bytes", len(text))
	}
}

// check gets a token and compares what came of it.
func check(t *testing.T, s Source, audience, wantKind, wantWords string) Token {
	t.Helper()
	token, err := s.Token(t.Context(), audience)
	clean(t, err)
	if kind(err) != wantKind {
		t.Errorf("%s: %s (%v), want %s", s.Name(), kind(err), err, wantKind)
	}
	if !strings.Contains(said(err), wantWords) {
		t.Errorf("%s: %q does not say %q", s.Name(), said(err), wantWords)
	}
	if err != nil && !token.Value.IsZero() {
		t.Errorf("%s: a token next to the error %v", s.Name(), err)
	}
	return token
}
