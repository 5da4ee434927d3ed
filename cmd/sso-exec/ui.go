package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
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
	for _, h := range o.withSecret(hints(o, err)) {
		fmt.Fprintf(stderr, "  %s\n", strings.Map(unbroken, h)) // all of it: it may be there to be pasted
	}
}

// warn says what does not keep a command from its work.
func warn(err error) { fmt.Fprintf(stderr, "sso-exec: warning: %s\n", oneLine(err.Error())) }

// unbroken keeps a text on its line.
func unbroken(r rune) rune {
	if r == '\n' || r == '\r' || r == '\t' {
		return ' '
	}
	return r
}

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

// paste joins words into a command that can be pasted into a shell.
func paste(words ...string) string { return commandline.Line(runtime.GOOS, words...) }

// positional is a word that is not to be taken for a flag.
func positional(word string) []string {
	if strings.HasPrefix(word, "-") {
		return []string{"--", word}
	}
	return []string{word}
}

// quote makes a word safe to paste into a shell. One that cannot be pasted is
// shown with escapes; on Windows it stands for itself.
func quote(s string) string {
	if quoted, ok := commandline.Quote(runtime.GOOS, s); ok {
		return quoted
	}
	if runtime.GOOS == "windows" {
		return "NAME"
	}
	return paste(commandline.Escape(s, ""))
}

// out is stdout for what people read; tools' documents go to os.Stdout.
var out io.Writer = visibleWriter{os.Stdout}

// visibleWriter is the last door before a terminal: a text may have names in it
// that are others'. Their line breaks are up to who puts them in.
type visibleWriter struct{ w io.Writer }

func (v visibleWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(v.w, visible(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// visible writes what a terminal would obey, or nobody would see, as escapes.
func visible(text string) string { return commandline.Escape(text, "\n\t") }
