package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/credential"
)

// helperEnv makes the test binary one of the helpers, with its arguments in the
// environment: other processes are real ones.
const helperEnv = "SSO_EXEC_CACHE_TEST_HELPER"

var helpers = map[string]func(s *Store, arg string) error{
	// hold takes a lock, says so, and keeps it until stdin ends.
	"hold": func(s *Store, arg string) error {
		if _, err := s.Lock(context.Background(), LockRefresh, arg); err != nil {
			return err
		}
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	},
	// count adds 1 to a number in a file, arg times, each under the lock.
	"count": func(s *Store, arg string) error {
		n, _ := strconv.Atoi(arg)
		file := filepath.Join(s.path, "count")
		for range n {
			l, err := s.Lock(context.Background(), LockRefresh, "counter")
			if err != nil {
				return err
			}
			b, _ := os.ReadFile(file)
			was, _ := strconv.Atoi(string(b))
			if err := os.WriteFile(file, []byte(strconv.Itoa(was+1)), 0o600); err != nil {
				return err
			}
			l.Unlock()
		}
		return nil
	},
	// write replaces the tokens, arg times, with ones that know their length.
	"write": func(s *Store, arg string) error {
		n, _ := strconv.Atoi(arg)
		for i := range n {
			if err := s.WriteTokens("s", "t", telltale(os.Getpid()+i)); err != nil {
				return err
			}
		}
		return nil
	},
	"reserve-small":    reserveUnderLimit,
	"commit-read-only": commitReadOnly,
}

func TestMain(m *testing.M) {
	name, rest, ok := strings.Cut(os.Getenv(helperEnv), "|") // which no path on Windows has
	if !ok {
		os.Exit(m.Run())
	}
	path, arg, _ := strings.Cut(rest, "|")
	if err := helpers[name](Open(path, func(s string) { fmt.Fprintln(os.Stderr, s) }), arg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// helper makes the command of another process.
func helper(t *testing.T, name string, s *Store, arg string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), helperEnv+"="+name+"|"+s.path+"|"+arg)
	cmd.Stderr = os.Stderr
	return cmd
}

// holder starts a process that holds a lock. release lets it end by itself.
func holder(t *testing.T, s *Store, key string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = helper(t, "hold", s, key)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the helper says %q, %v", line, err)
	}
	return cmd, func() { _ = in.Close() }
}

// newStore is an empty cache that must have nothing to warn of.
func newStore(t testing.TB) *Store {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), "cache"), func(s string) { t.Errorf("warning: %s", s) })
}

// warned is a store with its warnings.
func warned(s *Store) (*Store, *[]string) {
	var all []string
	return Open(s.path, func(w string) { all = append(all, w) }), &all
}

// put writes a file of the cache by hand.
func put(t testing.TB, s *Store, content string, elem ...string) string {
	t.Helper()
	if d, err := s.open(true); err == nil { // with an access list of its own on Windows
		d.Close()
	}
	path := filepath.Join(append([]string{s.path}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// commit stores a session as a refresh does.
func commit(t testing.TB, s *Store, skey string, rec *Session) {
	t.Helper()
	room, err := s.Reserve(context.Background(), skey)
	if err == nil {
		err = room.Commit(rec)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func aSession() *Session {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return &Session{Issuer: "https://login.example.com", ClientID: "cli", Subject: "alice", Account: "alice@corp.example",
		Flow: "pkce", Identity: credential.Human,
		Scopes: []string{"openid"}, TokenEndpoint: "https://login.example.com/token", SignedInAt: at, RefreshedAt: at,
		RefreshToken: credential.NewSecret("rt-1")}
}

// telltale is a token set whose parts tell whether they belong together.
func telltale(n int) *Tokens {
	mark := strings.Repeat(strconv.Itoa(n)+"-", 1+n%2000)
	return &Tokens{TokenType: "Bearer", AccessToken: credential.NewSecret(mark), IDToken: credential.NewSecret(mark),
		IssuedAt: time.Now().UTC()}
}

// unsafeAt checks that an error is an UnsafeError about a path, with a remedy.
func unsafeAt(t *testing.T, err error, path string) {
	t.Helper()
	var unsafe *UnsafeError
	if !errors.As(err, &unsafe) {
		t.Fatalf("error %v (%T), want an UnsafeError", err, err)
	}
	if unsafe.Path != path || unsafe.Why == "" || unsafe.Fix+unsafe.Hint == "" {
		t.Errorf("the error is %+v, want one about %s", unsafe, path)
	}
}

// left lists what is in a directory of the cache except for the named files.
func left(t *testing.T, s *Store, dir string, but ...string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.path, dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
next:
	for _, e := range entries {
		for _, name := range but {
			if e.Name() == name {
				continue next
			}
		}
		names = append(names, e.Name())
	}
	return names
}

// credentialOf is a secret of so many bytes.
func credentialOf(n int) credential.Secret { return credential.NewSecret(strings.Repeat("x", n)) }

func (s *Store) apiKeyPath(name string) string {
	return filepath.Join(s.path, apiKeysDir, APIKeyID(name)+".json")
}
