package cache

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/credential"
)

// TestAmend: what is changed next to the refresh token leaves that alone, wherever
// it is stored, and what a later version has written too.
func TestAmend(t *testing.T) {
	for _, keyring := range []bool{false, true} {
		s, _ := withRing(t)
		s.UseKeyring = keyring
		key := strings.Repeat("a", 64)
		room, err := s.Reserve(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		rec := withToken("the-token")
		rec.Subject = "alice"
		if err := room.Commit(rec); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(s.path, "sessions", key+".json")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw = append([]byte(`{"later":[1,2],`), raw[1:]...)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		err = s.Amend(key, func(rec *Session) { rec.Organizations = []Organization{{"org_A", "Acme"}} })
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.SessionWithToken(t.Context(), key)
		if err != nil || !got.RefreshToken.Equal(credential.NewSecret("the-token")) || got.Subject != "alice" ||
			len(got.Organizations) != 1 || got.Organizations[0].Name != "Acme" {
			t.Errorf("keyring %v: %+v, %v", keyring, got, err)
		}
		if raw, _ = os.ReadFile(path); !strings.Contains(string(raw), `"later":[1,2]`) {
			t.Errorf("keyring %v: what a later version wrote is gone: %s", keyring, raw)
		}
	}
	s, _ := withRing(t)
	if err := s.Amend(strings.Repeat("b", 64), func(*Session) { t.Error("called for nothing") }); err == nil {
		t.Error("a session that is not there was amended")
	}
}
