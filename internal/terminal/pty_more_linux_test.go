package terminal

import (
	"fmt"
	"strings"
	"testing"
)

// What others have written to the terminal stays.
func TestWrittenByOthers(t *testing.T) {
	p := on(t, "shared")
	p.sees("Waiting. Ctrl-C cancels.")
	const theirs = "Still creating... [10s elapsed]\nStill creating... [20s elapsed]\nand so on"
	fmt.Fprint(p.slave, theirs)
	p.sees("and so on")
	fmt.Fprintln(p.stdin, "offer")
	p.ends()
	p.sees("Signed in as ada.")
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.shown.String(); !strings.HasPrefix(got, "sso-exec: sign in to login.example.com\n") ||
		!strings.HasSuffix(got, "cancels.\n\n"+theirs+"\nSigned in as ada.") {
		t.Errorf("on the screen:\n%s", got)
	}
}

// A terminal in another mode is somebody else's to read.
func TestInUse(t *testing.T) {
	for what, want := range map[string]string{"line": `"" ` + ErrInUse.Error(), "enter": "waiting\n" + ErrInUse.Error()} {
		p := on(t, what+" in use")
		fmt.Fprintln(p.stdin, "offer")
		for line := range strings.SplitSeq(want, "\n") {
			p.says(line)
		}
		if err := p.cmd.Wait(); err != nil || p.lineMode() {
			t.Errorf("%v; line mode %v", err, p.lineMode())
		}
	}
}

func TestFacts(t *testing.T) {
	p := on(t, "facts")
	p.says("60 40 true true true")
	p.ends()
}
