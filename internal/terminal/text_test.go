package terminal

import (
	"slices"
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int // of the terminal
		rows    int
		sure    bool
	}{
		{"", 80, 1, true},
		{strings.Repeat("x", 80), 80, 1, true},
		{strings.Repeat("x", 81), 80, 2, true},
		{strings.Repeat("x", 160), 80, 2, true},
		{strings.Repeat("é", 80), 80, 1, true},
		{strings.Repeat("漢", 40), 80, 1, true},
		{strings.Repeat("漢", 41), 80, 2, true},
		{"x" + strings.Repeat("漢", 40), 80, 2, true}, // the last one does not begin in the last column
		{strings.Repeat("█", 80), 80, 1, true},
		{"e\u0301", 80, 1, false},
		{"👩‍💻", 80, 1, false},
		{"नमस्ते", 80, 1, false},
	} {
		if rows, sure := rowsOf(c.text, c.columns); rows != c.rows || sure != c.sure {
			t.Errorf("%q: %d rows, sure %v; want %d, %v", c.text, rows, sure, c.rows, c.sure)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text            string
		indent, columns int
		want            []string
	}{
		{"", 2, 40, nil},
		{"one two", 2, 40, []string{"  one two"}},
		{"12345678901234567890 12345678901234567890", 0, 41, []string{"12345678901234567890 12345678901234567890"}},
		{"12345678901234567890 12345678901234567890", 0, 40, []string{"12345678901234567890", "12345678901234567890"}},
		{"12345678901234567890 12345678901234567890", 2, 42, []string{"  12345678901234567890", "  12345678901234567890"}},
		{"a " + strings.Repeat("x", 50) + " b", 2, 40, []string{"  a", "  " + strings.Repeat("x", 50), "  b"}},
		{"a b", 2, 10, []string{"a b"}},
	} {
		if got := Wrap(c.text, c.indent, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		columns int
		want    string
	}{{80, "a longer form"}, {14, "a longer form"}, {13, "short"}, {6, "short"}, {5, "shor"}, {1, ""}} {
		if got := fit(c.columns, "a longer form", "short"); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.columns, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	const hostile = "a\x1b[2Jb\r\n\tc\u202ed\u009b1m\x00é漢"
	if got, want := clean(hostile, true), "a[2Jb  cd1mé漢"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := clean(hostile, false), "a[2Jb  cd1m??"; got != want {
		t.Errorf("ASCII: %q, want %q", got, want)
	}
}
