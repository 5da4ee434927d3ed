package terminal

import (
	"strings"
)

// Style is what may be used of what terminals can do. Its zero value is plain
// ASCII, line after line, and right for everything that is not a terminal.
type Style struct {
	Color  bool // bold, and black on white
	Cursor bool // a line may be rewritten, a block erased
	UTF8   bool
}

// surroundings are what a terminal's style follows from.
type surroundings struct {
	goos      string
	sequences bool // the console takes escape sequences; always so but on Windows
	getenv    func(string) string
}

// styleOf is a pure function; its specification is the table in its test.
//
// NO_COLOR is the convention of no-color.org, ACCESSIBLE that of several
// programs for screen readers, which read a line again whenever it is rewritten.
func styleOf(s surroundings) Style {
	if !s.sequences {
		return Style{}
	}
	term := s.getenv("TERM")
	if term == "dumb" || term == "unknown" || term == "" && s.goos != "windows" {
		return Style{UTF8: s.utf8()}
	}
	return Style{
		Color:  s.getenv("NO_COLOR") == "",
		Cursor: s.getenv("ACCESSIBLE") == "",
		UTF8:   s.utf8(),
	}
}

// utf8 reads the locale as setlocale(3) does: the first that is set counts.
func (s surroundings) utf8() bool {
	if s.goos == "windows" {
		return true // what is written to a console is converted for it
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(s.getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return s.goos == "darwin" // its terminals are, and over ssh nothing says so
}
