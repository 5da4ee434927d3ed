package main

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/providertest"
)

// race is what is known of the tokens while many call: the changes so far, after which of
// them each token was over, and whether the profile is edited now so that nobody has one.
type race struct {
	mu     sync.Mutex
	turn   int
	over   map[string]int
	edited bool
	calls  int // of those begun in this turn, how many ended in it
}

// change is a change that is over, and the token that it ended.
func (r *race) change(token string, edited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn, r.calls, r.edited = r.turn+1, 0, edited
	if token != "" {
		r.over[token] = r.turn
	}
}

// call judges what a call printed.
func (r *race) call(t *testing.T, b *bench, args []string) {
	r.mu.Lock()
	began, edited := r.turn, r.edited
	r.mu.Unlock()
	o := b.run(args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn == began {
		r.calls++
	}
	if o.code != 0 {
		if o.stdout != "" {
			t.Errorf("turn %d: %+v", began, o)
		}
		return
	}
	token := tokenOf(t, o)
	if turn, ended := r.over[token]; ended && turn <= began {
		t.Errorf("begun in turn %d: the token that was over in turn %d: %+v", began, turn, o)
	}
	if edited && r.turn == began {
		t.Errorf("turn %d: a token of the profile as it was: %+v", began, o)
	}
}

// TestFastRace: while many call, one refreshes, edits the profile or logs out; whoever
// begins when that is over never gets the token of before. The many begin at any time; a
// few call right after each change.
func TestFastRace(t *testing.T) {
	b, config := signedIn(t, providertest.Config{})
	callers, rounds := 8, 6
	if soaking() {
		callers, rounds = 200, 1000
	}
	args := []string{"kube", "--profile", "corp", "--interactive", "never"}
	r := race{over: map[string]int{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range callers {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(rand.N(time.Duration(callers) * 100 * time.Millisecond)):
					r.call(t, b, args)
				}
			}
		})
	}
	witness := func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { r.call(t, b, args) })
		}
		wg.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.calls < 4 {
			t.Errorf("turn %d has %d calls", r.turn, r.calls)
		}
	}
	for round := 0; round < rounds && !t.Failed(); round++ {
		if round%100 == 99 {
			t.Logf("round %d", round+1)
		}
		stale := tokenOf(t, b.warm(t, args...))
		switch round % 3 {
		case 0:
			b.mustRun(t, append(args, "--force")...)
			r.change(stale, false)
			witness()
		case 1:
			b.config(t, config, "    scopes: [groups]\n")
			r.change("", true)
			witness()
			r.change("", false)
			b.config(t, config, "")
		case 2:
			b.mustRun(t, "logout", "corp")
			r.change(stale, false)
			witness()
			b.mustRun(t, "login", "--browser", "testbrowser", "--profile", "corp")
		}
	}
}
