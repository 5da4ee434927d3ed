package cache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

func anAPIKey(key string) *APIKey {
	return &APIKey{Name: "ci", Header: "X-API-Key", Scopes: []string{"read"}, Owner: "ops", Identity: credential.Service,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), MaxAgeSeconds: 60, Key: credential.NewSecret(key)}
}

func mustWriteKey(t *testing.T, s *Store, k *APIKey) {
	t.Helper()
	if err := s.WriteAPIKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

func wantKey(t *testing.T, s *Store, want string) *APIKey {
	t.Helper()
	k, err := s.APIKeyWithKey(t.Context(), "ci")
	if err != nil {
		t.Fatal(err)
	}
	if k.Key.Reveal() != want {
		t.Fatalf("the key is %q; want %q", k.Key.Reveal(), want)
	}
	return k
}

func TestAPIKeyRoundTrip(t *testing.T) {
	s := newStore(t)
	if _, err := s.APIKey("ci"); !errors.Is(err, ErrNotExist) {
		t.Fatalf("nothing is stored, but: %v", err)
	}
	if all, unread, err := s.APIKeys(); len(all)+len(unread) > 0 || err != nil {
		t.Fatalf("%v %v %v", all, unread, err)
	}
	mustWriteKey(t, s, anAPIKey("first-key"))
	k := wantKey(t, s, "first-key")
	if k.Header != "X-API-Key" || k.Owner != "ops" || k.Scopes[0] != "read" ||
		!k.EndsAt().Equal(k.CreatedAt.Add(time.Minute)) {
		t.Errorf("%+v", k)
	}
	// On Windows the directory's access list keeps others out, and modes say nothing.
	if st, err := os.Stat(s.apiKeyPath("ci")); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	// What is noted changes without the key at hand.
	k.Key, k.Owner = credential.Secret{}, "others"
	mustWriteKey(t, s, k)
	if k = wantKey(t, s, "first-key"); k.Owner != "others" {
		t.Errorf("the owner is %q", k.Owner)
	}
	if all, _, err := s.APIKeys(); len(all) != 1 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	if err := s.RemoveAPIKey("ci"); err != nil {
		t.Fatal(err)
	}
	if names := left(t, s, apiKeysDir); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
	if err := s.RemoveAPIKey("ci"); err != nil {
		t.Error(err)
	}
}

func TestAPIKeyLaterVersion(t *testing.T) {
	s := newStore(t)
	name := APIKeyID("ci") + ".json"
	put(t, s, `{"version":1,"name":"ci","key":"some-key","later":{"a":1}}`, apiKeysDir, name)
	k := wantKey(t, s, "some-key")
	k.Owner = "ops"
	mustWriteKey(t, s, k)
	if b, _ := os.ReadFile(s.apiKeyPath("ci")); !strings.Contains(string(b), `"later":{"a":1}`) {
		t.Errorf("an unknown field is gone: %s", b)
	}
	const later = `{"version":2,"name":7}`
	put(t, s, later, apiKeysDir, name)
	var newer *NewerError
	if err := s.WriteAPIKey(t.Context(), anAPIKey("x-key")); !errors.As(err, &newer) {
		t.Errorf("written over a later version: %v", err)
	}
	if _, err := s.APIKey("ci"); !errors.As(err, &newer) {
		t.Errorf("read: %v", err)
	}
	if b, _ := os.ReadFile(s.apiKeyPath("ci")); string(b) != later {
		t.Errorf("it was changed: %s", b)
	}
}

func TestAPIKeyDamaged(t *testing.T) {
	first := newStore(t)
	name := APIKeyID("ci") + ".json"
	for _, content := range []string{"", "{", `{"version":1,"name":"other","key":"some-key"}`, `{"name":"ci"}`,
		strings.Repeat(" ", maxFile+1)} {
		put(t, first, content, apiKeysDir, name)
		s, warnings := warned(first)
		if _, err := s.APIKey("ci"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%.20q: %v", content, err)
		}
		if _, unread, err := s.APIKeys(); len(unread) != 1 || err != nil {
			t.Errorf("%.20q: %v, %v", content, unread, err)
		}
		if b, err := os.ReadFile(s.apiKeyPath("ci")); err != nil || string(b) != content {
			t.Errorf("%.20q: a reader changed it", content)
		}
		if err := s.WriteAPIKey(t.Context(), anAPIKey("new-key")); err != nil || len(*warnings) != 1 {
			t.Errorf("%.20q: %v, %q", content, err, *warnings)
		}
		wantKey(t, s, "new-key")
		if b, err := os.ReadFile(s.apiKeyPath("ci") + ".corrupt"); err != nil || string(b) != content {
			t.Errorf("%.20q: it was not set aside", content)
		}
	}
}

// The keyring has the key and the file does not; the other slot is free again.
func TestAPIKeyInKeyring(t *testing.T) {
	s, ring := withRing(t)
	for _, key := range []string{"first-key", "second-key", "third-key"} {
		mustWriteKey(t, s, anAPIKey(key))
		k := wantKey(t, s, key)
		if k.Masked() != maskKey(credential.NewSecret(key)) || len(ring.entries) != 1 {
			t.Errorf("%s: mask %q, %d entries", key, k.Masked(), len(ring.entries))
		}
		if b, _ := os.ReadFile(s.apiKeyPath("ci")); strings.Contains(string(b), key) {
			t.Errorf("the file has the key: %s", b)
		}
	}
	calls := ring.calls
	if k, err := s.APIKey("ci"); err != nil || !k.HasKey() || !k.Key.IsZero() || ring.calls != calls {
		t.Errorf("without the keyring: %+v, %v", k, err)
	}
	s.UseKeyring = false
	mustWriteKey(t, s, anAPIKey("in-a-file"))
	if wantKey(t, s, "in-a-file"); len(ring.entries) != 0 {
		t.Errorf("the keyring still has %d entries", len(ring.entries))
	}
	s.UseKeyring = true
	mustWriteKey(t, s, anAPIKey("back-again"))
	if err := s.RemoveAPIKey("ci"); err != nil || len(ring.entries) != 0 {
		t.Errorf("%v, %d entries", err, len(ring.entries))
	}
	if s.FitsKeyring(credentialOf(ringMost)) != nil || s.FitsKeyring(credentialOf(ringMost+1)) == nil {
		t.Error("what fits a keyring")
	}
}

// Whatever call fails, and whether it had its effect or not, what is read then is
// the old key or the new one.
func TestAPIKeyKeyringFails(t *testing.T) {
	down := errors.New("down")
	for _, when := range []string{"before", "after"} {
		for _, call := range []string{"get", "set", "remove"} {
			s, ring := withRing(t)
			mustWriteKey(t, s, anAPIKey("old-key"))
			s, _ = func() (*Store, *[]string) { w, all := warned(s); w.Keyring, w.UseKeyring = ring, true; return w, all }()
			fail := func(name, _ string) error {
				if name == call {
					return down
				}
				return nil
			}
			if when == "before" {
				ring.before = fail
			} else {
				ring.after = fail
			}
			err := s.WriteAPIKey(t.Context(), anAPIKey("new-key"))
			ring.before, ring.after = nil, nil
			want := "old-key"
			if err == nil {
				want = "new-key"
			}
			if wantKey(t, s, want); (err == nil) != (call == "remove") {
				t.Errorf("%s %s: %v", when, call, err)
			}
		}
	}
}

// A reader who meets writers gets a key that belongs to the file.
func TestAPIKeyKeyringReplacedMeanwhile(t *testing.T) {
	s, ring := withRing(t)
	mustWriteKey(t, s, anAPIKey("first-key"))
	other := Open(s.path, func(string) {})
	other.Keyring, other.UseKeyring = &memoryRing{entries: ring.entries}, true
	done := false
	ring.before = func(call, _ string) error {
		if call != "get" || done {
			return nil
		}
		done = true
		for _, key := range []string{"second-key", "third-key"} { // the slot that is being read has another key now
			k := anAPIKey(key)
			k.Owner = key
			if err := other.WriteAPIKey(t.Context(), k); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if k := wantKey(t, s, "third-key"); k.Owner != "third-key" {
		t.Errorf("a key of one record with another's notes: %+v", k)
	}
}

func TestMaskKey(t *testing.T) {
	for key, want := range map[string]string{
		"": "…", "abc": "…", "abcdefgh": "…gh", "abcdefghijklmnop": "…mnop", "0123456789abcdef0123": "0…0123",
		"sk_live_0123456789abcdefghijklmn": "sk_live_…klmn", "sk_live_0123456789abcdefghijklm": "sk_…jklm",
		"sk_live_0123456789abcdefghijklmnopqrstuv": "sk_live_…stuv",
		"pat_0123456789abcdefghijklmnopqrstuvwxyz": "pat_…wxyz", "a-b-c-d-e-f-": "…-f-",
		"0123456789abcdefghijklmnopqrstuvwxyz": "0123…wxyz",
	} {
		got := maskKey(credential.NewSecret(key))
		if got != want {
			t.Errorf("%q is shown as %q, want %q", key, got, want)
		}
		if shown := len(got) - len("…"); len(key) < 32 && shown > len(key)/4 {
			t.Errorf("%q: %d of %d characters are shown", key, shown, len(key))
		}
	}
}

func TestAPIKeyEndsAt(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		expires, maxAge, want time.Duration // 0: none
	}{{0, 0, 0}, {time.Hour, 0, time.Hour}, {0, time.Hour, time.Hour}, {time.Hour, 2 * time.Hour, time.Hour},
		{2 * time.Hour, time.Hour, time.Hour}} {
		k := APIKey{CreatedAt: at, MaxAgeSeconds: int64(c.maxAge / time.Second)}
		if c.expires > 0 {
			k.ExpiresAt = at.Add(c.expires)
		}
		if end := k.EndsAt(); end.IsZero() != (c.want == 0) || c.want > 0 && !end.Equal(at.Add(c.want)) {
			t.Errorf("%+v: %v", c, end)
		}
	}
}

func TestWarnOfAPIKey(t *testing.T) {
	s := newStore(t)
	mustWriteKey(t, s, anAPIKey("a-key"))
	now := time.Now()
	for i, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Hour, false}, {23 * time.Hour, false}, {24 * time.Hour, true}, {25 * time.Hour, false},
		{-48 * time.Hour, true}} {
		if got := s.WarnOfAPIKey("ci", 24*time.Hour, now.Add(c.after)); got != c.want {
			t.Errorf("%d: after %v: %v", i, c.after, got)
		}
	}
	if all, unread, _ := s.APIKeys(); len(all) != 1 || len(unread) != 0 {
		t.Errorf("the mark is taken for a key: %v", unread)
	}
	mustWriteKey(t, s, anAPIKey("another-key")) // is warned of again
	if !s.WarnOfAPIKey("ci", 24*time.Hour, now) {
		t.Error("the new key is not warned of")
	}
	if err := os.WriteFile(filepath.Join(s.path, apiKeysDir, APIKeyID("ci")+".warned.json"), []byte("{"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if !s.WarnOfAPIKey("ci", 24*time.Hour, now) {
		t.Error("a damaged mark keeps the warning back")
	}
}
