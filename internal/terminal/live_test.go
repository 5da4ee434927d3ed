package terminal

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A place is a screen in a test, which a test can change and look at.
type place struct {
	mu            sync.Mutex
	emulator      *emulator
	columns, rows int
	background    bool
	shared        bool
	typed         bool
	writes        []string
	blocked       chan struct{} // not nil: writes wait until it is closed
	resume        func()
}

func newPlace(t *testing.T, columns, rows int) *place {
	return &place{emulator: newEmulator(t, columns, rows), columns: columns, rows: rows}
}

func (p *place) screen(style Style) screen {
	return screen{w: p, style: style, now: time.Now, shared: p.shared, isTerminal: true,
		typed: func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.typed
		},
		size: func() (int, int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.columns, p.rows
		},
		foreground: func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return !p.background
		},
		continued: func(resume func()) func() { p.resume = resume; return func() {} },
	}
}

func (p *place) Write(b []byte) (int, error) {
	p.mu.Lock()
	blocked := p.blocked
	p.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = append(p.writes, string(b))
	return p.emulator.Write(b)
}

func (p *place) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *place) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.emulator.String()
}

var full = Style{Color: true, Cursor: true, UTF8: true}

func in5m() time.Time { return time.Now().Add(5 * time.Minute) }

// The line that is put in the block's place is all that is left of it, at any
// width, with what was there before untouched.
func TestReplace(t *testing.T) {
	for name, b := range blocks {
		for columns := 20; columns <= 200; columns += 3 {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, columns, 70)
				_, _ = p.Write([]byte("$ kubectl get pods\nloading..."))
				l := show(p.screen(full), b)
				l.Note("Nothing came back yet. Is there a window of your browser that waits for you?")
				time.Sleep(90 * time.Second)
				l.Replace("Signed in as ada.")
				if got, want := p.String(), "$ kubectl get pods\nloading...\nSigned in as ada."; got != want {
					t.Fatalf("%s in %d columns:\n%s", name, columns, got)
				}
			})
		}
	}
}

// A block that is higher than the screen leaves the rest alone.
func TestReplaceScrolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 40, 10)
		_, _ = p.Write([]byte("before\n"))
		l := show(p.screen(full), blocks["paste"])
		l.Replace("Signed in as ada.")
		if got := p.String(); !strings.HasPrefix(got, "before\nsso-exec: sign in to") ||
			!strings.HasSuffix(got, "\nSigned in as ada.") {
			t.Errorf("%s", got)
		}
	})
}

// Where it is not known what is where, nothing is erased.
func TestReplaceBelow(t *testing.T) {
	const waiting = "  Waiting for the browser; 4 minutes left. Ctrl-C cancels.\n"
	for name, c := range map[string]struct {
		disturb func(p *place, l *Live)
		before  string // what stands before the line
	}{
		"another width":     {func(p *place, _ *Live) { p.set(func() { p.columns = 100 }) }, "\n" + waiting},
		"a log":             {func(_ *place, l *Live) { _, _ = l.Write([]byte("a log\n")) }, "\na log\n"},
		"in the background": {func(p *place, _ *Live) { p.set(func() { p.background = true }) }, "\n" + waiting},
		"stopped, continued": {func(p *place, _ *Live) {
			_, _ = p.Write([]byte("\n$ fg\n"))
			p.resume()
		}, waiting + "$ fg\n"},
		"a line was typed": {func(p *place, l *Live) {
			_, _ = p.Write([]byte("x\n"))
			l.now(func() { l.entered(false) })
		}, "cancels.x\n"},
		"a line was typed, and not read": {func(p *place, _ *Live) {
			_, _ = p.Write([]byte("x\n"))
			p.set(func() { p.typed = true })
		}, "cancels.x\n"},
		"another width, for a while": {func(p *place, _ *Live) {
			p.set(func() { p.columns = 100 })
			time.Sleep(90 * time.Second)
			p.set(func() { p.columns = 80 })
			time.Sleep(90 * time.Second)
		}, "3 minutes left. Ctrl-C cancels.\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlace(t, 80, 50)
			l := show(p.screen(full), Browser{asker, "firefox", anAuth, in5m()})
			c.disturb(p, l)
			l.Replace("Signed in as ada.")
			got := p.String()
			whole := strings.Contains(strings.ReplaceAll(got, "\n", ""), "machine:"+anAuth)
			if !whole || !strings.HasPrefix(got, "sso-exec: sign in to") ||
				!strings.HasSuffix(got, c.before+"Signed in as ada.") {
				t.Errorf("%s:\n%s", name, got)
			}
		})
	}
	// Nor where a character may have another width than is thought.
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := show(p.screen(full), Browser{Asker{"", "login.example.com", "नमस्ते", ""}, "", anAuth, in5m()})
		l.Replace("Signed in.")
		if got := p.String(); !strings.HasPrefix(got, "sso-exec: sign in to") {
			t.Errorf("%s", got)
		}
	})
}

