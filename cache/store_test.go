package cache

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// keysOf are AWS keys by their ID.
func keysOf(id string) credential.Credential {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return credential.Credential{IssuedAt: at, ExpiresAt: at.Add(time.Hour), AWS: &credential.AWSKeys{AccessKeyID: id,
		SecretAccessKey: credential.NewSecret("secret-" + id), SessionToken: credential.NewSecret("session-" + id),
		AccountID: "123456789012"}}
}

// What is written is read, and nothing but Reveal shows the secrets in between.
func TestRoundTrips(t *testing.T) {
	s := newStore(t)
	rec := aSession()
	rec.Resources, rec.NoIDTokenOnRefresh = []string{"https://api.example"}, true
	commit(t, s, "k", rec)
	if got, err := s.Session("k"); err != nil || !reflect.DeepEqual(bare(got), bare(rec)) {
		t.Errorf("session: %+v, %v, want %+v", got, err, rec)
	}
	tokens := &Tokens{TokenType: "Bearer", Scopes: []string{"a"}, IssuedAt: rec.SignedInAt,
		ExpiresAt: rec.SignedInAt.Add(time.Hour), AccessToken: credential.NewSecret("at"),
		IDToken: credential.NewSecret("it")}
	before := time.Now()
	if err := s.WriteTokens("k", "t", tokens); err != nil {
		t.Fatal(err)
	}
	got, err := s.Tokens("k", "t")
	if err != nil || !got.AccessToken.Equal(tokens.AccessToken) || !got.IDToken.Equal(tokens.IDToken) ||
		!got.ExpiresAt.Equal(tokens.ExpiresAt) || !got.IDTokenExpiresAt.IsZero() ||
		got.StoredAt.Before(before.Add(-time.Second)) || got.StoredAt.After(time.Now()) {
		t.Errorf("tokens: %+v, %v", got, err)
	}
	for _, c := range []credential.Credential{keysOf("A"), {Token: credential.NewSecret("x"), TokenType: "Bearer"}} {
		if err := s.WriteDerived("k", "d", c); err != nil {
			t.Fatal(err)
		}
		got, err := s.Derived("k", "d")
		got.StoredAt = time.Time{}
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("derived: %+v, %v, want %+v", got, err, c)
		}
	}
	for _, want := range []string{`"refreshToken":"rt-1"`, `"version":1`} {
		if b, _ := os.ReadFile(filepath.Join(s.path, "sessions", "k.json")); !strings.Contains(string(b), want) {
			t.Errorf("the session's file lacks %s", want)
		}
	}
	if b, err := json.Marshal(rec); err != nil || strings.Contains(string(b), "rt-1") {
		t.Errorf("a session prints as %s", b)
	}
}

// bare leaves out what a rewrite may add.
func bare(s *Session) Session {
	c := *s
	c.unknown = nil
	return c
}

// A later version's fields survive a rewrite by this one.
func TestUnknownFieldsSurvive(t *testing.T) {
	s := newStore(t)
	session := put(t, s, `{"version":1,"issuer":"i","refreshToken":"old","dpopKey":{"kty":"EC","n":1e2},"later":[1,2]}`,
		"sessions", "k.json")
	tokens := put(t, s, `{"version":1,"accessToken":"old","idToken":"gone","later":{"a":"<&>"}}`, "tokens", "k", "t.json")
	rec, err := s.Session("k")
	if err != nil {
		t.Fatal(err)
	}
	rec.RefreshToken = credential.NewSecret("new")
	commit(t, s, "k", rec)
	if err := s.WriteTokens("k", "t", &Tokens{AccessToken: credential.NewSecret("new")}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]map[string]string{
		session: {"dpopKey": `{"kty":"EC","n":1e2}`, "later": `[1,2]`, "refreshToken": `"new"`, "version": "1"},
		tokens:  {"later": `{"a":"<&>"}`, "accessToken": `"new"`, "idToken": ""},
	} {
		var got map[string]json.RawMessage
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		for field, raw := range want {
			var a, b any
			_ = json.Unmarshal(got[field], &a)
			_ = json.Unmarshal([]byte(raw), &b)
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s: field %s is %s, want %s", path, field, got[field], raw)
			}
		}
	}
}

