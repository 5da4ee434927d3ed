package terminal

import (
	"strconv"
	"strings"
	"testing"
)

// An emulator is a terminal that knows the sequences that this package writes,
// and no others. It wraps as xterm does: the cursor stays in the last column
// until the next character comes.
type emulator struct {
	t             *testing.T
	columns, rows int
	screen        [][]rune // with all that has been scrolled off it
	x, y          int      // x may be columns: a wrap is pending
	pending       string   // the beginning of a sequence
}

func newEmulator(t *testing.T, columns, rows int) *emulator {
	return &emulator{t: t, columns: columns, rows: rows, screen: [][]rune{nil}}
}

func (e *emulator) Write(p []byte) (int, error) {
	s := e.pending + string(p)
	e.pending = ""
	for s != "" {
		if s[0] == 0x1b {
			end := strings.IndexFunc(s[min(2, len(s)):], func(r rune) bool { return r >= 0x40 })
			if end < 0 {
				e.pending = s
				break
			}
			e.sequence(s[1:end+3], s[end+2])
			s = s[end+3:]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		switch {
		case r == '\r':
			e.x = 0
		case r == '\n': // as the kernel sends it, with ONLCR
			e.x = 0
			e.down()
		case r == '\t': // of a crash
			e.put(' ')
		case r < ' ':
			e.t.Errorf("control character %q", r)
		default:
			e.put(r)
		}
	}
	return len(p), nil
}

func (e *emulator) down() {
	if e.y++; e.y == len(e.screen) {
		e.screen = append(e.screen, nil)
	}
}

func (e *emulator) put(r rune) {
	w, _ := width(r)
	if e.x+w > e.columns {
		e.x = 0
		e.down()
	}
	row := &e.screen[e.y]
	for len(*row) < e.x+w {
		*row = append(*row, ' ')
	}
	(*row)[e.x] = r
	if w == 2 {
		(*row)[e.x+1] = 0
	}
	e.x += w
}

func (e *emulator) sequence(s string, final byte) {
	arg := strings.TrimSuffix(strings.TrimPrefix(s, "["), string(final))
	switch {
	case final == 'm':
	case final == 'A':
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			e.t.Errorf("sequence %q", s)
		}
		top := max(0, len(e.screen)-e.rows)
		e.y = max(top, e.y-n)
	case final == 'K' && arg == "", final == 'J' && arg == "":
		e.screen[e.y] = e.screen[e.y][:min(e.x, len(e.screen[e.y]))]
		if final == 'J' {
			for i := e.y + 1; i < len(e.screen); i++ {
				e.screen[i] = nil
			}
		}
	case s == "[?2004h", s == "[?2004l": // marks around what is pasted
	default:
		e.t.Errorf("sequence %q", s)
	}
}

// String is what is on the screen, and was before it was scrolled.
func (e *emulator) String() string {
	var rows []string
	for _, row := range e.screen {
		rows = append(rows, strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}