// The countdown is rewritten in its place, at most 12 times in 5 minutes, and
// has an end.
func TestCountdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := show(p.screen(full), Browser{asker, "firefox", anAuth, in5m()})
		p.set(func() { p.writes = nil })
		var said []string
		for range 6 * 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			screen := p.String()
			if last := screen[strings.LastIndex(screen, "\n")+1:]; len(said) == 0 || said[len(said)-1] != last {
				said = append(said, last)
			}
		}
		l.Stop()
		if n := len(p.writes) - 1; n > 12 { // the last one is Stop's
			t.Errorf("written %d times: %q", n, p.writes)
		}
		var want []string
		for _, left := range []string{"4 minutes", "3 minutes", "2 minutes", "1 minute", "50 seconds", "40 seconds",
			"30 seconds", "20 seconds", "10 seconds", "a few seconds"} {
			want = append(want, "  Waiting for the browser; "+left+" left. Ctrl-C cancels.")
		}
		if strings.Join(said, "\n") != strings.Join(want, "\n") {
			t.Errorf("said:\n%s", strings.Join(said, "\n"))
		}
	})
}

// In the background the shell's line is not written over; back in the
// foreground the countdown is there again, in a line of its own.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := show(p.screen(full), Browser{asker, "firefox", anAuth, in5m()})
		p.set(func() { p.background = true })
		_, _ = p.Write([]byte("\n[1]+ Stopped\n$ vi"))
		p.resume() // bg
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		if got := p.String(); !strings.HasSuffix(got, "[1]+ Stopped\n$ vi") {
			t.Errorf("in the background:\n%s", got)
		}
		l.Note("Nothing came back yet.")
		_, _ = p.Write([]byte("$ vi"))
		p.set(func() { p.background = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.String(); !strings.HasSuffix(got,
			"$ vi\n  Nothing came back yet.\n\n$ vi\n  Waiting for the browser; 1 minute left. Ctrl-C cancels.") {
			t.Errorf("in the foreground again:\n%s", got)
		}
		l.Stop()
	})
}

// Notes and a log's lines are shown above the countdown, which is there once.
func TestAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := show(p.screen(full), Browser{asker, "firefox", "https://a.example/", in5m()})
		l.Note("Nothing came\nback yet.\x1b[2J")
		if n, err := l.Write([]byte("level=INFO msg=x\nlevel=INFO msg=y")); n != 33 || err != nil {
			t.Errorf("written: %d, %v", n, err)
		}
		l.Stop()
		l.Stop()
		_, _ = p.Write([]byte("sso-exec: cancelled\n"))
		if got, want := p.String(), `sso-exec: sign in to login.example.com as ada@example.com, for Kubernetes

  A page should open in your browser (firefox). If none does, open this address
  in a browser on this machine:

    https://a.example/

  Nothing came back yet.[2J

level=INFO msg=x
level=INFO msg=y
sso-exec: cancelled`; got != want {
			t.Errorf("%s", got)
		}
	})
}

