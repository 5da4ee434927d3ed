package terminal

import (
	"fmt"
	"strings"
	"testing"
)

// Enter is waited for in line mode, and leaves nothing on the screen.
func TestOffer(t *testing.T) {
	p := on(t, "enter")
	p.offers()
	if !p.lineMode() {
		t.Error("not in line mode")
	}
	p.types("\r")
	p.says("<nil>")
	p.ends()
	p.sees("Signed in as ada.")
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.shown.String(); got != "Signed in as ada." {
		t.Errorf("on the screen:\n%s", got)
	}
}

// Lines that are not empty are passed over.
func TestOfferOnly(t *testing.T) {
	p := on(t, "enter")
	p.offers()
	p.types("yes\r" + strings.Repeat("x", 3000) + "\r\r")
	p.says("<nil>")
	p.ends()

	p = on(t, "enter")
	p.offers()
	p.types("\x04")
	p.says("EOF")
	p.ends()
}

// What was typed before the offer does not take it, and is nobody's command.
func TestTypedBefore(t *testing.T) {
	p := on(t, "enter")
	p.says("waiting")
	p.types("\rls -la\rx")
	p.until("lines in the kernel", func() bool { return p.unread() == len("\nls -la\n") })
	fmt.Fprintln(p.stdin, "offer")
	p.sees("Press Enter.")
	if n := p.unread(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	fmt.Fprintln(p.stdin, "cancel")
	p.says("context canceled") // and not <nil>, which Enter would be
	p.ends()
	p.sees("Signed in as ada.")
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.shown.String(); !strings.HasPrefix(got, "sso-exec: sign in to login.example.com\n") ||
		!strings.Contains(got, "\nls -la\n") {
		t.Errorf("of what was on the screen, there is left:\n%s", got)
	}
}

// Lines that were typed under a block are below it, and the kernel has echoed
// them: nothing is where it was.
func TestTypedUnder(t *testing.T) {
	p := on(t, "wait")
	p.sees("Waiting. Ctrl-C cancels.")
	p.types("ls -la\r")
	p.until("line in the kernel", func() bool { return p.unread() > 0 })
	p.sees("ls -la")
	fmt.Fprintln(p.stdin, "offer")
	p.ends()
	p.sees("Signed in as ada.")
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.shown.String(); !strings.HasPrefix(got, "sso-exec: sign in to login.example.com\n") ||
		!strings.HasSuffix(got, "ls -la\nSigned in as ada.") {
		t.Errorf("on the screen:\n%s", got)
	}
}
