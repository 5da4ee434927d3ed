package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// podToken is a service-account token as the TokenRequest API makes it.
func podToken(account, uid string, issued int64) string {
	return jwt(map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:ns:" + account, "aud": []string{wanted},
		"iat": issued, "exp": issued + 3600, "jti": fmt.Sprint(issued),
		"kubernetes.io": map[string]any{"namespace": "ns", "pod": map[string]string{"name": "p", "uid": uid},
			"warnafter": issued + 60},
	})
}

func TestFile(t *testing.T) {
	env := at(t, nil)
	path := put(t, env.Root, "token", good(wanted)+"\r\n")
	env.Dir = env.Root
	for _, spec := range []string{"file:" + path, "file:token"} {
		s := parse(t, spec, env)
		token := check(t, s, wanted, "ok", "")
		if err := s.Available(); err != nil || token.Type != TypeJWT || token.Value.Reveal() != good(wanted) ||
			!s.FixedAudience() {
			t.Errorf("%v, type %s", err, token.Type)
		}
		check(t, s, "", "ok", "")
		check(t, s, "https://other.example", "not here", "--subject-token-audience")
	}
	put(t, env.Root, "token", "opaque-token\n")
	token := check(t, parse(t, "file:token", env), wanted, "ok", "")
	if token.Type != TypeAccessToken || token.Value.Reveal() != "opaque-token" || !token.Expires.IsZero() {
		t.Errorf("an opaque token: %+v", token)
	}
	put(t, env.Root, "token", jwt(map[string]any{"aud": wanted, "exp": now - 300}))
	check(t, parse(t, "file:token", env), wanted, "verify",
		"5m0s ago: either it was not renewed, or this machine's clock is wrong")
}

// What a file can be that is not a token's: each is refused in words, and never
// waited for or read to its end.
func TestBadFiles(t *testing.T) {
	env := at(t, nil)
	dir := env.Root
	big := put(t, dir, "big", "")
	if err := os.Truncate(big, 1<<40); err != nil { // sparse
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, words string }{
		"missing":     {filepath.Join(dir, "none"), "no file"},
		"directory":   {dir, "is a directory"},
		"huge":        {big, "larger than a token can be"},
		"empty":       {put(t, dir, "empty", ""), "it is empty"},
		"blank":       {put(t, dir, "blank", " \r\n\n"), "it is empty"},
		"binary":      {put(t, dir, "binary", "a\x00b"), "not printable ASCII"},
		"UTF-8":       {put(t, dir, "utf8", "tökén"), "not printable ASCII"},
		"a BOM":       {put(t, dir, "bom", "\ufeff"+good(wanted)), "not printable ASCII"},
		"two lines":   {put(t, dir, "two", good(wanted)+"\n"+good(wanted)), "several lines"},
		"JSON":        {put(t, dir, "json", `{"token":"`+good(wanted)+`"}`), "looks like JSON"},
		"a key":       {put(t, dir, "pem", "-----BEGIN "+"PRIVATE KEY-----\n"+canary), "PEM"},
		"a null file": {os.DevNull, "not a regular file"},
	} {
		for _, source := range []string{"file:", "kubernetes:", "spiffe:"} {
			s := parse(t, source+c.path, env)
			check(t, s, wanted, "not here", c.words)
			if _, err := s.Principal(); kind(err) != "not here" {
				t.Errorf("%s%s: principal: %v", source, name, err)
			}
		}
	}
	for _, source := range []string{"kubernetes:", "spiffe:"} { // these are JWTs
		check(t, parse(t, source+put(t, dir, "opaque", canary), env), wanted, "not here", "it is not a JWT")
	}
}

func TestKubernetes(t *testing.T) {
	env := at(t, nil)
	s := parse(t, "kubernetes", env)
	if err := s.Available(); kind(err) != "not here" || !strings.Contains(said(err), "audience: AUDIENCE}") {
		t.Errorf("no pod: %s", said(err))
	}
	put(t, env.Root, serviceAccountToken, podToken("web", "uid-1", now))
	if err := s.Available(); err != nil || !s.FixedAudience() {
		t.Error(err)
	}
	if token := check(t, s, wanted, "ok", ""); token.Expires.Unix() != now+3600 || token.Type != TypeJWT {
		t.Errorf("%+v", token)
	}
	check(t, s, "sts.amazonaws.com", "not here", "serviceAccountToken: {path: token, audience: sts.amazonaws.com}")
	before, _ := s.Principal()
	put(t, env.Root, serviceAccountToken, podToken("web", "uid-1", now+60))
	if after, _ := s.Principal(); after != before {
		t.Errorf("a rotation changes the principal: %s, %s", before, after)
	}
	if token := check(t, s, wanted, "ok", ""); token.Expires.Unix() != now+3660 {
		t.Error("the file is not read again")
	}
	for _, other := range []string{podToken("web", "uid-2", now), podToken("db", "uid-1", now)} {
		put(t, env.Root, serviceAccountToken, other)
		if p, err := s.Principal(); err != nil || p == before {
			t.Errorf("another pod has the same principal: %s, %v", p, err)
		}
	}
	put(t, env.Root, serviceAccountToken, podToken("web", "uid-1", now-3600))
	check(t, s, wanted, "verify", "ended at")
}

