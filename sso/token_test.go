package sso_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

func TestManyGoroutinesSendOneRefresh(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	w.age(t, 2*time.Hour)
	source := w.client(nobody).TokenSource(t.Context())
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			got, err := source.Token()
			if err != nil || got.AccessToken != w.LastTokens().AccessToken || got.Type() != "Bearer" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := w.refreshes(); n != 1 || w.Reuses() != 0 {
		t.Errorf("%d refreshes and %d reuses, want 1 and 0", n, w.Reuses())
	}
}

func TestManyGoroutinesOpenOnePage(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	source := w.client().TokenSource(t.Context())
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := source.Token(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.pages.Load(); n != 1 {
		t.Errorf("%d pages, want 1", n)
	}
}

// The expiry that is told is where renewing ahead begins; from there on one call
// renews, and a provider that is down costs nobody the token that is still good.
func TestRenewsAhead(t *testing.T) {
	w := newWorld(t, providertest.Config{AccessTokenLifetime: 5 * time.Minute})
	w.login(t)
	first, err := w.client().TokenSource(t.Context()).Token()
	if err != nil {
		t.Fatal(err)
	}
	if in := time.Until(first.Expiry); in < 3*time.Minute || in > 4*time.Minute {
		t.Errorf("renewed in %v, want some time before the last minute of five", in)
	}
	w.age(t, 3*time.Minute+50*time.Second)
	w.Fault(providertest.Token, providertest.Fault{Status: 503})
	c := w.client(nobody)
	for range 3 {
		if got := token(t, c); got != first.AccessToken {
			t.Errorf("got %q, want the token that is still good", got)
		}
	}
	if n := w.Requests().Token; n != 1 {
		t.Errorf("%d requests for a token, want 1", n)
	}
	w.ClearFaults()
	// Without the locks nobody knows of the failure, after which there is a pause.
	if err := os.RemoveAll(filepath.Join(w.dir, "locks")); err != nil {
		t.Fatal(err)
	}
	if got := token(t, w.client(nobody)); got == first.AccessToken || got != w.LastTokens().AccessToken {
		t.Errorf("got %q, want a new token", got)
	}
}

// A program that runs for long renews the token in its memory ahead, in one
// goroutine; the others go on with what they have.
func TestRenewsTheTokenInMemoryAhead(t *testing.T) {
	w := newWorld(t, providertest.Config{AccessTokenLifetime: 5 * time.Minute})
	w.login(t)
	c := w.client(nobody, func(c *sso.Client) { c.HTTPTimeout = time.Second })
	old := token(t, c)
	w.age(t, 3*time.Minute+50*time.Second)
	sso.NearEnd(c)
	w.Fault(providertest.RefreshToken, providertest.Fault{Delay: patience, Times: 1})
	renewing := make(chan string, 1)
	go func() {
		got, err := c.TokenSource(t.Context()).Token()
		if err != nil {
			t.Error(err)
		}
		renewing <- got.AccessToken
	}()
	waitFor(t, "a refresh", func() bool { return w.refreshes() == 1 })
	if got := token(t, c); got != old || len(renewing) != 0 {
		t.Errorf("another goroutine waited, or got %q", got)
	}
	if got := <-renewing; got != old {
		t.Errorf("got %q where renewing ahead failed", got)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, "locks")); err != nil { // and with them the pause
		t.Fatal(err)
	}
	sso.NearEnd(c)
	if got := token(t, c); got == old || got != w.LastTokens().AccessToken {
		t.Errorf("got %q, want a new token", got)
	}
}

func TestTokenInMemoryNeedsNoDisk(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	w.login(t)
	c := w.client(nobody)
	want := token(t, c)
	if err := os.RemoveAll(w.dir); err != nil {
		t.Fatal(err)
	}
	if got := token(t, c); got != want || w.Requests().All != 0 {
		t.Errorf("got %q and %d requests", got, w.Requests().All)
	}
}

func TestNothingStoredUnderNone(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	c := w.client(func(c *sso.Client) { c.Store, c.Flow, c.Prompter = "none", "pkce", &screens{} })
	want := token(t, c)
	if got := token(t, c); got != want || w.pages.Load() != 1 {
		t.Errorf("got %q after %d pages, want %q after 1", got, w.pages.Load(), want)
	}
	if _, err := os.Stat(w.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cache directory: %v", err)
	}
}

// sessionKey is the key of the only stored session.
func (w *world) sessionKey(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(w.dir, "sessions", "*.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("sessions: %q, %v", names, err)
	}
	return strings.TrimSuffix(filepath.Base(names[0]), ".json")
}

