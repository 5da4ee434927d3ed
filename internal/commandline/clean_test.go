package commandline

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain words":                "plain words",
		"two\nlines\r\nand\ttabs":    "two lines and tabs",
		"\x1b[31mred\x1b[0m\x07":     "[31mred[0m",
		"csi \u009b2J, bidi \u202e.": "csi 2J, bidi .",
		"zero\u200bwidth\ufeff":      "zerowidth",
		"Jürgen 日本 é":                "Jürgen 日本 é",
		"":                           "",
		strings.Repeat("ä", 60):      strings.Repeat("ä", 50) + "…",
		strings.Repeat("\x1b", 4000): "",
	} {
		if got := Clean(in, 50); got != want {
			t.Errorf("Clean(%q) is %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"a\nb", "\x1b[2J", "\u202e\u2028\u0085\u00a0", "\xff\xfe", "ﬁ ｆ\u0301"} {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most &= 0xfff
		got := Clean(s, most)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) ||
			strings.Contains(got, "\n") {
			t.Errorf("Clean(%q) is %q", s, got)
		}
		if n := utf8.RuneCountInString(got); n > most+1 {
			t.Errorf("%d characters, at most %d", n, most)
		}
	})
}
