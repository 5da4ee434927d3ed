// Package browser opens a page in the person's browser: found by absolute path,
// run without a shell, detached, with no output of ours and no secrets in its
// environment.
package browser

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// None is the name that opens nothing.
const None = "none"

// Command is a browser's command line. A word may contain %s for the URL; if
// none does, it is appended.
type Command []string

// Parse splits a command into words, as a shell would with quotes alone, and
// finds its program.
func Parse(s string) (Command, error) {
	words, err := split(s)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("the browser command is empty")
	}
	program, err := exec.LookPath(words[0])
	if err != nil {
		return nil, fmt.Errorf("browser %q was not found: %w", words[0], errors.Unwrap(err))
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	words[0] = program
	return words, nil
}

// FromEnvironment returns the first command of $BROWSER, a list with the
// system's list separator, that can be found.
func FromEnvironment() (Command, bool) {
	for _, s := range filepath.SplitList(os.Getenv("BROWSER")) {
		if c, err := Parse(s); err == nil {
			return c, true
		}
	}
	return nil, false
}

// System returns the system's own way to open a page.
func System() (Command, bool) {
	for _, c := range systemOpeners {
		if c[0] == "" || !filepath.IsAbs(c[0]) {
			continue
		}
		if st, err := os.Stat(c[0]); err == nil && st.Mode().IsRegular() {
			return slices.Clone(c), true
		}
	}
	return nil, false
}

// Open starts the browser and does not wait for it.
func (c Command) Open(url string) error {
	args := slices.Clone(c[1:])
	placed := false
	for i, a := range args {
		if strings.Contains(a, "%s") {
			args[i], placed = strings.ReplaceAll(a, "%s", url), true
		}
	}
	if !placed {
		args = append(args, url)
	}
	cmd := exec.Command(c[0], args...)
	cmd.Env = scrub(os.Environ())
	cmd.SysProcAttr = detached() // a Ctrl-C meant for us must not close the browser
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// scrub leaves out what a browser has no business to see.
func scrub(env []string) []string {
	// The names of variables that hold credentials. Compiled here: every run
	// would pay for it otherwise.
	secretName := regexp.MustCompile(`(?i)^SSO_EXEC_|^KUBERNETES_EXEC_INFO$|TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY`)
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return secretName.MatchString(name) && name != "XDG_ACTIVATION_TOKEN"
	})
}

// split splits at spaces outside of single and double quotes.
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
