package browser

import (
	"fmt"
	"strings"
)

// split splits at spaces outside of single and double quotes. A backslash is
// nothing special: on Windows it stands in every path.
func split(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
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
		return nil, fmt.Errorf("the browser command %q has an open quote", s)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
