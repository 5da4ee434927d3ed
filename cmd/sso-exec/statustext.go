package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
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
func statusText(list []sessionStatus, ended []known, style terminal.Style, columns int, now time.Time) string {
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
		t.row("organization", s.Organization)
		t.row("signed in", clock(s.SignedInAt)+" by "+s.Flow)
		t.row("access", t.life(s.AccessFrom, s.AccessUntil, now, s.Renews))
		if s.SessionUntil.IsZero() {
			t.row("lasts", map[bool]string{true: "as long as the provider says", false: "until the access ends"}[s.Renews])
		} else {
			t.row("lasts", t.life(s.SignedInAt, s.SessionUntil, now, false))
		}
		t.row("rests in", map[string]string{"file": "a file", "keyring": "the keyring"}[s.Store])
		for _, d := range s.Derived {
			t.row("derived", cmp.Or(d.For, d.Kind))
			t.row("", t.life(d.From, d.Until, now, false))
		}
		if c := s.Check; c != nil {
			t.row("checked", map[bool]string{true: "the provider renewed it just now", false: c.Error}[c.OK])
		}
	}
	if len(list) == 0 {
		b.WriteString("Nobody is signed in here.\n")
	}
	for _, k := range ended {
		fmt.Fprintf(&b, "\n%s at %s: the session has ended\n", orUnknown(k.status.Account), hostOf(k.status.Issuer))
	}
	return b.String()
}

// sheet writes labelled lines.
type sheet struct {
	b       *strings.Builder
	style   terminal.Style
	columns int
}

func (t sheet) title(s string) {
	s = flows.Clean(s, 200)
	if t.style.Color {
		s = "\x1b[1m" + s + "\x1b[0m"
	}
	t.b.WriteString(s + "\n")
}

const labelWidth = 14

// row writes a label and its value; nothing if there is none. On a narrow
// terminal the value goes below the label. Words that are longer than a line,
// such as addresses, stay whole.
func (t sheet) row(label, value string) {
	value = flows.Clean(value, 500)
	if value == "" {
		return
	}
	left := 2 + labelWidth
	if t.columns < 60 && left+len([]rune(value)) > t.columns {
		left = 4
		if label != "" {
			t.b.WriteString("  " + label + "\n")
		}
		label = ""
	}
	for i, line := range wrapWords(value, t.columns-left) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t.b, "  %-*s%s\n", left-2, label, line)
	}
}

func wrapWords(s string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && len([]rune(lines[last]))+1+len([]rune(word)) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// life draws how much of a life is left, and says it.
func (t sheet) life(from, until, now time.Time, renews bool) string {
	left := until.Sub(now)
	switch {
	case until.IsZero():
		return "the provider does not say"
	case left <= 0 && renews:
		return t.bar(0) + " ended; renewed when it is needed"
	case left <= 0:
		return t.bar(0) + " ended"
	}
	part := 1.0
	if life := until.Sub(from); life > 0 {
		part = min(1, float64(left)/float64(life))
	}
	return t.bar(part) + " " + rough(left) + " left, until " + clock(until)
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
