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
		"O'Brien":                        `"O'Brien"`,
		`--ca-file=C:\Users\O'Brien\ca`:  `"--ca-file=C:\Users\O'Brien\ca"`,
		"'it's'":                         `"'it's'"`,
	} {
		if got, ok := Quote("windows", in); got != want || !ok {
			t.Errorf("%s: %s, %v, want %s", in, got, ok, want)
		}
	}
	for _, value := range []string{
		"", "$(calc)", "a`b", "%PATH%", "100%", `a"b`, "a!b!", `C:\A B\`, "a|b", "a>b", "a^b", "it's $5", "it's\"", "“x”",
		"‘x’", "„x", "$env:X", "*", "?", "a\tb",
	} {
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

// Whatever is quoted, each of the three reads it as the one word that it was.
func TestQuoteWindowsIsRead(t *testing.T) {
	quoted := 0
	for c := rune(' '); c < 0x2100; c++ {
		for _, format := range []string{"aC", "Ca", "aC b", "C", "a bC", "CC", `\C`, "C x C"} {
			word := strings.ReplaceAll(format, "C", string(c))
			q, ok := Quote(Windows, word)
			if !ok {
				continue
			}
			quoted++
			for shell, read := range map[string]func(string) (string, bool){"cmd": cmdReads, "PowerShell": powerShellReads} {
				if got, ok := read(q); !ok || got != word {
					t.Errorf("%s reads %s as %q, %v", shell, q, got, ok)
				}
			}
		}
	}
	if quoted < 8*26 {
		t.Errorf("only %d were quoted", quoted)
	}
	for line, want := range map[string]bool{`"a b"`: true, `a b`: false, `"a`: false, `a&b`: false, `"%x%"`: false,
		`a"b"`: true, `"a\"`: false} {
		if _, ok := cmdReads(line); ok != want {
			t.Errorf("cmd: %s: %v", line, ok)
		}
	}
	for line, want := range map[string]bool{
		`"it's"`: true, `it's`: false, `"a”`: true, `"a” b`: false, "\"a`b\"": false,
		`"$x"`: false, `a,b`: false, `a b`: false, `@a`: false} {
		if _, ok := powerShellReads(line); ok != want {
			t.Errorf("PowerShell: %s: %v", line, ok)
		}
	}
}

// cmdReads is a word as cmd hands it over and CommandLineToArgvW splits it: outside quotes
// these characters do something, and % and ! inside too. Not ok is what is more than one
// word, or is not left as it is.
func cmdReads(line string) (word string, ok bool) {
	in := false
	for i, r := range line {
		switch {
		case r == '"' && i > 0 && line[i-1] == '\\': // a quote in the word
			return "", false
		case r == '"':
			in = !in
		case strings.ContainsRune("%!\r\n", r), !in && strings.ContainsRune("&|<>^() \t", r):
			return "", false
		default:
			word += string(r)
		}
	}
	return word, !in
}

// powerShellReads is a word as PowerShell reads it in the place of an argument
// (about_Quoting_Rules, about_Parsing; CharTraits.cs: typographic quotes are quotes).
func powerShellReads(line string) (word string, ok bool) {
	isDouble := func(r rune) bool { return strings.ContainsRune("\"“”„", r) }
	runes := []rune(line)
	if len(runes) > 1 && isDouble(runes[0]) {
		for i, r := range runes[1:] {
			switch {
			case isDouble(r):
				return word, i == len(runes)-2
			case r == '`' || r == '$':
				return "", false
			}
			word += string(r)
		}
		return "", false // no end
	}
	if strings.ContainsAny(line, " \t\r\n\"“”„'‘’‚‛`$|&;<>(){},@#") {
		return "", false
	}
	return line, true
}
