package keyring

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
)

// A place is a keychain behind the security(1) of these tests.
type place struct {
	keychain
	t   *testing.T
	dir string
}

func newPlace(t *testing.T) place {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := place{keychain{self}, t, t.TempDir()}
	t.Setenv(fakeDir, p.dir)
	p.become("")
	return p
}

// become puts the keychain into a state; empty: it is open.
func (p place) become(state string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "state"), []byte(state), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// raw is an entry's value as the keychain has it; empty: no such entry.
func (p place) raw(account string) string {
	b, _ := os.ReadFile(p.file(account))
	return string(b)
}

func (p place) file(account string) string {
	return entryFile(p.dir, cache.KeyringService, account)
}

const account = "0123abcd@ef#probe"

func TestKeychain(t *testing.T) {
	p := newPlace(t)
	for _, secret := range []string{
		"a token", "", " spaces ", `quotes " ' \`, "two\nlines\r\n", "ünïcödé ☃", "\x00\x01\xff", "6162", "0xAB",
		"$(touch x) `id` %PATH%", "-w", encoded + "YQ==", strings.Repeat("x", 2000),
	} {
		if err := p.Set(t.Context(), account, secret); err != nil {
			t.Fatalf("%q: %v", secret, err)
		}
		if got, err := p.Get(t.Context(), account); got != secret || err != nil {
			t.Errorf("%q: %q, %v", secret, got, err)
		}
	}
	if err := p.Remove(t.Context(), account); err != nil {
		t.Error(err)
	}
	_, err := p.Get(t.Context(), account)
	if rerr := p.Remove(t.Context(), account); !errors.Is(err, cache.ErrNoEntry) || !errors.Is(rerr, cache.ErrNoEntry) {
		t.Errorf("of no entry: get %v, remove %v", err, rerr)
	}
	for _, name := range []string{"a\nb", `a"b`, `a\b`, "a\x00b"} {
		if err := p.Set(t.Context(), name, "x"); err == nil || p.raw(name) != "" {
			t.Errorf("%q as a name: %v", name, err)
		}
	}
}

// Arguments are every user's to read.
func TestSecretIsNoArgument(t *testing.T) {
	p := newPlace(t)
	const secret = "a-canary-of-a-token"
	if err := p.Set(t.Context(), account, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	argv, err := os.ReadFile(filepath.Join(p.dir, "argv"))
	if err != nil || strings.Count(string(argv), "\n") != 3 {
		t.Fatalf("%s, %v", argv, err)
	}
	for _, form := range []string{secret, hex.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret))} {
		if strings.Contains(string(argv), form) {
			t.Errorf("an argument: %s", argv)
		}
	}
}

// The command gets two variables, and none that may hold a secret.
func TestEnvironment(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"SSO_EXEC_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "SECURITYSERVER"} {
		t.Setenv(name, "a-canary")
	}
	calls := func() {
		t.Helper()
		serr := p.Set(t.Context(), account, "x")
		_, gerr := p.Get(t.Context(), account)
		if err := errors.Join(serr, gerr, p.Remove(t.Context(), account)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("USER", "zoe")
	calls()
	_ = os.Unsetenv("USER")
	calls()
	got, err := os.ReadFile(filepath.Join(p.dir, "environ"))
	both, one := fmt.Sprintf("%q\n", []string{"HOME=" + p.dir, "USER=zoe"}), fmt.Sprintf("%q\n", []string{"HOME=" + p.dir})
	if want := strings.Repeat(both, 3) + strings.Repeat(one, 3); err != nil || string(got) != want {
		t.Errorf("%v\n%swant\n%s", err, got, want)
	}
}

// Of a longer line the rest would be another command, and the exit code that one's.
func TestLongestSecret(t *testing.T) {
	p := newPlace(t)
	n := 3100
	for p.Set(t.Context(), account, strings.Repeat("y", n)) != nil {
		if n--; n < 2950 || p.raw(account) != "" {
			t.Fatalf("%d bytes were refused, and are stored: %q", n+1, p.raw(account))
		}
	}
	if got, err := p.Get(t.Context(), account); got != strings.Repeat("y", n) || err != nil || n == 3100 {
		t.Errorf("%d bytes: %d, %v", n, len(got), err)
	}
}

// The security of these tests ends as the real one was seen to, where a command that
// fails with 44 is a line of so many bytes, with its break
// (https://github.com/zalando/go-keyring/issues/153).
func TestSecurityEndsLines(t *testing.T) {
	p := newPlace(t)
	for length, want := range map[int]int{4094: 44, 4095: 44, 4096: 0, 4097: 1} {
		line := "find-generic-password -s "
		cmd := exec.Command(p.program, "-i")
		cmd.Stdin = strings.NewReader(line + strings.Repeat("x", length-len(line)-1) + "\n")
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%d bytes: %d, want %d", length, got, want)
		}
	}
}

