package talk

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// OutputStyle tells how wide stdout is and what it can show. What is no terminal
// is taken for 80 columns of plain text.
func OutputStyle() (columns int, style terminal.Style) {
	t := terminal.Of(os.Stdout)
	if t == nil {
		return 80, terminal.Style{}
	}
	columns, _ = t.Size()
	return columns, t.Style()
}

// Columns is how wide stdout is; what is not a terminal has no end.
func Columns() int { return columnsOf(os.Stdout) }

func columnsOf(f *os.File) int {
	t := terminal.Of(f)
	if t == nil {
		return math.MaxInt
	}
	columns, _ := t.Size()
	return columns
}

// Sheet writes labelled lines, none of which is wider than the terminal, except for
// words that are, such as addresses.
type Sheet struct {
	Text    *strings.Builder
	Style   terminal.Style
	Columns int
}

// Title begins a block.
func (t Sheet) Title(s string) {
	for i, line := range terminal.Wrap(flows.Clean(s, 200), 0, t.Columns-2) {
		if i > 0 {
			line = "  " + line
		}
		if t.Style.Color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		t.Text.WriteString(line + "\n")
	}
}

const (
	labelWidth    = 14
	narrowColumns = 60 // below it there is too little room next to a label
)

func (t Sheet) narrow() bool { return t.Columns < narrowColumns }

// Row writes a label with its values, each of which begins a line; nothing if
// there are none. The values stand below the label where it is long, and on a
// narrow terminal where they would not fit next to it.
func (t Sheet) Row(label string, values ...string) {
	left, below := 2+labelWidth, utf8.RuneCountInString(label) >= labelWidth
	var clean []string
	for _, v := range values {
		if v = flows.Clean(v, 500); v != "" {
			clean = append(clean, v)
		}
		below = below || t.narrow() && left+utf8.RuneCountInString(v) > t.Columns
	}
	if len(clean) == 0 {
		return
	}
	if below {
		t.Text.WriteString("  " + label + "\n")
		label = ""
	}
	if below && t.narrow() {
		left = 4
	}
	for _, v := range clean {
		for _, line := range terminal.Wrap(v, 0, t.Columns-left) {
			fmt.Fprintf(t.Text, "  %-*s%s\n", left-2, label, line)
			label = ""
		}
	}
}

// Life draws how much of a life is left, and says it; in two lines on a narrow
// terminal.
func (t Sheet) Life(from, until, now time.Time, renews bool) []string {
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
	rest := t.bar(part) + " " + Rough(left) + " left"
	if t.narrow() {
		return []string{rest, "until " + Clock(until)}
	}
	return []string{rest + ", until " + Clock(until)}
}

// bar is the part that is left, of ten.
func (t Sheet) bar(part float64) string {
	const length = 10
	full := int(part*length + 0.5)
	if part > 0 {
		full = max(full, 1)
	}
	if t.Style.UTF8 {
		return strings.Repeat("█", full) + strings.Repeat("░", length-full)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", length-full) + "]"
}

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

// Fold breaks the lines of a text for people between words, for the terminal that a
// file is; elsewhere nothing. A line that may have something to paste in it stays whole.
func Fold(text string, on *os.File) string { return fold(text, columnsOf(on)) }

func fold(text string, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.TrimLeft(line, " ")
		indent := len(line) - len(words)
		end := words[strings.LastIndex(words, ": ")+1:]
		if utf8.RuneCountInString(line) <= columns ||
			strings.Contains(words, "sso-exec ") || indent > 0 &&
			(strings.Contains(words, " --") && !strings.HasPrefix(words, "give ") ||
				end != words && strings.ContainsAny(end, "/=") && strings.Contains(end[1:], " ")) {
			b.WriteString(line + "\n")
			continue
		}
		if rest, ok := strings.CutPrefix(words, below); ok { // what others write there does not tear it
			for _, more := range terminal.Wrap(rest, 0, columns-len(below)) {
				b.WriteString(below + more + "\n")
			}
			continue
		}
		lines := terminal.Wrap(words, indent, columns)
		if indent == 0 { // what follows belongs to it
			rest := strings.Fields(words)[len(strings.Fields(lines[0])):]
			lines = append(lines[:1], terminal.Wrap(strings.Join(rest, " "), 2, columns)...)
		}
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}

// Grid writes rows below headings, or without, in columns; where that is too wide for the terminal,
// each row as a block that begins with its first value.
func Grid(heads []string, rows [][]string) string {
	_, style := OutputStyle()
	return grid(heads, rows, style, Columns())
}

func grid(heads []string, rows [][]string, style terminal.Style, columns int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	all, none := rows, ""
	if heads != nil {
		all, none = append([][]string{heads}, rows...), "-"
	}
	for _, row := range all {
		for i, text := range row {
			row[i] = text[:len(text)-len(strings.TrimLeft(text, " "))] + cmp.Or(OneLine(text), none)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // into memory
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return utf8.RuneCountInString(line) > columns }) {
		return strings.Join(lines, "\n")
	}
	b.Reset()
	t := Sheet{Text: &b, Style: style, Columns: columns}
	for _, row := range rows {
		t.Title(row[0])
		for i, text := range row[1:] {
			switch {
			case text == none:
			case heads == nil:
				t.Text.WriteString("  " + text + "\n")
			default:
				t.Row(strings.ToLower(heads[i+1]), text)
			}
		}
	}
	return b.String()
}