// A writer that is slow between truncating and writing.
func TestHalfWritten(t *testing.T) {
	whole := svid("spiffe://example.org/web", wanted)
	states := []string{"", whole[:40], whole}
	env := at(t, nil)
	path := put(t, env.Root, "svid", states[0])
	looked := 0
	env.pause = func(context.Context, time.Duration) error {
		looked++
		put(t, env.Root, "svid", states[min(looked, 2)])
		return nil
	}
	check(t, parse(t, "spiffe:"+path, env), wanted, "ok", "")
	if looked != 2 {
		t.Errorf("looked again %d times", looked)
	}
}

func svid(sub string, aud any) string { return jwt(map[string]any{"sub": sub, "aud": aud}) }

func TestSPIFFE(t *testing.T) {
	env := at(t, nil)
	s := parse(t, "spiffe:"+put(t, env.Root, "svid", svid("spiffe://example.org/web", []string{wanted})), env)
	if err := s.Available(); err != nil || !s.FixedAudience() {
		t.Error(err)
	}
	check(t, s, wanted, "ok", "")
	check(t, s, "https://other.example", "not here", `jwt_audience="https://other.example"`)
	if p, err := s.Principal(); err != nil || p != `["spiffe","spiffe://example.org/web"]` {
		t.Error(p, err)
	}
	for name, c := range map[string]struct{ token, kind, words string }{
		"no SPIFFE ID": {svid("https://example.org", wanted), "not here", "not a JWT-SVID"},
		"no audience":  {svid("spiffe://example.org/web", nil), "not here", "no exp or no aud"},
		"expired":      {jwt(map[string]any{"sub": "spiffe://a/b", "aud": wanted, "exp": now}), "verify", "ended at"},
		"colours":      {svid("\x1b[31mroot", wanted), "not here", `"[31mroot"`},
	} {
		put(t, env.Root, "svid", c.token)
		t.Run(name, func(t *testing.T) { check(t, s, wanted, c.kind, c.words) })
	}
}

// Outside of CI the principal is the subject and stays through a rotation; in CI
// it is the job's token.
func TestFilePrincipal(t *testing.T) {
	of := func(token string, vars map[string]string) string {
		env := at(t, vars)
		vars["T"] = token
		p1, err := parse(t, "file:"+put(t, env.Root, "token", token), env).Principal()
		if err != nil {
			t.Fatal(err)
		}
		p2, err := parse(t, "env:T", env).Principal()
		if err != nil || p1 != p2 {
			t.Errorf("file and variable differ: %s, %s, %v", p1, p2, err)
		}
		if strings.Contains(p1, canary) {
			t.Errorf("the principal holds the token: %s", p1)
		}
		return p1
	}
	one := jwt(map[string]any{"iss": "i", "sub": "a", "jti": "1"})
	renewed := jwt(map[string]any{"iss": "i", "sub": "a", "jti": "2", "exp": now + 5})
	ci := func() map[string]string { return map[string]string{"GITLAB_CI": "true"} }
	none := func() map[string]string { return map[string]string{} }
	switch {
	case of(one, none()) != of(renewed, none()):
		t.Error("a rotation changes the principal")
	case of(one, ci()) == of(renewed, ci()):
		t.Error("two jobs have one principal")
	case of(one, none()) == of(jwt(map[string]any{"iss": "i", "sub": "b"}), none()):
		t.Error("two subjects have one principal")
	case of(one, none()) == of(jwt(map[string]any{"iss": "j", "sub": "a"}), none()):
		t.Error("two issuers have one principal")
	case of("opaque-1-"+canary, none()) == of("opaque-2-"+canary, none()):
		t.Error("two opaque tokens have one principal")
	}
}
