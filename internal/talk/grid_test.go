package talk

import (
	"testing"

	"github.com/sso-exec/sso-exec/internal/terminal"
)

// A line is broken between words, and what may be pasted is not.
func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"sso-exec: short: it fits\n":                            "sso-exec: short: it fits\n",
		"sso-exec: what failed: for a reason that is long\n":    "sso-exec: what failed: for a reason\n  that is long\n",
		"  no prompt: there is no terminal in this place\n":     "  no prompt: there is no terminal in\n  this place\n",
		"  to sign in, run: sso-exec login --profile corp\n":    "  to sign in, run: sso-exec login --profile corp\n",
		"  give --issuer URL, or name it in a profile\n":        "  give --issuer URL, or name it in a\n  profile\n",
		"  check why first; fix it with: chmod go-w /a/path\n":  "  check why first; fix it with: chmod go-w /a/path\n",
		"  aws iam update-role --role-name x --max-session 1\n": "  aws iam update-role --role-name x --max-session 1\n",
		"sso-exec:   there is no display here, since it is so\n": "sso-exec:   there is no display\n" +
			"sso-exec:   here, since it is so\n",
		"sso-exec: https://login.example.com/a/long/address\n": "sso-exec:\n  https://login.example.com/a/long/address\n",
	} {
		if got := fold(text, 36); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// A table that is too wide for the terminal is blocks, none of whose lines is, except for long words.
func TestGrid(t *testing.T) {
	rows := func() [][]string {
		return [][]string{{"* corp", "https://login.example.com", ""}, {"  other", "https://x.example", "c\x1b[2J"}}
	}
	const table = "  NAME   ISSUER                     CLIENT\n" +
		"* corp   https://login.example.com  -\n  other  https://x.example          c[2J\n"
	const blocks = "* corp\n  issuer\n    https://login.example.com\n" +
		"other\n  issuer        https://x.example\n  client        c[2J\n"
	for columns, want := range map[int]string{80: table, 42: table, 36: blocks} {
		if got := grid([]string{"  NAME", "ISSUER", "CLIENT"}, rows(), terminal.Style{}, columns); got != want {
			t.Errorf("%d columns:\n%s, want\n%s", columns, got, want)
		}
	}
	for columns, want := range map[int]string{80: "system  /etc/a  none\nuser\n", 16: "system\n  /etc/a\n  none\nuser\n"} {
		got := grid(nil, [][]string{{"system", "/etc/a", "none"}, {"user", "", ""}}, terminal.Style{}, columns)
		if got != want {
			t.Errorf("%d columns:\n%s, want\n%s", columns, got, want)
		}
	}
}
