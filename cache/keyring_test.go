package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// memoryRing is a keyring of the tests. before and after are called around each
// call, and may end it.
type memoryRing struct {
	mu            sync.Mutex
	entries       map[string]string
	before, after func(call, account string) error
	calls         int
}

func (m *memoryRing) call(name, account string, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	for _, step := range []func() error{
		func() error { return hook(m.before, name, account) }, do, func() error { return hook(m.after, name, account) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func hook(f func(string, string) error, call, account string) error {
	if f == nil {
		return nil
	}
	return f(call, account)
}

func (m *memoryRing) Get(_ context.Context, account string) (secret string, err error) {
	err = m.call("get", account, func() error {
		var ok bool
		if secret, ok = m.entries[account]; !ok {
			return ErrNoEntry
		}
		return nil
	})
	return secret, err
}

func (m *memoryRing) Set(_ context.Context, account, secret string) error {
	return m.call("set", account, func() error {
		m.entries[account] = secret
		return nil
	})
}

func (m *memoryRing) Remove(_ context.Context, account string) error {
	return m.call("remove", account, func() error {
		if _, ok := m.entries[account]; !ok {
			return ErrNoEntry
		}
		delete(m.entries, account)
		return nil
	})
}

// withRing is a store whose tokens go into a keyring of the tests.
func withRing(t *testing.T) (*Store, *memoryRing) {
	t.Helper()
	s, m := newStore(t), &memoryRing{entries: map[string]string{}}
	s.Keyring, s.UseKeyring = m, true
	return s, m
}

const skey = "aaaa"

func withToken(token string) *Session {
	rec := aSession()
	rec.RefreshToken = credential.NewSecret(token)
	return rec
}

// tokenIn reads a session's token.
func tokenIn(t *testing.T, s *Store) string {
	t.Helper()
	rec, err := s.SessionWithToken(t.Context(), skey)
	if err != nil {
		t.Fatal(err)
	}
	return rec.RefreshToken.Reveal()
}

func fileOf(t *testing.T, s *Store) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.path, "sessions", skey+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var large = strings.Repeat("large-", ringMost)

// TestKeyringForms moves a session through every form that its token can are stored in.
func TestKeyringForms(t *testing.T) {
	s, m := withRing(t)
	for i, step := range []struct {
		token   string
		keyring bool
		in      string
		entries []string // suffixes
	}{
		{"rt-first", true, InKeyring, []string{""}},
		{"rt-rotated", true, InKeyring, []string{""}},
		{strings.Repeat("x", ringMost), true, InKeyring, []string{""}},
		{large + "1", true, inSealed, []string{ringKey}},
		{large + "2", true, inSealed, []string{ringKey}},
		{"rt-small-again", true, InKeyring, []string{""}},
		{"rt-in-file", false, "", nil},
		{large + "3", true, inSealed, []string{ringKey}},
		{large + "4", false, "", nil},
		{"rt-back", true, InKeyring, []string{""}},
		{"", true, "", nil}, // a sign-in without a refresh token
	} {
		s.UseKeyring = step.keyring
		commit(t, s, skey, withToken(step.token))
		for _, reader := range []bool{true, false} { // the record says where it is, whatever --store
			s.UseKeyring = reader
			if got := tokenIn(t, s); got != step.token {
				t.Fatalf("step %d: the token is %.20q", i, got)
			}
		}
		rec, err := s.Session(skey)
		if err != nil || rec.RefreshTokenIn != step.in {
			t.Errorf("step %d: it is stored in %q, want %q (%v)", i, rec.RefreshTokenIn, step.in, err)
		}
		if step.keyring && step.token != "" &&
			(strings.Contains(fileOf(t, s), step.token) || strings.Contains(fileOf(t, s), `"refreshToken"`)) {
			t.Errorf("step %d: the token is in the file", i)
		}
		var want []string
		for _, suffix := range step.entries {
			want = append(want, s.account(skey)+suffix)
		}
		if got := slices.Sorted(maps.Keys(m.entries)); !slices.Equal(got, want) {
			t.Errorf("step %d: the keyring has %q, want %q", i, got, want)
		}
	}
	if files := left(t, s, "sessions", skey+".json"); len(files) > 0 {
		t.Errorf("left behind: %q", files)
	}
}

// TestKeyringCrash looks at a session before and after each call to the keyring
// that its writing makes, as whoever comes after a crash there. That is the old
// token up to some point, and the new one from there on: never none, never one
// person's under another's name.
func TestKeyringCrash(t *testing.T) {
	forms := map[string]func(s *Store){
		"keyring": func(s *Store) { commit(t, s, skey, withToken("old")) },
		"sealed":  func(s *Store) { commit(t, s, skey, withToken(large+"old")) },
		"file": func(s *Store) {
			s.UseKeyring = false
			commit(t, s, skey, withToken("old"))
			s.UseKeyring = true
		},
	}
	for form, prepare := range forms {
		for _, next := range []string{"new", large + "new"} {
			for _, subject := range []string{"alice", "bob"} {
				t.Run(fmt.Sprintf("%s-%d-%s", form, len(next), subject), func(t *testing.T) {
					s, m := withRing(t)
					prepare(s)
					room, err := s.Reserve(context.Background(), skey)
					if err != nil {
						t.Fatal(err)
					}
					rec := withToken(next)
					rec.Subject = subject
					var seen []string
					look := func(string, string) error {
						after := Open(s.path, func(w string) { t.Error(w) })
						after.Keyring = &memoryRing{entries: maps.Clone(m.entries)}
						got, err := after.SessionWithToken(context.Background(), skey)
						if err != nil {
							t.Error(err)
							return nil
						}
						token := strings.TrimPrefix(got.RefreshToken.Reveal(), large)
						seen = append(seen, token)
						if m.entries[s.account(skey)] == next && token != "new" {
							t.Error("the keyring has the new token, and the old one is read")
						}
						if token == "old" && got.Subject != "alice" || token == "new" && got.Subject != subject {
							t.Errorf("the token %q is under the name %q", token, got.Subject)
						}
						return nil
					}
					m.before, m.after = look, look
					if err := room.Commit(rec); err != nil {
						t.Fatal(err)
					}
					_ = look("", "")
					flip := slices.Index(seen, "new")
					if flip < 0 || slices.Contains(seen[flip:], "old") || slices.Contains(seen, "") {
						t.Errorf("read at each point: %q", seen)
					}
				})
			}
		}
	}
}

// TestKeyringFailsLate has the keyring fail between the reservation and the
// write, when the old token is spent: the new one is sealed with the key that is
// there already.
func TestKeyringFailsLate(t *testing.T) {
	s, m := withRing(t)
	commit(t, s, skey, withToken("old"))
	room, err := s.Reserve(context.Background(), skey)
	if err != nil {
		t.Fatal(err)
	}
	m.before = func(string, string) error { return errors.New("gone") }
	if err := room.Commit(withToken("new")); err != nil {
		t.Fatal(err)
	}
	m.before = nil
	if got := tokenIn(t, s); got != "new" {
		t.Fatalf("the token is %q", got)
	}
	if strings.Contains(fileOf(t, s), `"new"`) {
		t.Error("the token is in the file")
	}
	// a write to the keyring that says yes and keeps nothing counts as one that failed
	m.after = func(call, account string) error {
		if call == "set" && account == s.account(skey) {
			m.entries[account] = "old"
		}
		return nil
	}
	commit(t, s, skey, withToken("newer"))
	if got := tokenIn(t, s); got != "newer" {
		t.Fatalf("the token is %q", got)
	}
}

// TestKeyringUnusable: nothing is written, and nothing passes for absent.
func TestKeyringUnusable(t *testing.T) {
	s, m := withRing(t)
	commit(t, s, skey, withToken("old"))
	before := fileOf(t, s)
	s.KeyringBy = "asked for"
	// As of a bus's socket that is gone.
	m.before = func(string, string) error { return &os.PathError{Op: "dial", Path: "/run/bus", Err: os.ErrNotExist} }
	_, rerr := s.SessionWithToken(t.Context(), skey)
	_, werr := s.Reserve(context.Background(), skey)
	for _, err := range []error{rerr, werr, s.HasRoom(t.Context(), skey)} {
		var unreachable *KeyringError
		if !errors.As(err, &unreachable) || errors.Is(err, ErrNotExist) ||
			!strings.Contains(err.Error(), "the keyring (asked for) cannot be used") {
			t.Errorf("error %v (%T)", err, err)
		}
	}
	if fileOf(t, s) != before || len(left(t, s, "sessions", skey+".json")) > 0 {
		t.Error("the directory has changed")
	}
	m.before = nil
	if err := s.HasRoom(t.Context(), skey); err != nil {
		t.Error(err)
	}
	if got := slices.Collect(maps.Keys(m.entries)); len(got) != 1 {
		t.Errorf("the keyring has %q", got)
	}
}

// TestKeyringEntryGone: without its entry a session has no refresh token, and
// says so.
func TestKeyringEntryGone(t *testing.T) {
	for _, token := range []string{"old", large} {
		s, m := withRing(t)
		commit(t, s, skey, withToken(token))
		m.entries = map[string]string{}
		w, warnings := warned(s)
		w.Keyring, w.UseKeyring = m, true
		if got := tokenIn(t, w); got != "" || len(*warnings) != 1 {
			t.Errorf("the token is %.10q, warnings %q", got, *warnings)
		}
		commit(t, s, skey, withToken("new"))
		if got := tokenIn(t, s); got != "new" {
			t.Errorf("the token is %q", got)
		}
	}
}

// TestKeyringRemove: a session's end takes its entries along; a keyring that is
// gone does not keep the rest.
func TestKeyringRemove(t *testing.T) {
	for _, token := range []string{"old", large} {
		s, m := withRing(t)
		commit(t, s, skey, withToken(token))
		commit(t, s, "bbbb", withToken("another"))
		s.UseKeyring = false // whoever removes it
		if err := s.RemoveSession(skey); err != nil {
			t.Error(err)
		}
		if got := slices.Collect(maps.Keys(m.entries)); !slices.Equal(got, []string{s.account("bbbb")}) {
			t.Errorf("the keyring has %q", got)
		}
		m.before = func(string, string) error { return errors.New("gone") }
		if err := s.RemoveSession("bbbb"); err == nil || !strings.Contains(err.Error(), s.account("bbbb")) {
			t.Errorf("error %v", err)
		}
		if names := left(t, s, "sessions"); len(names) > 0 {
			t.Errorf("left: %q", names)
		}
	}
}

// TestKeyringDeadline: a keyring that hangs costs its time-out, or the time to
// an interrupt, and what it does later is nobody's business.
func TestKeyringDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		wait := func(context.Context) error { <-hang; return nil }
		began := time.Now()
		var unreachable *KeyringError
		if err := bounded(t.Context(), wait); !errors.As(err, &unreachable) || time.Since(began) != ringTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		interrupt := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(interrupt) })
		began = time.Now()
		if err := bounded(ctx, wait); !errors.Is(err, interrupt) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		// a service that answers with the wrong types
		err := bounded(t.Context(), func(context.Context) error { var v any = 1; _ = v.(string); return nil })
		if !errors.As(err, &unreachable) {
			t.Error(err)
		}
	})
}

func TestSeal(t *testing.T) {
	key := newSealKey()
	a, err := seal(key, skey, "token")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := seal(key, skey, "token")
	if string(a) == string(b) || strings.Contains(string(a), "token") {
		t.Error("sealing is not random, or hides nothing")
	}
	if got, err := unseal(key, skey, a); err != nil || got != "token" {
		t.Errorf("%q, %v", got, err)
	}
	changed := slices.Clone(a)
	changed[len(changed)-1] ^= 1
	for what, try := range map[string]func() (string, error){
		"another key":     func() (string, error) { return unseal(newSealKey(), skey, a) },
		"another session": func() (string, error) { return unseal(key, "bbbb", a) },
		"changed":         func() (string, error) { return unseal(key, skey, changed) },
		"empty":           func() (string, error) { return unseal(key, skey, nil) },
		"no key":          func() (string, error) { return unseal("not a key", skey, a) },
	} {
		if got, err := try(); !errors.Is(err, ErrNoEntry) || got != "" {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}
