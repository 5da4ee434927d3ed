package commandline

import "strings"

// Clean makes a string from elsewhere fit for one line of a terminal or a log:
// characters that are not seen go (they could forge lines and move the cursor),
// and it ends after max characters.
func Clean(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !Seen(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > max {
		s = string(runes[:max]) + "…"
	}
	return s
}
