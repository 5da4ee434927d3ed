// Package commandline knows what is typed and read at a shell: it splits commands
// that a setting names into words and finds their programs (split.go), and
// joins words into a command that can be pasted, with nothing in it that a terminal
// obeys (quote.go). No shell is run.
package commandline

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Split splits a line at white space outside of single and double quotes; an
// empty one has no words. There are no variables. Outside of quotes a backslash
// takes white space, a quote or a backslash as it is, but not on Windows, where it
// stands in every path; before anything else it stays. An error says what the line
// has that it must not have, in words that go after its name.
func Split(line string) ([]string, error) { return split(line, Here != Windows) }

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
		return nil, errors.New("no command")
	}
	return words, nil
}

// LookPath finds a program: a bare name in the absolute directories of PATH and
// nowhere else, since in any other what is run would depend on where we are. A path
// is what it is. The error is of os/exec.
func LookPath(name string) (string, error) {
	if isPath(name) || name == "" {
		return exec.LookPath(name)
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if program, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return program, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// From has the program of a command start at a directory, if it is named by a
// relative path; one that begins with ~/ is not. A line that is not a command stays as
// it is.
func From(dir, line string) string {
	words, err := Command(line)
	if err != nil || !isPath(words[0]) || filepath.IsAbs(words[0]) || strings.HasPrefix(words[0], "~/") {
		return line
	}
	words[0] = filepath.Join(dir, words[0])
	return join(words)
}

// isPath reports whether a program is named by more than its name. On Windows
// "C:name" starts at that drive's working directory.
func isPath(name string) bool {
	return strings.ContainsRune(filepath.ToSlash(name), '/') || Here == Windows && strings.Contains(name, ":")
}

// join is the inverse of Split.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, special) {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// OwnPrefix begins the names of our variables.
const OwnPrefix = "SSO_EXEC_"

// passedOn are those of our variables that a command gets all the same: they
// tell where things are, for a kubectl in it that runs sso-exec again.
var passedOn = []string{"SSO_EXEC_CONFIG", "SSO_EXEC_CACHE_DIR"}

// WithoutOurs is an environment, NAME=VALUE each, without our settings, the secret ones
// above all.
func WithoutOurs(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		name = Fold(name)
		return strings.HasPrefix(name, OwnPrefix) && !slices.Contains(passedOn, name)
	})
}

// IsVariableName reports whether every shell takes a word for a variable's name.
func IsVariableName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
