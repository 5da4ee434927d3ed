package terminal

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files again; look at them then")

var (
	aNow    = time.Date(2026, 5, 4, 14, 0, 0, 0, time.Local)
	until   = aNow.Add(5 * time.Minute)
	anAuth  = "https://login.example.com/oauth2/v1/authorize?client_id=0oa1b2c3d4&code_challenge=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6&code_challenge_method=S256&nonce=ABCDEFGHIJKLMNOPQRSTUVWXYZ&redirect_uri=http%3A%2F%2F127.0.0.1%3A41234%2Fcallback&response_type=code&scope=openid&state=ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	forward = "ssh -L 41234:127.0.0.1:41234 ada@build.example.com"
	asker   = Asker{"", "login.example.com", "ada@example.com", "Kubernetes"}
)

var blocks = map[string]Block{
	"browser":         Browser{asker, "firefox", anAuth, until},
	"browser-by-hand": Browser{Asker{Provider: "login.example.com"}, "", anAuth, until},
	"device": Device{asker, "WDJB-MJHT", "https://login.example.com/device",
		"https://login.example.com/device?user_code=WDJB-MJHT", until},
	"device-simple": Device{Asker{Provider: "login.example.com"}, "WDJB-MJHT", "https://login.example.com/device", "",
		until},
	"paste":      Paste{asker, anAuth, "http://127.0.0.1:41234/callback", forward, false, until},
	"paste-deaf": Paste{asker, anAuth, "http://127.0.0.1:41234/callback", "", false, until},
	"unread":     Paste{asker, anAuth, "http://127.0.0.1:41234/callback", forward, true, until},
	"choice": Choice{Asker: asker, Question: "Which organization? Type its number.", Until: until,
		Items: []string{"Acme Corporation (org_01HJ3R5N4N8Z1Q2W3E4R5T6Y7U)", "org_01BETA",
			"Société Générale d'Électricité de la Région (org_01GAMMA)"}},
	"unread-alone": Paste{asker, anAuth, "http://127.0.0.1:41234/callback", "", true, until},
}

// The blocks as they look: with colour, without, and where nothing but lines can
// be written.
func TestGolden(t *testing.T) {
	for name, b := range blocks {
		for _, columns := range []int{40, 80, 200} {
			for how, style := range map[string]Style{
				"color": {Color: true, Cursor: true, UTF8: true},
				"mono":  {Cursor: true, UTF8: true},
				"ascii": {Color: true, Cursor: true},
				"dumb":  {},
			} {
				out := &strings.Builder{}
				l := &Live{s: screen{w: out, style: style,
					size:       func() (int, int) { return columns, 60 },
					foreground: func() bool { return true }, now: func() time.Time { return aNow }}, timer: time.NewTimer(time.Hour)}
				l.begin(b)
				check(t, fmt.Sprintf("%s-%d-%s", name, columns, how), l, out.String())
			}
		}
	}
}

func check(t *testing.T, name string, l *Live, out string) {
	t.Helper()
	out = strings.TrimPrefix(out, strings.Repeat(" ", l.columns-1)+eraseLine) // the fresh line
	dumb := l.s.style == Style{}
	for _, row := range strings.Split(out, "\n") {
		plain := strings.NewReplacer("\x1b[1m", "", "\x1b[30;47m", "", "\x1b[0m", "").Replace(row)
		if strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || !l.s.style.UTF8 && r > '~' }) || dumb &&
			plain != row {
			t.Errorf("%s: control characters in %q", name, row)
		}
		copied := strings.Contains(row, "://") || strings.Contains(row, "ssh -L")
		if n := columnsOf(plain); n > l.columns && !copied || n > textColumns && !copied {
			t.Errorf("%s: %d columns in %q", name, n, row)
		}
	}
	for _, whole := range []string{anAuth, "https://login.example.com/device", forward} {
		if strings.Contains(strings.ReplaceAll(out, "\n", ""), whole) != strings.Contains(out, whole) {
			t.Errorf("%s: %s is broken", name, whole)
		}
	}
	path := filepath.Join("testdata", name+".txt")
	out = strings.ReplaceAll(out, "\x1b", "^[")
	if *update {
		if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) {
		t.Errorf("%s: not as in testdata (-update writes it again):\n%s", name, out)
	}
}