// An entry that somebody changed by hand. One that is not printable comes in hex, which
// could be a value too.
func TestForeignEntries(t *testing.T) {
	p := newPlace(t)
	for _, e := range []struct {
		stored, want string
		fails        bool
	}{
		{stored: "typed by hand", want: "typed by hand"},
		{stored: "ä", want: "c3a4"},
		{stored: encoded + "dG9yb", fails: true},
	} {
		if err := os.WriteFile(p.file(account), []byte(e.stored), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Get(t.Context(), account); got != e.want || (err != nil) != e.fails {
			t.Errorf("%q: %q, %v", e.stored, got, err)
		}
	}
}

// A keychain that cannot be used: nothing changes, and what is said is ours, with no
// word of the command's, in which a secret could be.
func TestRefused(t *testing.T) {
	p := newPlace(t)
	const locked = "the keychain is locked, and macOS cannot ask for its password here (SSH, launchd); " +
		"run: security unlock-keychain"
	const denied, none = "access to the keychain was denied", "this user has no login keychain"
	for state, want := range map[string]struct{ read, replace, create, remove string }{
		"locked": {locked, locked, locked, locked},
		"denied": {denied, "the keychain did not allow changing the existing entry (is it locked?)", "", denied},
	} {
		p.become("")
		if err := p.Set(t.Context(), account, "old"); err != nil {
			t.Fatal(err)
		}
		p.become(state)
		_, rerr := p.Get(t.Context(), account)
		for call, e := range map[string]struct {
			err  error
			want string
		}{
			"get":     {rerr, want.read},
			"replace": {p.Set(t.Context(), account, "new"), want.replace},
			"create":  {p.Set(t.Context(), "new under "+state, "new"), want.create},
			"remove":  {p.Remove(t.Context(), account), want.remove},
		} {
			if got := fmt.Sprint(e.err); got != e.want && (e.err != nil || e.want != "") {
				t.Errorf("%s, %s: %s, want %s", state, call, got, e.want)
			}
		}
		if _, err := p.Get(t.Context(), "another"); !errors.Is(err, cache.ErrNoEntry) {
			t.Errorf("%s: %v of an entry that is not there", state, err)
		}
		p.become("")
		if got, err := p.Get(t.Context(), account); got != "old" || err != nil {
			t.Errorf("%s: %q, %v after it", state, got, err)
		}
	}
	for state, want := range map[string]string{"no keychain": none, "wrong": denied} {
		p.become(state)
		if err := p.Set(t.Context(), "new", "x"); err == nil || err.Error() != want {
			t.Errorf("%s: %v", state, err)
		}
	}
	if err := (keychain{filepath.Join(p.dir, "nothing")}).Set(t.Context(), account, "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the command: %v", err)
	}
	if got := refusal(1); got != "/usr/bin/security ended with status 1" {
		t.Error(got)
	}
}

