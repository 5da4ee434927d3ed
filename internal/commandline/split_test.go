package commandline

import (
	"slices"
	"strings"
	"testing"
)

// Words as a shell would split them with quotes alone: nothing else is special.
func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"firefox":                              {"firefox"},
		"  firefox \t --new-window  ":          {"firefox", "--new-window"},
		`"/Program Files/b" 'a b'`:             {"/Program Files/b", "a b"},
		`a"b c"d'e f'`:                         {"ab cde f"},
		`open "" ''`:                           {"open", "", ""},
		`x "it's" '"'`:                         {"x", "it's", `"`},
		`x $HOME $(id) ; rm -rf / | y > z & \`: {"x", "$HOME", "$(id)", ";", "rm", "-rf", "/", "|", "y", ">", "z", "&", `\`},
		"":                                     nil,
		" \t\n":                                nil,
		"日本 語":                                 {"日本", "語"},
	} {
		if got, err := Split(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("Split(%q) is %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`"open`, `'`, `a "b' c`} {
		if got, err := Split(in); err == nil {
			t.Errorf("Split(%q) is %q", in, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" 'd'`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := Split(s)
		if err != nil {
			return
		}
		// Quoting each word again gives the same words.
		for i, w := range words {
			switch {
			case !strings.Contains(w, "'"):
				words[i] = "'" + w + "'"
			case !strings.Contains(w, `"`):
				words[i] = `"` + w + `"`
			default:
				return
			}
		}
		if again, err := Split(strings.Join(words, " ")); err != nil || len(again) != len(words) {
			t.Errorf("Split(%q): %q, then %q, %v", s, words, again, err)
		}
	})
}

func TestCommand(t *testing.T) {
	for line, want := range map[string][]string{
		"a":                      {"a"},
		"  a\tb\n":               {"a", "b"},
		`"C:\Program Files\x" y`: {`C:\Program Files\x`, "y"},
		`a '' "b 'c'"`:           {"a", "", "b 'c'"},
		"a; rm $X `b`":           {"a;", "rm", "$X", "`b`"},
	} {
		if got, err := Command(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"", " ", "a 'b", `"`, "'' a", "a\x00b"} {
		if got, err := Command(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}
