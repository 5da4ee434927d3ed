package account

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// No line of status and whoami is wider than the terminal except for a word that is,
// and a value is never glued to its label.
func TestSheetFits(t *testing.T) {
	now := time.Now()
	later := now.Add(30 * time.Hour)
	s := sessionStatus{ID: "0123456789ab", Profiles: []string{"corp"}, Account: "alice", Issuer: "https://login.example",
		ClientID:     "cli",
		Organization: "of the people who sign in with a name of many words that fits no line at all, wherever it begins",
		Flow:         "pkce", SignedInAt: now, AccessFrom: now, AccessUntil: later, SessionUntil: later, Renews: true,
		Store: "file", tokens: 1,
		Derived: []derivedStatus{{"token", "an audience", now, later}, {"token", "", now, now.Add(-time.Hour)}}}
	ended := []known{{status: s, o: &settings.Resolved{}}}
	who := identityStatus{Account: "alice", Issuer: s.Issuer, ClientID: "cli", Flow: "pkce", SignedInAt: now,
		Claims: map[string]json.RawMessage{"preferred_username": []byte(`"al"`),
			"groups": []byte(`["one of them","another of them","a third one","and the last of all of them"]`)},
		Tokens: identityOf(cache.Entry{Session: &cache.Session{}}).Tokens}
	who.Tokens = append(who.Tokens, tokenStatus{"id", []string{"cli"}, later, "every cluster and account of those that " +
		"trust this provider and this audience, and no others", "org_01"})
	for _, columns := range []int{80, 59, 40, 30} {
		for _, style := range []terminal.Style{{}, {UTF8: true}} {
			text := statusText([]sessionStatus{s}, style, columns, now) + endedText(ended, columns) +
				whoamiText(who, talk.Sheet{Text: &strings.Builder{}, Style: style, Columns: columns}, "sso-exec token")
			for line := range strings.Lines(text) {
				line = strings.TrimRight(line, "\n")
				if strings.Contains(line, "run: sso-exec") {
					continue // a command to copy is never broken
				}
				if n := utf8.RuneCountInString(line); n > columns && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%d columns: %d in %q", columns, n, line)
				}
				if strings.HasSuffix(line, ", until") {
					t.Errorf("%d columns: %q is torn", columns, line)
				}
			}
			if !strings.Contains(text, "  preferred_username\n") {
				t.Errorf("%d columns: a long label is not alone:\n%s", columns, text)
			}
		}
	}
}

// The values of a row begin in one column.
func TestSheetRows(t *testing.T) {
	for _, c := range []struct {
		columns int
		label   string
		values  []string
		want    string
	}{
		{80, "derived", []string{"a role", "its life"}, "  derived       a role\n                its life\n"},
		{80, "a label of 14..", []string{"one", "two"}, "  a label of 14..\n                one\n                two\n"},
		{80, "12345678901234", []string{"one"}, "  12345678901234\n                one\n"},
		{80, "1234567890123", []string{"one"}, "  1234567890123 one\n"},
		{40, "short", []string{"fits"}, "  short         fits\n"},
		{40, "derived", []string{"a role", "more words than fit next to it"},
			"  derived\n    a role\n    more words than fit next to it\n"},
		{40, "url", []string{"https://login.example.com/of/somewhere/else"},
			"  url\n    https://login.example.com/of/somewhere/else\n"},
		{80, "none", []string{"", "\x1b"}, ""},
		{80, "some", []string{"", "x"}, "  some          x\n"},
	} {
		b := &strings.Builder{}
		talk.Sheet{Text: b, Columns: c.columns}.Row(c.label, c.values...)
		if b.String() != c.want {
			t.Errorf("%d, %s: %q, want %q", c.columns, c.label, b, c.want)
		}
	}
}