// Where the complete address leads to another host it is not shown: a person
// judges by the one that stands there large.
func TestDeviceHosts(t *testing.T) {
	for complete, shown := range map[string]bool{
		"https://login.example.com/d?c=X":      true,
		"https://evil.example/d?c=X":           false,
		"http://login.example.com/d?c=X":       false,
		"https://login.example.com:8443/d?c=X": false,
		"":                                     false,
	} {
		d := Device{asker, "X", "https://login.example.com/d", complete, until}
		out := render(layout(d, &page{columns: 80}, 60))
		if host, ok := d.hosts(); host != "login.example.com" || ok != shown {
			t.Errorf("%q: %q, %v", complete, host, ok)
		}
		if complete != "" && strings.Contains(out, complete) != shown {
			t.Errorf("%q is shown: %v", complete, !shown)
		}
	}
}

// Others' texts move no cursor, even if nobody has cleaned them.
func TestHostileTexts(t *testing.T) {
	const bad = "x\x1b[2J\r\n\u202e\u009b31m"
	for _, b := range []Block{
		Browser{Asker{bad, bad, bad, bad}, bad, bad, until},
		Device{Asker{bad, bad, bad, bad}, bad, bad, bad, until},
		Paste{Asker{bad, bad, bad, bad}, bad, bad, bad, false, until},
		Paste{Asker{bad, bad, bad, bad}, bad, bad, bad, true, until},
		Choice{Asker{bad, bad, bad, bad}, "", bad, []string{bad, ""}, until}, Choice{Title: bad, Items: []string{bad}},
	} {
		out := render(layout(b, &page{style: Style{UTF8: true}, columns: 80}, 60))
		if strings.ContainsAny(out, "\x1b\r\u202e\u009b") {
			t.Errorf("%q", out)
		}
	}
}

// The words change seldom: a screen reader reads each change. Until then there is
// as much as they say.
func TestRemaining(t *testing.T) {
	for d, want := range map[time.Duration]struct {
		words string
		next  time.Duration
	}{
		15 * time.Minute:                 {"14 minutes", time.Minute},
		5*time.Minute - time.Millisecond: {"4 minutes", time.Minute - time.Millisecond},
		2 * time.Minute:                  {"1 minute", time.Minute},
		time.Minute:                      {"50 seconds", 10 * time.Second},
		51 * time.Second:                 {"50 seconds", time.Second},
		50 * time.Second:                 {"40 seconds", 10 * time.Second},
		20 * time.Second:                 {"10 seconds", 10 * time.Second},
		10 * time.Second:                 {"a few seconds", 0},
		3 * time.Second:                  {"a few seconds", 0},
		0:                                {"no time", 0},
		-time.Second:                     {"no time", 0},
	} {
		if words, next := remaining(d); words != want.words || next != want.next {
			t.Errorf("%v: %q for %v, want %q for %v", d, words, next, want.words, want.next)
		}
	}
}

// On a low screen the code is worth more than what only repeats it.
func TestLowScreen(t *testing.T) {
	d := Device{Asker: Asker{Provider: "login.example.com"}, UserCode: "WDJB-MJHT",
		VerificationURI:         "https://login.example.com/device",
		VerificationURIComplete: "https://login.example.com/device?user_code=WDJB-MJHT"}
	for _, c := range []struct {
		rows int
		both bool
	}{{12, false}, {100, true}} {
		text := render(layout(d, &page{style: Style{Cursor: true}, columns: 80}, c.rows))
		if strings.Contains(text, d.VerificationURIComplete) != c.both || !strings.Contains(text, d.UserCode) {
			t.Errorf("%d rows:\n%s", c.rows, text)
		}
	}
}
