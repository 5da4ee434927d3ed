package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// At Ctrl-C the console's read ends as at the end of the input, a moment before the
// handler says so: that is an interrupt. The end of the input alone stays one.
func TestInterruptedRead(t *testing.T) {
	interrupt := errors.New("interrupted")
	for _, after := range []time.Duration{0, 20 * time.Millisecond, -1} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		k := &keyboard{file: r, lines: make(chan consoleLine, 1)}
		_ = w.Close()
		want := io.EOF
		if after >= 0 {
			want = interrupt
			time.AfterFunc(after, func() { cancel(interrupt) })
		}
		if _, err := k.next(ctx); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
		cancel(nil)
		k.close()
	}
}
