package commandline

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// What nobody sees, or a terminal obeys.
var unseen = []string{"\x1b[2J", "\x1b]0;t\a", "\x00", "\b", "\x7f", "\n", "\r", "\t", "\u0085", "\u009b2J", "\x9b2J", "\xff",
	"\u00ad", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2028", "\u2029", "\u2060", "\u061c", "\ufeff", "\u3164", "\u115f",
	"\uffa0", "\u034f", "\ufe0f", "\u180b", "\U000e0001", "\U000e0100", "\u00a0"}

func TestEscape(t *testing.T) {
	for _, s := range unseen {
		got := Escape("a"+s+"b", "")
		if strings.ContainsFunc(got, func(r rune) bool { return !Seen(r) }) || !strings.Contains(got, `\`) || !utf8.ValidString(got) {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
	for in, want := range map[string]string{
		"é漢 ß ж":            "é漢 ß ж",
		"a\nb\tc":           "a\nb\tc",
		"\x1b\u202e\x9b":    `\x1b\u202e\x9b`,
		"\u009b\U000e0001x": `\u009b\U000e0001x`,
	} {
		if got := Escape(in, "\n\t"); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// A shell reads the words that were joined, whatever is in them.
func TestLine(t *testing.T) {
	for _, w := range []string{"", "a", "it's", `"`, "a b", "a  b", "$(id)", "`id`", ";", "&&", "!x", "=ls", "~", "*", "#", `a\`, `\\`, "é漢", "--a=b c", "%NAME%", "{a,b}", "-"} {
		line := Line("linux", "--first=1", w)
		if runtime.GOOS == "windows" { // which has no sh
			break
		}
		out, err := exec.Command("/bin/sh", "-c", `for w in `+line+`; do printf '%s\n' "$w"; done`).Output()
		if want := "--first=1\n" + w + "\n"; err != nil || string(out) != want {
			t.Errorf("%s is read as %q, %v; want %q", line, out, err, want)
		}
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, s := range unseen {
			line := Line(goos, "kubectl", "--context=dev"+s, "--user", "u"+s, "get", "n"+s)
			if !strings.HasPrefix(line, "kubectl get (add what cannot be pasted: --context") || !strings.Contains(line, ", --user") ||
				!strings.Contains(line, ", a name") || strings.ContainsFunc(line, func(r rune) bool { return !Seen(r) }) {
				t.Errorf("%s, %q: %s", goos, s, line)
			}
		}
	}
}

// What cmd, PowerShell and CommandLineToArgvW all make one word of again; else
// the value is not in the line.
func TestQuoteWindows(t *testing.T) {
	for in, want := range map[string]string{
		`--ca-file=C:\certs\ca.pem`:      `--ca-file=C:\certs\ca.pem`,
		`\\server\share\ca.pem`:          `\\server\share\ca.pem`,
		`--cache-dir=C:\Users\`:          `--cache-dir=C:\Users\`,
		`--cache-dir=C:\Users\A B\cache`: `"--cache-dir=C:\Users\A B\cache"`,
		"--scope=email,groups":           `"--scope=email,groups"`,
		"--user=a@b.example":             `"--user=a@b.example"`,
		"a&b":                            `"a&b"`,
		"Jürgen":                         `"Jürgen"`,
	} {
		if got, ok := Quote("windows", in); got != want || !ok {
			t.Errorf("%s: %s, %v, want %s", in, got, ok, want)
		}
	}
	for _, value := range []string{"", "$(calc)", "a`b", "%PATH%", "100%", `a"b`, "a!b!", `C:\A B\`, "a|b", "a>b", "a^b", "it's", "“x”", "‘x’", "„x", "$env:X", "*", "?", "a\tb"} {
		if got, ok := Quote("windows", value); ok {
			t.Errorf("%s: pasted as %s", value, got)
		}
		if value == "" {
			continue
		}
		got := Line("windows", "sso-exec", "login", "--issuer=https://x.example", "--client-id=a"+value)
		if want := "sso-exec login --issuer=https://x.example (add what cannot be pasted: --client-id)"; got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}
