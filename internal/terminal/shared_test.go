package terminal

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Where others write as well, whole lines or parts of one, all of theirs stays,
// and what is said begins a line.
func TestShared(t *testing.T) {
	for _, style := range []Style{full, {}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlace(t, 80, 50)
			p.shared = true
			theirs := func(s string) { _, _ = p.Write([]byte(s)) }
			theirs("$ terraform apply\nloading...")
			l := show(p.screen(style),
				Browser{asker, "firefox", "https://a.example/", time.Date(2026, 5, 4, 14, 5, 0, 0, time.Local)})
			theirs("Still creating... [10s elapsed]\nStill creating... [20s")
			time.Sleep(10 * time.Minute)
			l.Note("Nothing came back yet.")
			theirs(" elapsed]\nStill")
			_, _ = l.Write([]byte("a log\n"))
			theirs("creating...")
			l.Replace("Signed in as ada.")
			theirs("[40s elapsed]\n")
			want := `$ terraform apply
loading...
sso-exec: sign in to login.example.com as ada@example.com, for Kubernetes

  A page should open in your browser (firefox). If none does, open this address
  in a browser on this machine:

    https://a.example/

  Waiting for the browser until 14:05. Ctrl-C cancels.
Still creating... [10s elapsed]
Still creating... [20s
  Nothing came back yet.

 elapsed]
Still
a log
creating...
Signed in as ada.
[40s elapsed]`
			got := p.String()
			if style != full { // an empty line more where no cursor can be moved
				got, want = strings.ReplaceAll(got, "\n\n", "\n"), strings.ReplaceAll(want, "\n\n", "\n")
			}
			if got != want {
				t.Errorf("%+v:\n%s", style, got)
			}
		})
	}
}

// A code is drawn there too, and an address can be pasted.
func TestSharedBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 70)
		p.shared = true
		l := show(p.screen(full), blocks["device-simple"])
		if got := p.String(); !strings.ContainsRune(got, '▀') {
			t.Errorf("no code:\n%s", got)
		}
		l.now(func() { l.ask(fit(l.columns, inputPrompt), true) })
		l.now(func() { l.ask("never shown", false) })
		l.now(func() { l.answered([]string{"(3 characters)"}) })
		l.Stop()
		l.Stop()
		if got := p.String(); !strings.HasSuffix(got, "\n  address: (3 characters)") {
			t.Errorf("%s", got)
		}
	})
}

// Who is in the background is not ended by Ctrl-C.
func TestCtrlC(t *testing.T) {
	for name, b := range blocks {
		for _, background := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, 80, 70)
				p.background = background
				l := show(p.screen(full), b)
				if paste, ok := b.(Paste); ok && !paste.NoInput && !background {
					l.now(func() { l.ask(inputPrompt, true) })
				}
				got := p.String()
				if said := strings.Contains(got, "Ctrl-C"); said == background {
					t.Errorf("%s, in the background: %v\n%s", name, background, got)
				}
				l.Stop()
			})
		}
	}
}

// What is to be copied is in one line, however long, and without what is to be
// seen only.
func TestNoteVerbatim(t *testing.T) {
	command := "sso-exec login --issuer=https://login.example.com --client-id=0oa1b2c3d4 --flow=device"
	for _, columns := range []int{24, 40, 88, 89, 90, 91, 120} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlace(t, columns, 50)
			l := show(p.screen(full), Browser{asker, "firefox", "https://a.example/", in5m()})
			l.Note("If it cannot:", command+"\x1b[2J", "true")
			written := strings.Join(p.writes, "")
			space := strings.Repeat(" ", 2*indent)
			if 2*indent+len(command)+len("[2J") > columns {
				space = ""
			}
			if !strings.Contains(written, "  If it cannot:\n\n"+space+command+"[2J\n\n    true\n\n") {
				t.Errorf("%d columns: %q", columns, written)
			}
			l.Replace("Signed in as ada.")
			if got := p.String(); got != "Signed in as ada." {
				t.Errorf("%d columns, after the end:\n%s", columns, got)
			}
			l.Note("It said:", command)
			if written = strings.Join(p.writes, ""); !strings.HasSuffix(written, "It said:\n"+command+"\n") {
				t.Errorf("%d columns, after the end: %q", columns, written)
			}
		})
	}
}
