package talk

import (
	"strings"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/terminal"
)

// Table writes rows of two columns, the second one from a column on; where that
// leaves too little room, below the first.
func Table(b *strings.Builder, rows [][2]string, column, width int) {
	narrow := width < 2*column
	if narrow && column < 20 {
		narrow = false
	}
	for _, row := range rows {
		name, at := "  "+row[0], column
		if narrow {
			at = 8
		}
		if narrow || utf8.RuneCountInString(name) > column-2 {
			b.WriteString(name + "\n" + strings.Repeat(" ", at))
		} else {
			b.WriteString(name + strings.Repeat(" ", at-utf8.RuneCountInString(name)))
		}
		b.WriteString(strings.ReplaceAll(Wrap(row[1], width-at), "\n", "\n"+strings.Repeat(" ", at)) + "\n")
	}
}

// Reflow breaks paragraphs again for a width below that which they were written
// for. Lines that are indented stay as they are.
func Reflow(text string, width int) string {
	text = strings.TrimRight(text, "\n") + "\n"
	if width >= 80 {
		return text
	}
	var b, paragraph strings.Builder
	flush := func() {
		if paragraph.Len() > 0 {
			b.WriteString(Wrap(paragraph.String(), width) + "\n")
			paragraph.Reset()
		}
	}
	for line := range strings.Lines(text) {
		if line == "\n" || line[0] == ' ' {
			flush()
			b.WriteString(line)
			continue
		}
		paragraph.WriteString(line)
	}
	flush()
	return b.String()
}

// Wrap breaks a text between words, for a width in columns.
func Wrap(text string, width int) string {
	return strings.Join(terminal.Wrap(text, 0, width), "\n")
}
