package terminal

import (
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// clean leaves nothing in others' text that could move a cursor or reorder what
// is shown. Callers have cleaned already; this is the last door. Without UTF-8
// everything but ASCII becomes a question mark.
func clean(s string, utf8 bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !commandline.Seen(r):
			return -1
		case !utf8 && r >= 0x80:
			return '?'
		}
		return r
	}, s)
}

// width returns how many columns a character takes, and whether that is sure:
// terminals agree on the scripts of Europe and on those of East Asia, and on
// little else.
func width(r rune) (columns int, sure bool) {
	switch {
	case r < 0x300 || r >= 0x370 && r < 0x483 || r >= 0x48a && r < 0x530:
		return 1, true
	case r >= 0x2580 && r < 0x25a0: // block elements, of which QR codes are made
		return 1, true
	case r >= 0x1100 && r < 0x1160, r >= 0x2e80 && r < 0x302a, r >= 0x3041 && r < 0x3099,
		r >= 0x309b && r < 0xa4d0, r >= 0xac00 && r < 0xd7a4, r >= 0xf900 && r < 0xfb00,
		r >= 0xff01 && r < 0xff61, r >= 0x20000 && r < 0x3fffe:
		return 2, true
	}
	return 1, false
}

// columnsOf returns the width of a text.
func columnsOf(s string) (n int) {
	for _, r := range s {
		w, _ := width(r)
		n += w
	}
	return n
}

// rowsOf returns how many rows of a terminal a line takes, which wraps it where
// it ends; a wide character does not begin in the last column.
func rowsOf(s string, columns int) (rows int, sure bool) {
	rows, sure = 1, true
	at := 0
	for _, r := range s {
		w, known := width(r)
		sure = sure && known
		if at+w > columns {
			rows++
			at = 0
		}
		at += w
	}
	return rows, sure
}

// Wrap breaks a text between words into lines of at most that many columns, each
// with an indentation. A word that is longer stands alone, for the terminal to
// break. indent is dropped where it would leave too little.
func Wrap(s string, indent, columns int) []string {
	if columns-indent < 20 {
		indent = 0
	}
	space := strings.Repeat(" ", indent)
	var lines []string
	line, at := "", 0
	for _, word := range strings.Fields(s) {
		w := columnsOf(word)
		switch {
		case line == "":
			line, at = word, w
		case indent+at+1+w > columns:
			lines = append(lines, space+line)
			line, at = word, w
		default:
			line, at = line+" "+word, at+1+w
		}
	}
	if line != "" {
		lines = append(lines, space+line)
	}
	return lines
}

// fit returns the first of the forms of a text that leaves the last column free,
// so that the terminal does not wrap it, or else a part of the last one.
func fit(columns int, forms ...string) string {
	last := ""
	for _, f := range forms {
		if columnsOf(f) < columns {
			return f
		}
		last = f
	}
	out, at := strings.Builder{}, 0
	for _, r := range last {
		w, _ := width(r)
		if at += w; at >= columns {
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}
