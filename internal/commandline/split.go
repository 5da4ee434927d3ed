// Package commandline knows what is typed and read at a shell: it splits commands
// that a setting names into words (split.go), and joins words into a command that
// can be pasted, with nothing in it that a terminal obeys (quote.go). No shell is
// run.
package commandline

import (
	"errors"
	"fmt"
	"strings"
)

// Split splits a line at white space outside of single and double quotes; an
// empty one has no words. There are no variables and no escapes, since a backslash
// stands in every path of Windows. An error says what the line has that it must
// not have, in words that go after its name.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range line {
		switch {
		case r == 0:
			return nil, errors.New("has a zero byte in it")
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
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
