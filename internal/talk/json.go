package talk

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

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
	for _, r := range doc { // what is no UTF-8 comes as U+FFFD
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
