package terminal

import (
	"fmt"
	"testing"
)

// Ctrl-Z puts the mode back before the process stops, and fg sets it again. What
// was pasted before is still there.
func TestStopped(t *testing.T) {
	p := on(t, "shell")
	p.ready()
	p.types("ab")
	p.sees("(2 characters)")
	for range 3 {
		p.types("\x1a")
		p.says("stopped, line mode true")
		fmt.Fprintln(p.stdin, "fg")
		p.until("mode for keys", func() bool { return !p.lineMode() })
	}
	p.types("c\r")
	p.says(`"abc" <nil>`)
	p.ends()
}

// Where nobody could continue it, Ctrl-Z does not stop the process.
func TestStopOfOrphan(t *testing.T) {
	p := on(t, "orphan") // leads its session: no shell is above it
	p.ready()
	p.types("ab")
	p.sees("(2 characters)")
	p.types("\x1a")
	p.until("line mode", p.lineMode)
	p.until("mode for keys", func() bool { return !p.lineMode() })
	p.types("c\r")
	p.says(`"abc" <nil>`)
	p.ends()
}
