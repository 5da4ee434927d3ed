package commandline

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

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
// relative path; one that begins with ~/ is not. A line that is no command stays as
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
	return strings.ContainsRune(filepath.ToSlash(name), '/') || runtime.GOOS == "windows" && strings.Contains(name, ":")
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

// Fold gives a variable's name the spelling of its kin: Windows knows no case.
func Fold(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

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
