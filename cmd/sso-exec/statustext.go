package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/dialect"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// outputStyle tells how wide stdout is and what it can show. What is no terminal
// is taken for 80 columns of plain text.
func outputStyle() (columns int, style terminal.Style) {
	t := terminal.Of(os.Stdout)
	if t == nil {
		return 80, terminal.Style{}
	}
	columns, _ = t.Size()
	return columns, t.Style()
}

// statusText is the list of sessions for people: a block each, of lines that
// fit, a label before each value.
func statusText(list []sessionStatus, style terminal.Style, columns int, now time.Time) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := sheet{&b, style, columns}
		title := cmp.Or(strings.Join(s.Profiles, ", "), hostOf(s.Issuer))
		t.title(title + ": " + orUnknown(s.Account))
		t.row("id", s.ID)
		t.row("identity", kindOf(s.Identity))
		t.row("provider", s.Issuer)
		t.row("client", s.ClientID)
		t.row("session", s.Label)
		t.row("organization", organizationRows(s.Organization, s.Organizations)...)
		t.row("signed in", clock(s.SignedInAt)+" by "+s.Flow)
		if s.tokens == 0 {
			t.row("access", "no token is here; one is got when it is needed")
		} else {
			access := t.life(s.AccessFrom, s.AccessUntil, now, s.Renews)
			if s.AccessUntil.IsZero() && dialect.Of(s.Issuer).Lasting {
				access = []string{"it has no end, until it is revoked there"}
			}
			t.row("access", access...)
		}
		switch {
		case s.Identity == credential.Service:
			t.row("lasts", "a new token is asked for whenever it is needed")
		case !s.SessionUntil.IsZero():
			t.row("lasts", t.life(s.SignedInAt, s.SessionUntil, now, false)...)
		default:
			t.row("lasts", map[bool]string{true: "as long as the provider says", false: "until the access ends"}[s.Renews])
		}
		t.row("rests in", map[string]string{"file": "a file", "keyring": "the keyring"}[s.Store])
		for _, d := range s.Derived {
			t.row("derived", append([]string{cmp.Or(d.For, d.Kind)}, t.life(d.From, d.Until, now, false)...)...)
		}
		if c := s.Check; c != nil {
			ok := "the provider renewed it just now"
			if !s.Renews {
				ok = "the provider takes it still"
			}
			t.row("checked", map[bool]string{true: ok, false: c.Error}[c.OK])
		}
	}
	if len(list) == 0 {
		b.WriteString("Nobody is signed in here.\n")
	}
	return b.String()
}

// sheet writes labelled lines, none of which is wider than the terminal but for
// words that are, such as addresses.
type sheet struct {
	b       *strings.Builder
	style   terminal.Style
	columns int
}

// title begins a block.
func (t sheet) title(s string) {
	for i, line := range wrapWords(flows.Clean(s, 200), t.columns-2) {
		if i > 0 {
			line = "  " + line
		}
		if t.style.Color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		t.b.WriteString(line + "\n")
	}
}

const (
	labelWidth    = 14
	narrowColumns = 60 // below it there is too little room beside a label
)

func (t sheet) narrow() bool { return t.columns < narrowColumns }

// row writes a label with its values, each of which begins a line; nothing if
// there are none. The values stand below the label where it is long, and on a
// narrow terminal where they would not fit beside it.
func (t sheet) row(label string, values ...string) {
	left, below := 2+labelWidth, utf8.RuneCountInString(label) >= labelWidth
	var clean []string
	for _, v := range values {
		if v = flows.Clean(v, 500); v != "" {
			clean = append(clean, v)
		}
		below = below || t.narrow() && left+utf8.RuneCountInString(v) > t.columns
	}
	if len(clean) == 0 {
		return
	}
	if below {
		t.b.WriteString("  " + label + "\n")
		label = ""
	}
	if below && t.narrow() {
		left = 4
	}
	for _, v := range clean {
		for _, line := range wrapWords(v, t.columns-left) {
			fmt.Fprintf(t.b, "  %-*s%s\n", left-2, label, line)
			label = ""
		}
	}
}

// wrapWords breaks a text into lines, between words.
func wrapWords(s string, width int) []string { return strings.Split(wrap(s, width), "\n") }

// life draws how much of a life is left, and says it; in two lines on a narrow
// terminal.
func (t sheet) life(from, until, now time.Time, renews bool) []string {
	left := until.Sub(now)
	switch {
	case until.IsZero():
		return []string{"the provider does not say"}
	case left <= 0 && renews:
		return []string{t.bar(0) + " ended; renewed when it is needed"}
	case left <= 0:
		return []string{t.bar(0) + " ended"}
	}
	part := 1.0
	if life := until.Sub(from); life > 0 {
		part = min(1, float64(left)/float64(life))
	}
	rest := t.bar(part) + " " + rough(left) + " left"
	if t.narrow() {
		return []string{rest, "until " + clock(until)}
	}
	return []string{rest + ", until " + clock(until)}
}

// bar is the part that is left, of ten.
func (t sheet) bar(part float64) string {
	const length = 10
	full := int(part*length + 0.5)
	if part > 0 {
		full = max(full, 1)
	}
	if t.style.UTF8 {
		return strings.Repeat("█", full) + strings.Repeat("░", length-full)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", length-full) + "]"
}
