package terminal

import (
	"fmt"
	"time"
)

// waiting is the last line of a block: for what, and until when.
type waiting struct {
	what  string // empty: there is no such line
	until time.Time
}

// fixed is the line where it cannot be rewritten. In the background Ctrl-C is
// somebody else's.
func (w waiting) fixed(background bool) string {
	s := w.what
	if !w.until.IsZero() {
		s += " until " + w.until.Local().Format("15:04")
	}
	if background {
		return s + "."
	}
	return s + ". Ctrl-C cancels."
}

// at is the line at some time, in a form that leaves the last column free, and
// how long it stays as it is; 0 means for ever.
func (w waiting) at(now time.Time, columns int) (string, time.Duration) {
	if w.what == "" {
		return "", 0
	}
	if w.until.IsZero() {
		return fit(columns, "  "+w.fixed(false), "  Ctrl-C cancels."), 0
	}
	left, next := remaining(w.until.Sub(now))
	return fit(columns,
		"  "+w.what+"; "+left+" left. Ctrl-C cancels.",
		"  "+left+" left. Ctrl-C cancels.",
		"  "+left+" left"), next
}

// remaining puts a time that is left into words, and tells how long they stay
// true: it is rounded down, to what is left when they change. A screen reader may
// read them out each time: they change every minute, and in the last one every
// ten seconds.
func remaining(d time.Duration) (string, time.Duration) {
	step, unit := time.Minute, "minute"
	if d <= time.Minute {
		step, unit = 10*time.Second, "second"
	}
	if d <= 0 {
		return "no time", 0
	}
	n := (d - 1) / step
	next := d - n*step
	switch {
	case n == 0:
		return "a few seconds", 0 // whoever waits ends the wait
	case unit == "second":
		n *= 10
	case n == 1:
		return "1 minute", next
	}
	return fmt.Sprintf("%d %ss", n, unit), next
}
