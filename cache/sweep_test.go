package cache

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/credential"
)

// stored puts a session there whose last token was had at a time, with a token
// that is good until another.
func stored(t *testing.T, s *Store, skey, identity string, refreshed, expires time.Time) {
	t.Helper()
	room, err := s.Reserve(context.Background(), skey)
	if err == nil {
		err = room.Commit(&Session{Issuer: "https://i.example", Subject: "x", Identity: identity, RefreshedAt: refreshed})
	}
	if err == nil {
		err = s.WriteTokens(skey, "t", &Tokens{AccessToken: credential.NewSecret("a"), ExpiresAt: expires})
	}
	if err == nil {
		err = s.WriteDerived(skey, "d", credential.Credential{Token: credential.NewSecret("d"), ExpiresAt: expires})
	}
	if err != nil {
		t.Fatal(err)
	}
	touch(t, s, "sessions/"+skey+".json", refreshed)
}

// touch sets when a file was written last.
func touch(t *testing.T, s *Store, name string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(s.path, filepath.FromSlash(name)), at, at); err != nil {
		t.Fatal(err)
	}
}

// Of services that have not come for a week nothing is left; everything else is.
func TestSweepServices(t *testing.T) {
	s := newStore(t)
	now := time.Now()
	long, lately, later := now.Add(-8*24*time.Hour), now.Add(-6*24*time.Hour), now.Add(time.Hour)
	stored(t, s, "gone", credential.Service, long, long)
	stored(t, s, "lately", credential.Service, lately, lately)
	stored(t, s, "good-still", credential.Service, long, later)
	stored(t, s, "person", credential.Human, long, long)
	stored(t, s, "busy", credential.Service, long, long)
	stored(t, s, "copied", credential.Service, now, later) // a file's time alone decides nothing
	touch(t, s, "sessions/copied.json", long)
	_, release := holder(t, s, "busy")

	sweep := func() {
		t.Helper()
		if err := s.SweepServices(); err != nil {
			t.Fatal(err)
		}
	}
	left := func(want ...string) {
		t.Helper()
		for _, dir := range []string{"sessions", "tokens", "derived"} {
			var names []string
			err := s.inDir(dir, func(_ perm.Dir, name string) error {
				names = append(names, strings.TrimSuffix(name, ".json"))
				return nil
			})
			slices.Sort(names)
			if !slices.Equal(names, want) || err != nil {
				t.Errorf("%s: %q, %v, want %q", dir, names, err, want)
			}
		}
	}
	sweep()
	left("busy", "copied", "good-still", "lately", "person")

	// It is looked for once an hour.
	release()
	free, err := s.Lock(t.Context(), LockRefresh, "busy")
	if err != nil {
		t.Fatal(err)
	}
	free.Unlock()
	sweep()
	left("busy", "copied", "good-still", "lately", "person")
	if err := os.Remove(filepath.Join(s.path, "locks", "all."+lockSweep)); err != nil {
		t.Fatal(err)
	}
	sweep()
	left("copied", "good-still", "lately", "person")
}