// A writer that is not a terminal gets lines, whole, and nothing else.
func TestPlainWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := Show(p, Device{Asker{Provider: "login.example.com"}, "WDJB-MJHT", "https://login.example.com/device", "",
			time.Date(2026, 5, 4, 14, 5, 0, 0, time.Local)})
		time.Sleep(10 * time.Minute)
		l.Note("Nothing came back yet.")
		_, _ = l.Write([]byte("a log\n"))
		if _, err := l.ReadLine(t.Context()); err == nil {
			t.Error("a line was read from it")
		}
		if err := l.Offer(t.Context(), "x"); err == nil {
			t.Error("Enter was read from it")
		}
		l.Replace("Signed in as ada.")
		l.Stop()
		l.Note("After the end.")
		want := `sso-exec: sign in to login.example.com

  Open this page of login.example.com in a browser, on any device:

    https://login.example.com/device

  Enter this code there:

    WDJB-MJHT

  Only go on if you began this sign-in yourself, just now. A code that somebody
  else gave you signs them in as you.

  Waiting for you to sign in until 14:05. Ctrl-C cancels.
  Nothing came back yet.

a log
Signed in as ada.
After the end.
`
		if got := strings.Join(p.writes, ""); got != want {
			t.Errorf("%q\nwant\n%q", got, want)
		}
		if len(p.writes) != 5 {
			t.Errorf("%d writes: %q", len(p.writes), p.writes)
		}
	})
}

// A terminal that takes no output (Ctrl-S) holds nothing up; when it does take
// some, everything comes in its order.
func TestStuckTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		release := make(chan struct{})
		p.blocked = release
		began := time.Now()
		l := show(p.screen(full), Browser{asker, "firefox", "https://a.example/", in5m()})
		for range 10 {
			l.Note("Nothing came back yet.")
		}
		l.Replace("Signed in as ada.")
		l.Note("After the end.")
		if waited := time.Since(began); waited > 2*patience {
			t.Errorf("waited for %v", waited)
		}
		p.set(func() { p.blocked = nil })
		close(release)
		synctest.Wait()
		if got := p.String(); got != "Signed in as ada.\nAfter the end." {
			t.Errorf("%s", got)
		}
	})
}

// Enter, which the kernel echoes, leaves no trace.
func TestEntered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		_, _ = p.Write([]byte("before\n"))
		l := show(p.screen(full), Browser{asker, "firefox", anAuth, in5m()})
		before := p.String()
		_, _ = p.Write([]byte("\n"))
		l.now(func() { l.entered(true) })
		if got := p.String(); got != before {
			t.Errorf("after Enter:\n%s", got)
		}
		l.Replace("Signed in as ada.")
		if got := p.String(); got != "before\nSigned in as ada." {
			t.Errorf("%s", got)
		}
	})
}

// Many goroutines at once: each line comes whole.
func TestConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, 80, 50)
		l := show(p.screen(full), Browser{asker, "firefox", anAuth, in5m()})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				l.Note("a note")
				_, _ = l.Write([]byte("a log\n"))
			})
		}
		wg.Go(l.Stop)
		wg.Go(func() { l.Replace("Signed in as ada.") })
		wg.Wait()
		synctest.Wait()
		for _, row := range strings.Split(p.String(), "\n") {
			if n := strings.Count(row, "a note") + strings.Count(row, "a log"); n > 1 || strings.Contains(row, "minutes left") &&
				n > 0 {
				t.Errorf("%q", row)
			}
		}
	})
}

func TestNoTerminal(t *testing.T) {
	r, w := io.Pipe()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	defer w.Close()
	l := Show(w, blocks["paste"])
	defer l.Stop()
	if _, err := l.ReadLine(t.Context()); !errors.Is(err, errNoKeyboard) {
		t.Errorf("%v", err)
	}
	if Of(nil) != nil {
		t.Error("no file is a terminal")
	}
	Restore() // does nothing
}
