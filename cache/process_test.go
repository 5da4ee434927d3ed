package cache

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Readers see a whole file at every moment, whoever writes.
func TestReplacementIsAtomic(t *testing.T) {
	s := newStore(t)
	if err := s.WriteTokens("s", "t", telltale(7)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var writers []*exec.Cmd
	for range 3 {
		cmd := helper(t, "write", s, "120")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writers = append(writers, cmd)
	}
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for reads := 0; ; reads++ {
				got, err := s.Tokens("s", "t")
				if err != nil || got.AccessToken.IsZero() || !got.AccessToken.Equal(got.IDToken) {
					t.Errorf("read %d: %v", reads, err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for _, cmd := range writers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a writer: %v", err)
		}
	}
	close(done)
	wg.Wait()
	if names := left(t, s, "tokens/s", "t.json"); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// One holder at a time, across processes.
func TestLockExcludes(t *testing.T) {
	s := newStore(t)
	l, err := s.Lock(t.Context(), LockRefresh, "counter") // makes the directory
	if err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	for range 8 {
		cmd := helper(t, "count", s, "25")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	l.Unlock()
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(s.path, "count")); string(b) != "200" {
		t.Errorf("counted to %s, want 200", b)
	}
}

// A lock is free once its holder is gone, however it went; the file stays.
func TestLockOfTheDead(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(cmd *exec.Cmd, release func()) error
	}{
		{"killed", func(cmd *exec.Cmd, _ func()) error { return cmd.Process.Kill() }},
		{"ended", func(_ *exec.Cmd, release func()) error { release(); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			cmd, release := holder(t, s, "k")
			path := filepath.Join(s.path, "locks", "k."+LockRefresh)
			if b, err := os.ReadFile(path); err != nil || !bytes.Contains(b, []byte(`"purpose":"refresh"`)) {
				t.Errorf("the lock's file says %s, %v", b, err)
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("the lock is held"))
			defer cancel()
			if _, err := s.Lock(ctx, LockRefresh, "k"); err == nil || err.Error() != "the lock is held" {
				t.Fatalf("while it is held: %v", err)
			}
			if err := c.end(cmd, release); err != nil {
				t.Fatal(err)
			}
			l, err := s.Lock(t.Context(), LockRefresh, "k")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Unlock()
			if _, err := os.Stat(path); err != nil {
				t.Errorf("the lock's file is gone: %v", err)
			}
		})
	}
}

// Waited is how a process knows that what it read may have changed.
func TestLockWaited(t *testing.T) {
	s := newStore(t)
	first, err := s.Lock(t.Context(), LockSignIn, "k")
	if err != nil || first.Waited {
		t.Fatalf("a free lock: %v, waited %v", err, first.Waited)
	}
	got := make(chan *Lock)
	go func() {
		l, err := s.Lock(t.Context(), LockSignIn, "k")
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	select {
	case <-got:
		t.Fatal("one lock was taken twice")
	case <-time.After(100 * time.Millisecond):
	}
	first.Unlock()
	second := <-got
	if second == nil || !second.Waited {
		t.Fatal("it does not know that it waited")
	}
	second.Unlock()
	third, err := s.Lock(t.Context(), LockSignIn, "k")
	if err != nil || third.Waited {
		t.Fatalf("free again: %v, waited %v", err, third.Waited)
	}
	third.Unlock()
}

// Purposes and keys do not hold each other up.
func TestLocksAreApart(t *testing.T) {
	s := newStore(t)
	for _, purpose := range []string{LockRefresh, LockSignIn, LockExchange} {
		for _, key := range []string{"a", "b"} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			l, err := s.Lock(ctx, purpose, key)
			cancel()
			if err != nil || l.Waited {
				t.Fatalf("%s %s: %v", purpose, key, err)
			}
			defer l.Unlock()
		}
	}
}

// The cause of the context's end is what is returned, also of one that has
// ended before; a lock that is free needs no wait.
func TestLockContext(t *testing.T) {
	s := newStore(t)
	holder(t, s, "k")
	cause := errors.New("somebody pressed Ctrl-C")
	for _, after := range []time.Duration{0, 50 * time.Millisecond} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if after == 0 {
			cancel(cause)
		} else {
			time.AfterFunc(after, func() { cancel(cause) })
		}
		if _, err := s.Lock(ctx, LockRefresh, "k"); !errors.Is(err, cause) {
			t.Errorf("after %v: %v, want the cause", after, err)
		}
	}
}

// Nothing that is stored is in a lock's file.
func TestLockFileHasNoSecret(t *testing.T) {
	s := newStore(t)
	commit(t, s, "k", aSession())
	l, err := s.Lock(t.Context(), LockRefresh, "k")
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
	b, err := os.ReadFile(filepath.Join(s.path, "locks", "k."+LockRefresh))
	if err != nil || strings.Contains(string(b), "rt-1") {
		t.Errorf("%s, %v", b, err)
	}
}

// A failure that is left in a lock is seen by those who take it next, until
// somebody's work ends well.
func TestLockTellsFailures(t *testing.T) {
	s := newStore(t)
	take := func(want string) *Lock {
		t.Helper()
		l, err := s.Lock(t.Context(), LockRefresh, "k")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if l.Last != nil {
			got = l.Last.Kind + ": " + l.Last.Message
		}
		if got != want {
			t.Errorf("the failure before is %q, want %q", got, want)
		}
		return l
	}
	l := take("")
	l.Fail("", "provider", "down")
	l.Unlock()
	take("provider: down").Unlock() // who says nothing changes nothing
	path := filepath.Join(s.path, "locks", "k."+LockRefresh)
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 2 {
		t.Fatalf("%q, %v", b, err)
	}
	b[0] = 0 // as it is where the system keeps the locked byte from us
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l = take("provider: down")
	if d := time.Since(l.Last.At); d < 0 || d > time.Minute {
		t.Errorf("it failed %v ago", d)
	}
	l.Succeed()
	l.Unlock()
	take("").Unlock()
	for _, content := range []string{"", "{", `{"failure":5}`, `[]`, string(make([]byte, 2*maxFile))} {
		put(t, s, content, "locks", "k."+LockRefresh)
		take("").Unlock()
	}
}

// TryLock does not wait.
func TestTryLock(t *testing.T) {
	s := newStore(t)
	_, release := holder(t, s, "k")
	if l, err := s.TryLock(LockRefresh, "k"); l != nil || err != nil {
		t.Errorf("a lock that is held: %v, %v", l, err)
	}
	release()
	l, err := s.Lock(t.Context(), LockRefresh, "k")
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
	if l, err = s.TryLock(LockRefresh, "k"); l == nil || err != nil {
		t.Fatalf("a free lock: %v, %v", l, err)
	}
	l.Unlock()
}

// Whoever waits long is told for whom.
func TestWaitingIsTold(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	told := make(chan Holder, 1)
	s.Waiting = func(h Holder) { told <- h }
	cmd, release := holder(t, s, "k")
	done := make(chan error, 1)
	go func() {
		l, err := s.Lock(t.Context(), LockRefresh, "k")
		if err == nil {
			l.Unlock()
		}
		done <- err
	}()
	if h := <-told; h.PID != cmd.Process.Pid || h.Purpose != LockRefresh {
		t.Errorf("told of %+v, the holder is process %d", h, cmd.Process.Pid)
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
