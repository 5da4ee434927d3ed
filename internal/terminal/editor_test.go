package terminal

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// What comes of what a keyboard or a paste sends.
func TestEditor(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a line", "abc\r", "abc"},
		{"a newline", "abc\n", "abc"},
		{"an empty line", "\r", ""},
		{"what follows is dropped", "abc\rrm -rf /\r", "abc"},
		{"backspace", "abx\x7fcy\b\r", "abc"},
		{"backspace takes a character, not a byte", "aé\x7fb\r", "ab"},
		{"backspace at the start", "\x7f\babc\r", "abc"},
		{"Ctrl-U", "wrong\x15abc\r", "abc"},
		{"Ctrl-W", "wrong\x17abc\r", "abc"},
		{"Ctrl-D in a line", "ab\x04c\r", "abc"},
		{"control characters", "a\x00\x01\tb\x1ac\r", "abc"},
		{"arrow keys", "a\x1b[Ab\x1b[1;5Cc\x1bOD\r", "abc"},
		{"Alt and a key", "a\x1bxbc\r", "abc"},
		{"a bracketed paste", "\x1b[200~abc\x1b[201~\r", "abc"},
		{"of several lines", "\x1b[200~ab\r\nc\r\x1b[201~\r", "abc"},
		{"colors", "\x1b[31;1mabc\x1b[0m\r", "abc"},
		{"an answer of the terminal", "\x1b]11;rgb:0000/0000/0000\x07abc\r", "abc"},
		{"the same, ended otherwise", "\x1b]11;rgb:0000\x1b\\a\x1bP1$r0m\x1b\\bc\r", "abc"},
		{"a sequence that never ends", "\x1b]abc\r", ""},
		{"a sequence in a sequence", "\x1b[200\x1b[1mabc\r", "abc"},
		{"a long sequence", "\x1b[" + strings.Repeat("1;", 500) + "mabc\r", "abc"},
	} {
		for _, size := range []int{len(c.in), 1} {
			var e editor
			ended := false
			for chunk := range slices.Chunk([]byte(c.in), size) {
				var err error
				if ended, err = e.add(chunk); err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				if ended {
					break
				}
			}
			if string(e.line) != c.want || !ended {
				t.Errorf("%s, %d bytes at once: %q, ended %v; want %q", c.name, size, e.line, ended, c.want)
			}
		}
	}
}

func TestEditorEnds(t *testing.T) {
	var e editor
	if ended, err := e.add([]byte("\x04")); !ended || !errors.Is(err, io.EOF) {
		t.Errorf("Ctrl-D: %v, %v", ended, err)
	}
	e = editor{}
	if ended, err := e.add([]byte(strings.Repeat("x", maxLine) + "\r")); !ended || err != nil || len(e.line) != maxLine {
		t.Errorf("the longest line: %v, %v, %d bytes", ended, err, len(e.line))
	}
	e = editor{}
	if ended, err := e.add([]byte(strings.Repeat("x", maxLine+1) + "\r")); !ended || !errors.Is(err, ErrTooLong) {
		t.Errorf("a longer one: %v, %v", ended, err)
	}
	e = editor{}
	if ended, err := e.add([]byte(strings.Repeat("x", maxLine+1) + "\x15abc\r")); !ended || err != nil ||
		string(e.line) != "abc" {
		t.Errorf("taken back: %v, %v, %q", ended, err, e.line)
	}
	// The escape key by itself does not swallow what is pasted later.
	e = editor{}
	if _, err := e.add([]byte("\x1b")); err != nil {
		t.Fatal(err)
	}
	e.pause()
	if _, err := e.add([]byte("abc\r")); err != nil || string(e.line) != "abc" {
		t.Errorf("after the escape key: %q, %v", e.line, err)
	}
}

// Nothing of a query, or of a code alone, is shown.
func TestMasked(t *testing.T) {
	for in, want := range map[string][]string{
		"":  {""},
		"x": {"(1 character)"},
		"http://127.0.0.1:41234/callback?code=SECRET": {"http://127.0.0.1:41234/callback?... (43 characters)",
			"(43 characters)"},
		"https://a.example/?" +
			strings.Repeat("x", 1513): {"https://a.example/?... (1,532 characters)", "(1,532 characters)"},
		"code=SECRET&state=x?":           {"(20 characters)"},
		"http://SECRET":                  {"(13 characters)"},
		"http://a\u202eb/?code=SECRET":   {"(23 characters)"},
		strings.Repeat("é", 1000):        {"(1,000 characters)"},
		strings.Repeat("x", 1_000*1_000): {"(1,000,000 characters)"},
	} {
		if got := (&editor{line: []byte(in)}).masked(); !slices.Equal(got, want) {
			t.Errorf("%.50q: %q, want %q", in, got, want)
		}
	}
}

func FuzzEditor(f *testing.F) {
	f.Add([]byte("\x1b[200~http://127.0.0.1/?code=x\x1b[201~\r"))
	f.Add([]byte("\x1b]0;\x1b\\a\x7f\x15\xc3\xa9\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e editor
		_, _ = e.add(b)
		if strings.ContainsFunc(string(e.line), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("control characters in %q", e.line)
		}
		// Whatever came before, a line can be begun again and ended.
		e.pause()
		_, _ = e.add([]byte("\x07\x1b[201~\x15"))
		if ended, err := e.add([]byte("abc\n")); !ended || err != nil {
			t.Errorf("does not end: %v, %v", ended, err)
		}
	})
}