// Each wait ends with the context, and says so by the context's own error.
func TestEveryWaitEndsWithTheContext(t *testing.T) {
	stopped := errors.New("the program stops")
	// waits calls f until blocked has happened, ends its context, and returns how
	// the call ended.
	waits := func(t *testing.T, blocked <-chan struct{}, f func(context.Context) error) error {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		ended := make(chan error, 1)
		go func() { ended <- f(ctx) }()
		select {
		case <-blocked:
		case err := <-ended:
			t.Fatalf("ended before it could wait: %v", err)
		case <-time.After(patience):
			t.Fatal("never waited")
		}
		cancel(stopped)
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("did not end with the context")
			return nil
		}
	}
	get := func(w *world, c *sso.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.TokenSource(ctx).Token()
			return err
		}
	}
	t.Run("another process has the lock", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.login(t)
		w.age(t, 2*time.Hour)
		blocked := w.holdLock(t)
		if err := waits(t, blocked, get(w, w.client(nobody))); !errors.Is(err, stopped) {
			t.Errorf("%v", err)
		}
		if n := w.refreshes(); n != 0 {
			t.Errorf("%d refreshes past the lock", n)
		}
	})
	t.Run("a person", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		blocked, gone := make(chan struct{}), make(chan struct{})
		c := w.client(func(c *sso.Client) {
			c.OpenBrowser = func(ctx context.Context, _ string) error {
				close(blocked)
				<-ctx.Done()
				close(gone)
				return nil
			}
		})
		if err := waits(t, blocked, get(w, c)); !errors.Is(err, stopped) {
			t.Errorf("%v", err)
		}
		within(t, "the browser's context", func() { <-gone })
	})
	t.Run("a person at login", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		blocked := make(chan struct{})
		c := w.client(func(c *sso.Client) {
			c.OpenBrowser = func(context.Context, string) error { close(blocked); return nil }
		})
		err := waits(t, blocked, func(ctx context.Context) error { _, err := c.Login(ctx); return err })
		if !errors.Is(err, stopped) || errors.Is(err, sso.ErrDenied) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the provider is slow", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		w.login(t)
		w.age(t, 2*time.Hour)
		w.Fault(providertest.RefreshToken, providertest.Fault{Delay: patience})
		defer w.ClearFaults()
		blocked := make(chan struct{})
		go func() {
			defer close(blocked)
			for deadline := time.Now().Add(patience); w.refreshes() == 0 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
		}()
		c := w.client(nobody, func(c *sso.Client) { c.HTTPTimeout = time.Second })
		if err := waits(t, blocked, get(w, c)); !errors.Is(err, stopped) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a request", func(t *testing.T) {
		w := newWorld(t, providertest.Config{})
		c := w.client(func(c *sso.Client) { c.OpenBrowser = func(context.Context, string) error { return nil } })
		api := c.HTTPClient(w.api.URL)
		api.Timeout = 50 * time.Millisecond
		within(t, "the request", func() {
			if _, err := api.Get(w.api.URL); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
}

// One who gives up does not end the sign-in of those who still wait.
func TestOneWhoLeavesDoesNotEndTheOthers(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	asked, page := make(chan struct{}), make(chan string, 1)
	c := w.client(func(c *sso.Client) {
		c.OpenBrowser = func(_ context.Context, url string) error { page <- url; close(asked); return nil }
	})
	first, leave := context.WithCancel(t.Context())
	ends := make(chan error, 2)
	go func() { _, err := c.TokenSource(first).Token(); ends <- err }()
	<-asked
	go func() { _, err := c.TokenSource(t.Context()).Token(); ends <- err }()
	waitFor(t, "two who wait", func() bool { return sso.Waiting(c) == 2 })
	leave()
	if err := <-ends; !errors.Is(err, context.Canceled) {
		t.Fatalf("who left: %v", err)
	}
	resp, err := w.Client().Get(<-page)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := <-ends; err != nil {
		t.Errorf("who stayed: %v", err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// holdLock has another process hold the session's refresh lock. The channel is
// closed once it does.
func (w *world) holdLock(t *testing.T) <-chan struct{} {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{roleVariable + "=hold " + w.sessionKey(t), "SSO_EXEC_CACHE_DIR=" + w.dir,
		"GOCOVERDIR=" + t.TempDir()}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatal(line, err)
	}
	held := make(chan struct{})
	close(held)
	return held
}
