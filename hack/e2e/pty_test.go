package e2e

import (
	"io"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/sso-exec/sso-exec/internal/ptytest"
)

// terminal is a pseudo-terminal, with the test as the person before it.
type terminal struct {
	t             *testing.T
	master, slave *os.File
	screen        output // all that was ever written to it, as it came
}

func newTerminal(t *testing.T, columns, rows uint16) *terminal {
	t.Helper()
	master, slave := ptytest.Open(t, columns, rows)
	term := &terminal{t: t, master: master, slave: slave}
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&term.screen, master) // until it is closed
	}()
	t.Cleanup(func() {
		slave.Close() // held until now: with no process left, what is written last would be lost
		master.Close()
		<-read
	})
	return term
}

// press types what a person would.
func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.master, keys); err != nil {
		term.t.Fatal(err)
	}
}

const ctrlC = "\x03"

// drain waits until everything that was written so far has arrived: a terminal
// hands it on a moment later than it took it.
func (term *terminal) drain() {
	term.t.Helper()
	const mark = "\x1b]end of test\x07"
	if _, err := io.WriteString(term.slave, mark); err != nil {
		term.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !term.screen.takeBack(mark); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			term.t.Fatal("the terminal does not hand on what was written to it")
		}
	}
}

// text is what was written, without what moves the cursor, colours or links.
func (term *terminal) text() string { return plain(term.screen.String()) }

// escapes are the control sequences, operating system commands and other
// escapes of ECMA-48, and carriage returns.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)|\x1b[ -/]*[0-~]|\r")

func plain(s string) string { return escapes.ReplaceAllString(s, "") }
