package run

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/internal/session"
)

// It is looked again and again, and a person is told once that somebody must sign in,
// until that was done; what passes by itself is not told.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var err error
		looked, told := 0, 0
		look := func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			looked++
			return err
		}
		stop := watch(look, func(error) {
			mu.Lock()
			defer mu.Unlock()
			told++
		})
		for _, c := range []struct {
			err    error
			after  time.Duration
			looked int
			told   int
		}{
			{nil, 35 * time.Second, 3, 0},
			{errors.New("down"), 3 * time.Minute, 6, 0},
			{&session.LoginRequiredError{Reason: "x"}, 5 * time.Minute, 11, 1},
			{nil, 2 * time.Minute, 23, 1},
			{&session.LoginRequiredError{Reason: "x"}, 10 * time.Minute, 33, 2},
		} {
			mu.Lock()
			err = c.err
			mu.Unlock()
			time.Sleep(c.after)
			synctest.Wait()
			mu.Lock()
			if told != c.told || looked < c.looked-2 || looked > c.looked+2 {
				t.Errorf("%v: told %d times, looked %d times", c.err, told, looked)
			}
			mu.Unlock()
		}
		stop()
		before := looked
		time.Sleep(time.Hour)
		if looked != before {
			t.Error("it goes on")
		}
	})
}
