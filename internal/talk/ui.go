package talk

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
)

// Unbroken keeps a text on its line.
func Unbroken(r rune) rune {
	if r == '\n' || r == '\r' || r == '\t' {
		return ' '
	}
	return r
}

// below begins a line that belongs to the one before, where others may write too.
const below = "sso-exec:   "

// explain tells which flow was chosen, and by which facts.
func explain(c flows.Choice, notes []string) {
	fmt.Fprintf(Stderr, "sso-exec: flow: %s, prompt: %s\n", cmp.Or(c.Flow, "none"), cmp.Or(c.Prompt, "nowhere"))
	for _, why := range slices.Concat(c.Why, notes) {
		fmt.Fprintf(Stderr, below+"%s\n", OneLine(why))
	}
	if len(c.Then) > 0 {
		fmt.Fprintf(Stderr, below+"if that fails: %s\n", strings.Join(c.Then, ", then "))
	}
}

// Rough renders a duration as people say it.
func Rough(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d seconds", max(0, int(d.Round(time.Second).Seconds())))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}

// Paste joins words into a command that can be pasted into a shell.
func Paste(words ...string) string { return commandline.Line(commandline.Here, words...) }

// Positional is a word that is not to be taken for a flag.
func Positional(word string) []string {
	if strings.HasPrefix(word, "-") {
		return []string{"--", word}
	}
	return []string{word}
}

// Quote makes a word safe to paste into a shell. One that cannot be pasted is
// shown with escapes; on Windows it stands for itself.
func Quote(s string) string {
	if quoted, ok := commandline.Quote(commandline.Here, s); ok {
		return quoted
	}
	if commandline.Here == commandline.Windows {
		return "NAME"
	}
	return Paste(commandline.Escape(s, ""))
}

// Out is stdout for what people read; tools' documents go to os.Stdout.
var Out io.Writer = visibleWriter{os.Stdout}

// Print writes a text to Out.
func Print(text string) error {
	_, err := io.WriteString(Out, text)
	return err
}

// visibleWriter is the last door before a terminal: a text may have names in it
// that are others'. Their line breaks are up to who puts them in.
type visibleWriter struct{ w io.Writer }

func (v visibleWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(v.w, Visible(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Visible writes what a terminal would obey, or nobody would see, as escapes.
func Visible(text string) string { return commandline.Escape(text, "\n\t") }
