package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/flows"
)

// This file and prompt.go are all that is ever said to a person. Their rules:
//
//   - stdout is the tool's; everything here goes to stderr, or to the terminal
//     where the calling tool keeps stderr to itself.
//   - One line an error, "sso-exec: what failed: why", then what to do.
//   - A prompt is one calm block: who asks, where to go, what to enter.
//   - Nobody is told a device code, a token or a secret; their types cannot.

// complain says an error and what to do about it. o may be nil, if the failure
// came before there were settings.
func complain(o *options, err error) {
	stderr.end()
	if o == nil {
		o = &options{}
	}
	fmt.Fprintf(stderr, "sso-exec: %s\n", oneLine(err.Error()))
	for _, h := range hints(o, err) {
		indent := h[:len(h)-len(strings.TrimLeft(h, " "))] // of lines to be pasted
		fmt.Fprintf(stderr, "  %s%s\n", indent, oneLine(h))
	}
}

// warn says what does not keep a command from its work.
func warn(err error) { fmt.Fprintf(stderr, "sso-exec: warning: %s\n", oneLine(err.Error())) }

// oneLine keeps errors that wrap several in one line.
func oneLine(s string) string { return flows.Clean(s, 2000) }

// explain tells which flow was chosen, and by which facts.
func explain(c flows.Choice, notes []string) {
	flow, prompt := c.Flow, c.Prompt
	if flow == "" {
		flow = "none"
	}
	if prompt == flows.PromptNowhere {
		prompt = "nowhere"
	}
	fmt.Fprintf(stderr, "sso-exec: flow: %s, prompt: %s\n", flow, prompt)
	for _, why := range slices.Concat(c.Why, notes) {
		fmt.Fprintf(stderr, "sso-exec:   %s\n", oneLine(why))
	}
	if len(c.Then) > 0 {
		fmt.Fprintf(stderr, "sso-exec:   if that fails: %s\n", strings.Join(c.Then, ", then "))
	}
}

// rough renders a duration as people say it.
func rough(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d seconds", max(0, int(d.Round(time.Second).Seconds())))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}

// loginCommand is the command that signs in to the same session: with the flags
// and variables that were given, but for those that a sign-in does not have.
func loginCommand(o *options, without ...string) string {
	words := []string{"sso-exec", "login"}
	if o.flags == nil {
		return strings.Join(words, " ")
	}
	o.flags.VisitAll(func(f *pflag.Flag) {
		if !o.given[f.Name] || !slices.Contains(sessionFlags, f.Name) || slices.Contains(without, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			words = append(words, quote("--"+f.Name+"="+v))
		}
	})
	return strings.Join(words, " ")
}

// quote makes a word safe to paste into a shell: a POSIX one, on Windows cmd and
// PowerShell.
func quote(s string) string {
	if runtime.GOOS == "windows" {
		return quoteWindows(s)
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=/:.,@%+", r)
	}
	if strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteWindows quotes as CommandLineToArgvW reads it: a backslash means something
// only before a double quote. A comma makes a list in PowerShell.
func quoteWindows(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`-_=/:.+\`, r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	last := s[len(strings.TrimRight(s, `\`)):] // before our own quote
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + last + `"`
}
