package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sso-exec/sso-exec/internal/session"
)

// It is looked again and again, and a person is told once that somebody must sign in,
// until that was done; what passes by itself is not told.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		looked, told := 0, 0
		stop := watch(func(context.Context) error { looked++; return err }, func(error) { told++ })
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
			err = c.err
			time.Sleep(c.after)
			synctest.Wait()
			if told != c.told || looked < c.looked-2 || looked > c.looked+2 {
				t.Errorf("%v: told %d times, looked %d times", c.err, told, looked)
			}
		}
		stop()
		before := looked
		time.Sleep(time.Hour)
		if looked != before {
			t.Error("it goes on")
		}
	})
}
