// Package commandline knows what is typed and read at a shell: it splits commands
// that a setting names into words (split.go), finds their programs (program.go), and
// joins words into a command that can be pasted, with nothing in it that a terminal
// obeys (quote.go). No shell is run.
package commandline

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Split splits a line at white space outside of single and double quotes; an
// empty one has no words. There are no variables. Outside of quotes a backslash
// takes white space, a quote or a backslash as it is, but not on Windows, where it
// stands in every path; before anything else it stays. An error says what the line
// has that it must not have, in words that go after its name.
func Split(line string) ([]string, error) { return split(line, runtime.GOOS != "windows") }

func split(line string, escapes bool) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for i, r := range line {
		switch {
		case r == 0:
			return nil, errors.New("has a zero byte in it")
		case escaped:
			word.WriteRune(r)
			escaped = false
		case escapes && quote == 0 && r == '\\' && i+1 < len(line) && strings.IndexByte(special, line[i+1]) >= 0:
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(space, r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("has an open quote")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

const (
	space   = " \t\n"
	special = space + `'"\`
)

// Command is Split for a line that must name a program.
func Command(line string) ([]string, error) {
	words, err := Split(line)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the command %w", err)
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("there is no command")
	}
	return words, nil
}
