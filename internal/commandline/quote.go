package commandline

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Seen reports whether a person sees a character as what it is. Not seen are what
// a terminal obeys (also above 0x7f), line breaks, marks of direction, and what
// has no width.
func Seen(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Escape writes what is not [Seen] as escapes (\x1b, \u202e), which are those of
// Go and of YAML's double quotes. Tabs, and line breaks where keep has them, stay.
func Escape(s, keep string) string {
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i]) // a terminal may obey single bytes
		case Seen(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// The shells that a line can be for.
const (
	POSIX   = "posix"
	Windows = "windows" // cmd and PowerShell both
)

// Line joins words into a command to paste into a shell. It stays one line. A word that
// cannot be pasted is left out, and the line says which.
func Line(shell string, words ...string) string {
	var line, left []string
	flag := "" // the word before, if that is one and is on the line
	for _, w := range words {
		quoted, ok := Quote(shell, w)
		if ok {
			if flag = ""; quoted == w && strings.HasPrefix(w, "--") {
				flag = w
			}
			line = append(line, quoted)
			continue
		}
		name, value, isFlag := strings.Cut(w, "=")
		switch {
		case isFlag && strings.HasPrefix(w, "--"):
		case flag != "":
			line, name, value = line[:len(line)-1], flag, w
		default:
			name, value = "a name", w
		}
		if shell != Windows {
			name += " " + quotePOSIX(Escape(value, ""))
		}
		left, flag = append(left, name), ""
	}
	if len(left) == 0 {
		return strings.Join(line, " ")
	}
	// A shell that is given this as it stands fails at the parenthesis.
	return strings.Join(line, " ") + " (add what cannot be pasted: " + strings.Join(left, ", ") + ")"
}

// Quote makes a word safe to paste into a shell. ok is false if there is no way to write
// it there.
func Quote(shell, word string) (quoted string, ok bool) {
	if !utf8.ValidString(word) || strings.ContainsFunc(word, func(r rune) bool { return !Seen(r) }) {
		return "", false
	}
	if shell == Windows {
		return quoteWindows(word)
	}
	return quotePOSIX(word), true
}

func quotePOSIX(s string) string {
	if IsPlain(s, "-_=/:.,@%+") && s[0] != '=' { // zsh looks for a command of that name
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteWindows quotes what cmd, PowerShell (5.1 and 7) and CommandLineToArgvW all
// read as the same word, which little is: in double quotes cmd replaces %NAME%,
// PowerShell $NAME and backticks, and it ends them at typographic double quotes too. An
// apostrophe is only a character there (about_Quoting_Rules). The two PowerShells differ
// in an empty word, in a double quote, and in a backslash before one.
func quoteWindows(s string) (string, bool) {
	switch {
	case IsPlain(s, `-_=/:.+\`):
		return s, true
	case s == "" || strings.HasSuffix(s, `\`):
		return "", false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`-_=/:.+\ ,@#~()[]{};&'`, r) {
			return "", false
		}
	}
	return `"` + s + `"`, true
}

// IsPlain reports whether a text has nothing but ASCII letters, digits and also.
func IsPlain(s, also string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(also, r)
	})
}

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
