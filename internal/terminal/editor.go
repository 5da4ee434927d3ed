package terminal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line that is read, in bytes. No address is as long, but the
// kernel's own bound for a line (4095 bytes on Linux, 1024 on macOS) is too
// short for some that identity providers make.
const maxLine = 64 << 10

// ErrTooLong says that a line had more than 64 KiB.
var ErrTooLong = errors.New("the line is longer than 64 KiB")

// An editor makes a line out of the bytes that a keyboard, or a paste, sends in
// a mode without the kernel's line editing. Control characters and escape
// sequences do not get into the line.
type editor struct {
	line    []byte
	tooLong bool
	pasting bool // between the marks of a bracketed paste
	state   int
	csi     []byte // parameters of the control sequence that is being read
}

// States of an editor: where in an escape sequence it is (ECMA-48 §5).
const (
	inText = iota
	inEscape
	inCSI    // ESC [ parameters final
	inSS3    // ESC O final: keys of an application keypad
	inString // ESC ] and others: an answer of the terminal, up to BEL or ESC \
)

// add takes what was read. It reports whether the line has ended, and drops the
// rest then: a paste that went on would else be commands for the shell. The
// error is io.EOF for Ctrl-D on an empty line, or ErrTooLong.
func (e *editor) add(b []byte) (ended bool, err error) {
	for _, c := range b {
		if e.state != inText && c != '\r' && c != '\n' {
			e.escape(c)
			continue
		}
		e.state = inText
		switch {
		case c == '\r' || c == '\n':
			if e.pasting { // an address that was copied in several lines
				continue
			}
			if e.tooLong {
				return true, ErrTooLong
			}
			return true, nil
		case c == 0x1b:
			e.state = inEscape
		case c == 0x04: // Ctrl-D
			if len(e.line) == 0 {
				return true, io.EOF
			}
		case c == 0x08 || c == 0x7f: // Backspace
			_, n := utf8.DecodeLastRune(e.line)
			e.line = e.line[:len(e.line)-n]
			e.tooLong = false
		case c == 0x15 || c == 0x17: // Ctrl-U, Ctrl-W: an address is one word
			e.line, e.tooLong = e.line[:0], false
		case c < ' ':
		case len(e.line) == maxLine:
			e.tooLong = true
		default:
			e.line = append(e.line, c)
		}
	}
	return false, nil
}

// pause says that nothing follows at once: an escape was the key of that name,
// and begins nothing.
func (e *editor) pause() {
	if e.state == inEscape {
		e.state = inText
	}
}

// escape takes a byte within an escape sequence.
func (e *editor) escape(c byte) {
	switch e.state {
	case inEscape:
		e.csi = e.csi[:0]
		switch c {
		case '[':
			e.state = inCSI
		case 'O':
			e.state = inSS3
		case ']', 'P', 'X', '^', '_':
			e.state = inString
		case 0x1b:
		default:
			e.state = inText // Alt and a key, or the end of a string
		}
	case inCSI:
		switch {
		case c == 0x1b:
			e.state = inEscape
		case c < ' ' || c >= 0x40:
			e.state = inText
			if c == '~' {
				e.mark(string(e.csi))
			}
		case len(e.csi) < 16:
			e.csi = append(e.csi, c)
		}
	case inSS3:
		e.state = inText
	case inString:
		switch c {
		case 0x07:
			e.state = inText
		case 0x1b:
			e.state = inEscape
		}
	}
}

// mark takes the marks of a bracketed paste.
func (e *editor) mark(key string) {
	switch key {
	case "200":
		e.pasting = true
	case "201":
		e.pasting = false
	}
}

// masked shows that something has come without showing what: an address ends in
// a one-time code. What stands before its query is no secret, and tells a person
// whether it is the right address. There are two forms, the shorter one last.
func (e *editor) masked() []string {
	if len(e.line) == 0 {
		return []string{""}
	}
	n := utf8.RuneCount(e.line)
	count := fmt.Sprintf("(%s characters)", thousands(n))
	if n == 1 {
		count = "(1 character)"
	}
	line := string(e.line)
	page, _, found := strings.Cut(line, "?")
	address := strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")
	plain := strings.TrimFunc(page, func(r rune) bool { return r > ' ' && r < 0x7f }) == ""
	if !found || !address || !plain {
		return []string{count}
	}
	return []string{page + "?... " + count, count}
}

// plain shows the line as it is, except for what does not print.
func (e *editor) plain() []string { return []string{clean(string(e.line), utf8.Valid(e.line))} }

// thousands writes 1532 as 1,532.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
