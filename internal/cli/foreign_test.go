package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/cli/command"
)

// What other programs call it is not what something here is called, and what it is
// here exists.
func TestForeign(t *testing.T) {
	flags, words := map[string]bool{}, map[string]bool{}
	command.Each(NewRoot(), func(c *cobra.Command) {
		words[strings.TrimPrefix(c.CommandPath(), "sso-exec ")] = true
		c.Flags().VisitAll(func(f *pflag.Flag) { flags["--"+f.Name], flags["-"+f.Shorthand] = true, true })
	})
	for i, f := range foreign {
		known, name := words, strings.Join(slices.DeleteFunc(strings.Fields(f.ours), func(word string) bool {
			return word[0] == '-'
		}), " ")
		if f.theirs[0] == '-' {
			known = flags
			name, _, _ = strings.Cut(f.ours, "=")
		}
		its, _, _ := strings.Cut(f.theirs, "=")
		if !known[name] || known[its] && its != "--username" && its != "--role" {
			t.Errorf("%q is %q here: known are %v and %v", f.theirs, f.ours, known[its], known[name])
		}
		for _, before := range foreign[:i] {
			if strings.HasPrefix(f.theirs, before.theirs+" ") || f.theirs == before.theirs {
				t.Errorf("%q comes after %q, and is never found", f.theirs, before.theirs)
			}
		}
	}
}

// Odd command lines are not made worse, and nothing is said where nothing is known.
func TestInOurWordsOfOdd(t *testing.T) {
	for _, line := range []string{"", "login", "login --nothing", "confg view", "-", "--", "-- auth login", "login -p",
		"kube --grant-type", "= -=", "--=x -p=", "kube get-token"} {
		words, hints := inOurWords(strings.Fields(line))
		if line == "--=x -p=" || line == "kube get-token" {
			continue // whatever, but it ends
		}
		if words != "" || hints != nil {
			t.Errorf("%q: %q %q", line, words, hints)
		}
	}
}