// A window that nobody answers: the call ends with its context, the command with the
// call, and nothing is written later.
func TestHangs(t *testing.T) {
	p := newPlace(t)
	if err := p.Set(t.Context(), account, "old"); err != nil {
		t.Fatal(err)
	}
	p.become("hangs")
	began := time.Now()
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { return p.Set(ctx, account, "new") },
		func(ctx context.Context) error { _, err := p.Get(ctx, account); return err },
		func(ctx context.Context) error { return p.Remove(ctx, account) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	p.become("")
	if got, err := p.Get(t.Context(), account); got != "old" || err != nil {
		t.Errorf("%q, %v after it", got, err)
	}
}

const session = "aaaa"

// store is a cache whose tokens go into the keychain.
func (k keychain) store(dir string, warn func(string)) *cache.Store {
	s := cache.Open(dir, warn)
	s.Keyring, s.UseKeyring = k, true
	return s
}

// put stores a session with a token.
func put(ctx context.Context, s *cache.Store, token string) error {
	r, err := s.Reserve(ctx, session)
	if err != nil {
		return err
	}
	defer r.Release()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return r.Commit(&cache.Session{Issuer: "https://login.example.com", ClientID: "cli", Subject: "alice", Flow: "pkce",
		Identity: credential.Human, TokenEndpoint: "https://login.example.com/token", SignedInAt: at, RefreshedAt: at,
		RefreshToken: credential.NewSecret(token)})
}

// TestStore: the cache over the keychain, with tokens of every length, and locked.
func TestStore(t *testing.T) {
	p := newPlace(t)
	s := p.store(filepath.Join(t.TempDir(), "cache"), func(w string) { t.Errorf("warning: %s", w) })
	for _, token := range []string{"rt-1", strings.Repeat("long-", 2000), "rt-2"} {
		if err := s.HasRoom(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), s, token); err != nil {
			t.Fatal(err)
		}
		rec, err := s.SessionWithToken(t.Context(), session)
		if err != nil || rec.RefreshToken.Reveal() != token {
			t.Errorf("%.20s: %v", token, err)
		}
	}
	p.become("locked")
	var unreachable *cache.KeyringError
	for what, err := range map[string]error{
		"is there room": s.HasRoom(t.Context(), session), "write": put(t.Context(), s, "rt-3"),
	} {
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "security unlock-keychain") {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.become("")
	if rec, err := s.SessionWithToken(t.Context(), session); err != nil || rec.RefreshToken.Reveal() != "rt-2" {
		t.Errorf("after it: %v", err)
	}
	if err := s.RemoveSession(session); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(p.dir, "[0-9a-f]*[0-9a-f]")); len(left) > 0 || err != nil {
		t.Errorf("left in the keychain: %q, %v", left, err)
	}
}

// worker refreshes once, as the engine does: it locks, reads the token, and stores the next.
func worker() int {
	ctx, self, dir := context.Background(), os.Args[0], os.Args[2]
	s := keychain{self}.store(dir, func(w string) { fmt.Fprintln(os.Stderr, w) })
	lock, err := s.Lock(ctx, cache.LockRefresh, session)
	if err == nil {
		defer lock.Unlock()
		var rec *cache.Session
		if rec, err = s.SessionWithToken(ctx, session); err == nil {
			err = put(ctx, s, rec.RefreshToken.Reveal()+"+")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestCrowd: twenty processes refresh one session, one after the other, and each finds
// the token that the one before it left.
func TestCrowd(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(t.TempDir(), "cache")
	s := p.store(dir, func(w string) { t.Errorf("warning: %s", w) })
	if err := put(t.Context(), s, "rt"); err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	for range 20 {
		cmd := exec.Command(p.program, "worker", dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	rec, err := s.SessionWithToken(t.Context(), session)
	if want := "rt" + strings.Repeat("+", 20); err != nil || rec.RefreshToken.Reveal() != want {
		t.Errorf("%v, %v", rec, err)
	}
}
