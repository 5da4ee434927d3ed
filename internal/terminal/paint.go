package terminal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// errNoKeyboard says that nothing can be read where the block is shown.
var errNoKeyboard = errors.New("no terminal to read from")

// This file is what the painter does. The cursor is always at the end of the
// last line, or at the beginning of an empty one if there is none; everything
// else is relative to that. Sequences are those of ECMA-48 that every terminal
// with a cursor has: CR, cursor up, erase to the end of line or screen, and SGR.

const (
	eraseLine   = "\r\x1b[K"
	eraseScreen = "\x1b[J" // from the cursor down
	up          = "\x1b[%dA"
)

// begin shows the block.
func (l *Live) begin(b Block) {
	var rows int
	l.columns, rows = l.s.size()
	l.waiting = b.waiting()
	foreground := l.s.foreground()
	p := &page{style: l.s.style, columns: l.columns, background: l.s.isTerminal && !foreground}
	p.style.Cursor = l.s.style.Cursor && foreground
	l.inPlace = p.style.Cursor && !l.s.shared
	lines := layout(b, p, rows)
	if !l.inPlace {
		if l.waiting.what != "" {
			p.lines = lines[:len(lines)-1]
			p.say(l.waiting.fixed(p.background))
			lines = p.lines
		}
		l.write(l.lineEnd() + render(lines))
		return
	}
	l.rows, l.erasable = rowsTaken(lines, l.columns)
	l.write(l.freshLine() + render(lines) + l.count())
}

// freshLine brings the cursor to the beginning of an empty line, wherever in a
// line it may be: spaces up to the last column wrap into the next line unless
// the cursor was at the beginning of one.
func (l *Live) freshLine() string { return strings.Repeat(" ", l.columns-1) + eraseLine }

// count returns the countdown as it is now, and sets the timer to its next
// change.
func (l *Live) count() string {
	if l.input {
		return l.last
	}
	text, next := l.waiting.at(l.s.now(), l.columns)
	l.last = text
	if next > 0 {
		l.timer.Reset(next)
	}
	return text
}

// tick rewrites the countdown, if it says something else now.
func (l *Live) tick() {
	if before := l.last; !l.input && !l.closed && (l.count() != before || l.elsewhere) {
		l.repaint("")
	}
}

// repaint writes whole lines above the last one, and that again. In the
// background it would be written over the shell's line: what must be said is
// said there, the rest waits.
func (l *Live) repaint(above string) {
	if !l.s.foreground() {
		l.elsewhere, l.erasable = true, false
		if above != "" {
			l.write("\n" + above)
		}
		l.timer.Reset(10 * time.Second)
		return
	}
	start := l.start()
	l.write(start + above + l.count())
}

// start begins to write the last line again: in its place, if the cursor is
// there.
func (l *Live) start() string {
	columns, _ := l.s.size()
	if columns != l.columns { // what was wrapped may have been wrapped again
		l.columns, l.erasable = columns, false
		if l.last != "" {
			return "\n" + eraseLine
		}
	}
	if l.elsewhere {
		l.elsewhere = false
		return l.freshLine()
	}
	return eraseLine
}

// resume is called when the process has been stopped and goes on: the shell has
// written something.
func (l *Live) resume() {
	l.erasable, l.elsewhere = false, true
	if l.inPlace && !l.closed {
		l.repaint("")
	}
}

// above writes whole lines above the last one.
func (l *Live) above(out string) {
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	if l.inPlace && !l.closed {
		l.repaint(out)
		return
	}
	l.write(l.lineEnd() + out)
}

func (l *Live) note(text string, verbatim []string) {
	if l.closed {
		out := l.lineEnd() + l.oneLine(text)
		for _, s := range verbatim {
			out += clean(s, l.s.style.UTF8) + "\n"
		}
		l.write(out)
		return
	}
	p := &page{style: l.s.style, columns: l.columns}
	p.say(text)
	for _, s := range verbatim {
		p.verbatim(s)
	}
	p.blank()
	lines := p.lines[1:] // there is a blank one above
	n, sure := rowsTaken(lines, l.columns)
	l.rows, l.erasable = l.rows+n, l.erasable && sure
	l.above(render(lines))
}

// ask writes the last line as the one in which a person writes. Where it cannot
// be rewritten it is written once only.
func (l *Live) ask(text string, once bool) {
	switch {
	case l.closed:
	case l.inPlace:
		l.input, l.last = true, text
		l.repaint("")
	case once:
		l.write(l.lineEnd() + text)
		l.last = text
	}
}

// answer is the last line with what has been written in it.
func (l *Live) answer(forms []string) string {
	with := make([]string, len(forms))
	for i, f := range forms {
		with[i] = l.prompt + f
	}
	return fit(l.columns, with...)
}

// answered ends the line that a person wrote, where it could not show what came.
func (l *Live) answered(forms []string) {
	if l.inPlace || l.last == "" {
		return
	}
	l.last = ""
	l.write(forms[len(forms)-1] + "\n")
}

// entered is called when the kernel has echoed a line, and the cursor is below
// where it was. An empty line is undone.
func (l *Live) entered(empty bool) {
	switch {
	case !l.inPlace || l.closed:
	case empty && l.s.foreground():
		l.write(fmt.Sprintf(up, 1))
		l.repaint("")
	default:
		l.erasable = false
		l.repaint("")
	}
}

func (l *Live) replace(text string) {
	columns, _ := l.s.size()
	start := ""
	if l.inPlace && l.erasable && !l.closed && columns == l.columns && l.s.foreground() && !l.s.typed() {
		start = "\r" + eraseScreen
		if l.rows > 0 {
			start = fmt.Sprintf(up, l.rows) + start
		}
		l.last = ""
	} else {
		start = l.lineEnd()
	}
	l.columns = columns
	l.close()
	l.write(start + l.oneLine(text))
}

func (l *Live) stop() {
	if l.closed {
		return
	}
	if end := l.lineEnd(); end != "" {
		l.write(end)
	}
	l.close()
}

func (l *Live) close() {
	l.closed = true
	l.timer.Stop()
}

// lineEnd leaves the last line, which has nothing to say any more. It goes if
// the cursor is in it for sure, and else stays above. Where others write nothing
// of theirs may go, and what we write begins a line.
func (l *Live) lineEnd() string {
	last, width := l.last, l.columns
	l.last = ""
	columns, _ := l.s.size()
	switch {
	case l.s.shared && l.s.style.Cursor && l.s.foreground():
		l.columns = columns
		return l.freshLine()
	case l.s.shared:
		return "\n"
	case last == "":
		return ""
	case l.inPlace && !l.elsewhere && columns == width && l.s.foreground():
		return eraseLine
	}
	return "\n"
}

// oneLine is a text by itself, wrapped where the terminal is narrower.
func (l *Live) oneLine(text string) string {
	return strings.Join(Wrap(clean(text, l.s.style.UTF8), 0, l.columns), "\n") + "\n"
}

// write writes at once what belongs together. There is nobody to tell that it
// failed.
func (l *Live) write(s string) { _, _ = io.WriteString(l.s.w, s) }
