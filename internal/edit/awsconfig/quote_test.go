package awsconfig

import (
	"slices"
	"strings"
	"testing"
)

// What Python's shlex.split makes of a line; two of the results are errors.
func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                     nil,
		" \t\r\n ":             nil,
		"a  b\tc":              {"a", "b", "c"},
		`profile "my dev"`:     {"profile", "my dev"},
		`profile 'my dev'`:     {"profile", "my dev"},
		`a'b c'd"e f"g`:        {"ab cde fg"},
		`'' ""`:                {"", ""},
		`a\ b`:                 {"a b"},
		`'a\b' "a\b" a\b`:      {`a\b`, `a\b`, "ab"},
		`"a\"b" "a\\b" "a\$b"`: {`a"b`, `a\b`, `a\$b`},
		`'it'"'"'s'`:           {"it's"},
		`a#b #c ;d $e`:         {"a#b", "#c", ";d", "$e"},
		"a\u00a0b":             {"a\u00a0b"},
		`"a`:                   nil,
		`a\`:                   nil,
	} {
		got, err := splitWords(line)
		if !slices.Equal(got, want) || (err != nil) != (line == `"a` || line == `a\`) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}

var commands = []struct {
	words []string
	want  string // empty: refused
}{
	{[]string{"sso-exec", "aws", "--profile", "aws-dev"}, "sso-exec aws --profile aws-dev"},
	{[]string{"/usr/bin/sso-exec", "--role-arn=arn:aws:iam::1:role/a+b,c@d"},
		"/usr/bin/sso-exec --role-arn=arn:aws:iam::1:role/a+b,c@d"},
	{[]string{"/opt/my tools/sso-exec", "aws"}, "'/opt/my tools/sso-exec' aws"},
	{[]string{"/opt/my tools/sso-exec", "aws", "a b"}, "/'opt/my tools/sso-exec' aws 'a b'"},
	{[]string{"/opt/my tools/sso-exec"}, "/'opt/my tools/sso-exec'"},
	{[]string{"x", "it's"}, `x 'it'"'"'s'`},
	{[]string{"x", ""}, "x ''"},
	{[]string{"x", "$(id)", "`id`", "a&b", "a|b", "a>b", "~", "*", "!x", "{a,b}", `a"b`, `a\b`},
		"x '$(id)' '`id`' 'a&b' 'a|b' 'a>b' '~' '*' '!x' '{a,b}' 'a\"b' 'a\\b'"},
	{[]string{"A=b", "c"}, "'A=b' c"},
	{[]string{"x", "ü"}, "x 'ü'"},
	{[]string{"x", "a;b", "a#b"}, "x 'a;b' 'a#b'"},
	{[]string{"x", "a ;b"}, ""},
	{[]string{"x", "a #b"}, ""},
	{[]string{"x", "a\nb"}, ""},
	{[]string{"x", "a\x00b"}, ""},
	{[]string{"x", "a\x1b[31m"}, ""},
	{[]string{"x", `a\nb`}, ""},
	{[]string{"x", `a\"b`}, ""},
	{[]string{" x", "a b"}, ""}, // begins and ends with a quotation mark
	{[]string{""}, ""},
	{nil, ""},
}

func TestCommand(t *testing.T) {
	for _, goos := range []string{"linux", "darwin"} {
		for _, c := range commands {
			got, err := Command(goos, c.words)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q: %q, %v, want %q", c.words, got, err, c.want)
			}
			if words, err := splitWords(got); err != nil || c.want != "" && !slices.Equal(words, c.words) {
				t.Errorf("shlex makes %q, %v of %q", words, err, got)
			}
			if c.want != "" {
				set(t, "[default]\n", "dev", []KV{{"credential_process", got}})
			}
		}
	}
}

func TestCommandOnWindows(t *testing.T) {
	for _, words := range [][]string{
		{"sso-exec", "aws", "--profile", "aws-dev"},
		{`C:\PROGRA~1\sso-exec\sso-exec.exe`, "aws", "--issuer=https://login.example.com/a,b"},
	} {
		if got, err := Command("windows", words); err != nil || got != strings.Join(words, " ") {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
	for _, words := range [][]string{
		{`C:\Program Files\x.exe`}, {`C:\Users\nick\x.exe`}, {"C:/tools/x.exe"}, {"a=b"}, {"a,b"}, {"x", ""}, {"x",
			"a b"}, {"x", `a"b`}, {"x", "%PATH%"}, {"x", "a&b"},
		{"x", "a|b"}, {"x", "a^b"}, {"x", "a<b"}, {"x", "(a)"}, {"x", "!a!"}, {"x", "a;b"}, {"x", "'a'"}, {"x",
			"a\nb"}, {"x", "ü"},
	} {
		if got, err := Command("windows", words); err == nil || got != "" {
			t.Errorf("%q: %q", words, got)
		}
	}
}

// Whatever the words are: shlex reads them back, and they are no comment.
func FuzzCommand(f *testing.F) {
	f.Add("/opt/my tools/x", "it's", "$HOME")
	f.Add("x", "", "'")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		words := []string{a, b, c}
		for _, goos := range []string{"linux", "windows"} {
			line, err := Command(goos, words)
			if err != nil {
				continue
			}
			if goos == "windows" {
				if got := strings.Split(line, " "); !slices.Equal(got, words) {
					t.Fatalf("%q: %q", words, line)
				}
			} else if got, err := splitWords(line); err != nil || !slices.Equal(got, words) {
				t.Fatalf("%q: %q is split into %q, %v", words, line, got, err)
			}
			out, err := Set("", "dev", []KV{{"credential_process", line}})
			if value, ok := Get(out, "dev", "credential_process"); err != nil || !ok || value != line {
				t.Fatalf("%q is read as %q: %v", line, value, err)
			}
		}
	})
}
