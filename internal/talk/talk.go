// Package talk speaks with a person: it writes errors, warnings, the prompts of a
// sign-in, tables, and JSON for scripts, and asks questions. Stdout is the tool's, so
// that everything else goes to stderr, or to the terminal where the calling tool keeps
// stderr to itself.
package talk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/commandline"
)

// HostOf is an issuer as people know it: by its host.
func HostOf(issuer string) string {
	if issuer == "" { // of a workload's own token
		return "its platform"
	}
	if u, err := url.Parse(issuer); err == nil {
		issuer = cmp.Or(u.Host, issuer)
	}
	return flows.Clean(issuer, 100)
}

// OrUnknown is an account as it is shown, or that it is not known.
func OrUnknown(account string) string {
	return flows.Clean(cmp.Or(account, "somebody"), 100)
}

// Clock tells a time as people do: today's by the clock, others with their day.
func Clock(t time.Time) string {
	t = t.Local()
	now := time.Now()
	switch days := t.Sub(now).Hours() / 24; {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case days > -6 && days < 6:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// Warn says what does not keep a command from its work, and what to do about it.
func Warn(err error, hints ...string) {
	text := "sso-exec: warning: " + OneLine(err.Error()) + "\n"
	for _, h := range hints {
		text += "  " + OneLine(h) + "\n"
	}
	fmt.Fprint(Stderr, text)
}

// OneLine keeps errors that wrap several in one line.
func OneLine(s string) string { return flows.Clean(s, 2000) }

// Stderr is where everything goes that is not the tool's document: past a
// prompt that is being shown, if there is one, so that neither tears the other.
var Stderr = &talk{}

type talk struct {
	mu     sync.Mutex
	prompt *prompt // what is being shown
	said   bool
}

// Write waits for a terminal that takes no output, but not for ever. A message is
// folded; what is asked of somebody, or shown to be copied, is not.
func (t *talk) Write(b []byte) (int, error) {
	if text := string(b); strings.HasPrefix(text, "sso-exec: ") && strings.HasSuffix(text, "\n") {
		if _, err := t.write([]byte(Fold(text, os.Stderr))); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return t.write(b)
}

func (t *talk) write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = true
	if t.prompt != nil && t.prompt.past {
		return visibleWriter{t.prompt.live}.Write(b)
	}
	return visibleWriter{os.Stderr}.Write(b)
}

// Said reports whether anything was written.
func (t *talk) Said() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// End ends the prompt. What follows begins on a line of its own.
func (t *talk) End() {
	if p := t.take(nil); p != nil {
		p.end()
		p.live.Stop()
	}
}

func (t *talk) begin(p *prompt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prompt = p
}

// take takes what is being shown off, if it is this one; nil: whichever it is.
func (t *talk) take(this *prompt) *prompt {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.prompt
	if this != nil && p != this {
		return nil
	}
	t.prompt = nil
	return p
}

// PrintJSON writes v to stdout. A claim may hold what a terminal takes for a
// command or for another direction of writing: such characters are escaped,
// which makes no other JSON.
func PrintJSON(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := os.Stdout.WriteString(escapeUnseen(b.String()))
	return err
}

// escapeUnseen escapes what no one sees in JSON beyond ASCII.
func escapeUnseen(doc string) string {
	var b strings.Builder
	for _, r := range doc { // what is not UTF-8 comes as U+FFFD
		switch {
		case r < 0x7f || commandline.Seen(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// Seconds is a time as JSON shows it to people's scripts: in UTC and without a
// fraction, which jq's fromdate does not take.
func Seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// OrEmpty is a list that JSON shows as [], and not as null.
func OrEmpty(list []string) []string { return append([]string{}, list...) }