// A short-lived file that cannot be read counts as absent, and is named.
func TestDamagedShortLivedFiles(t *testing.T) {
	for name, content := range map[string]string{
		"nothing": "", "half of it": `{"version":1,"accessTo`, "zeros": string(make([]byte, 100)), "a list": `[]`,
		"null": `null`, "no version": `{"accessToken":"a"}`,
		"version 0": `{"version":0}`, "a later version": `{"version":2,"accessToken":"a"}`,
		"a later version with other types": `{"version":7,"accessToken":{},"token":[],"metadata":1,"until":5}`,
		"another type":                     `{"version":1,"accessToken":5,"token":5,"fetchedAt":5,"failedAt":5}`,
		"too large":                        strings.Repeat(" ", maxFile) + `{"version":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, warnings := warned(newStore(t))
			for i, c := range []struct {
				elem []string
				read func() error
			}{
				{[]string{"tokens", "k", "t.json"}, func() error { _, err := s.Tokens("k", "t"); return err }},
				{[]string{"derived", "k", "d.json"}, func() error { _, err := s.Derived("k", "d"); return err }},
				{[]string{"providers", "p.json"}, func() error { _, err := s.Provider("p"); return err }},
				{[]string{"latches", "k.json"}, func() error { _, err := s.Latch("k"); return err }},
			} {
				path := put(t, s, content, c.elem...)
				if err := c.read(); !errors.Is(err, ErrNotExist) {
					t.Errorf("%s: %v, want ErrNotExist", path, err)
				}
				if len(*warnings) != i+1 || !strings.Contains((*warnings)[i], path) {
					t.Errorf("the warnings are %q, want one of %s", *warnings, path)
				}
			}
			if err := s.WriteTokens("k", "t", telltale(3)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Tokens("k", "t"); err != nil {
				t.Errorf("after it was replaced: %v", err)
			}
		})
	}
}

// A session that does not parse is set aside and fails nothing; one of a later
// version is not touched.
func TestDamagedSessions(t *testing.T) {
	for name, content := range map[string]string{"nothing": "", "half of it": `{"version":1,"refreshTo`,
		"no version": `{"refreshToken":"r"}`, "another type": `{"version":1,"refreshToken":5}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			s, warnings := warned(newStore(t))
			path := put(t, s, content, "sessions", "k.json")
			if _, err := s.Session("k"); !errors.Is(err, ErrNotExist) {
				t.Fatalf("error %v, want ErrNotExist", err)
			}
			if b, err := os.ReadFile(path + ".corrupt"); err != nil || string(b) != content {
				t.Errorf("set aside: %q, %v", b, err)
			}
			if len(*warnings) != 1 || !strings.Contains((*warnings)[0], path) {
				t.Errorf("warnings %q", *warnings)
			}
			if _, err := s.Session("k"); !errors.Is(err, ErrNotExist) || len(*warnings) != 1 {
				t.Errorf("the second time: %v, %q", err, *warnings)
			}
		})
	}
	for _, content := range []string{`{"version":2,"refreshToken":"r"}`, `{"version":9,"refreshToken":{"sealed":true}}`} {
		s := newStore(t)
		path := put(t, s, content, "sessions", "k.json")
		var newer *NewerError
		if _, err := s.Session("k"); !errors.As(err, &newer) || newer.Path != path || newer.Version < 2 {
			t.Errorf("%s: error %v, want a NewerError", content, err)
		}
		if b, _ := os.ReadFile(path); string(b) != content {
			t.Errorf("it became %s", b)
		}
	}
}

func TestOversizeSessionIsSetAside(t *testing.T) {
	s, warnings := warned(newStore(t))
	path := put(t, s, strings.Repeat(" ", maxFile)+`{"version":1}`, "sessions", "k.json")
	if _, err := s.Session("k"); !errors.Is(err, ErrNotExist) {
		t.Fatalf("error %v, want ErrNotExist", err)
	}
	if _, err := os.Stat(path + ".corrupt"); err != nil || len(*warnings) != 1 {
		t.Errorf("%v, warnings %q", err, *warnings)
	}
}

// Forgetting a session leaves others, and its locks, alone.
func TestRemoveSession(t *testing.T) {
	s := newStore(t)
	for _, k := range []string{"k", "other"} {
		commit(t, s, k, aSession())
		for _, err := range []error{s.WriteTokens(k, "t", telltale(1)), s.WriteTokens(k, "u", telltale(2)),
			s.WriteDerived(k, "d", keysOf("A")), s.WriteLatch(k, &Latch{})} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // the second time there is nothing, which is no error
		if err := s.RemoveSession("k"); err != nil {
			t.Fatal(err)
		}
	}
	if err := newStore(t).RemoveSession("k"); err != nil {
		t.Errorf("of an empty cache: %v", err)
	}
	_, serr := s.Session("k")
	_, terr := s.Tokens("k", "u")
	_, derr := s.Derived("k", "d")
	for _, err := range []error{serr, terr, derr} {
		if !errors.Is(err, ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	}
	if _, err := s.Tokens("other", "t"); err != nil {
		t.Errorf("another session's: %v", err)
	}
	if err := s.ClearLatch("k"); err != nil {
		t.Error(err)
	}
	if _, err := s.Latch("other"); err != nil {
		t.Errorf("another session's latch: %v", err)
	}
}

// Release gives the room back and leaves what is stored.
func TestRelease(t *testing.T) {
	s := newStore(t)
	commit(t, s, "k", aSession())
	room, err := s.Reserve(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	room.Release()
	room.Release()
	if names := left(t, s, "sessions", "k.json"); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
	if rec, err := s.Session("k"); err != nil || rec.RefreshToken.Reveal() != "rt-1" {
		t.Errorf("the session reads as %v, %v", rec, err)
	}
	big := aSession()
	big.RefreshToken = credentialOf(3 * reserved) // more than was reserved
	commit(t, s, "k", big)
	commit(t, s, "k", aSession()) // shorter than what is there
	if rec, err := s.Session("k"); err != nil || rec.RefreshToken.Reveal() != "rt-1" {
		t.Errorf("the session reads as %v, %v", rec, err)
	}
}

// Temporary files of killed processes go once they are old; young ones, which
// somebody may be writing, stay.
func TestLitterIsSwept(t *testing.T) {
	s := newStore(t)
	commit(t, s, "k", aSession())
	old, young, other := put(t, s, "x", "sessions", tempPrefix+"OLD"), put(t, s, "x", "sessions", tempPrefix+"YOUNG"),
		put(t, s, "x", "sessions", "note")
	past := time.Now().Add(-2 * time.Hour)
	for _, path := range []string{old, other} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, s, "k", aSession())
	if names := left(t, s, "sessions", "k.json", filepath.Base(young), "note"); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
	for _, path := range []string{young, other} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it swept %s", path)
		}
	}
}
