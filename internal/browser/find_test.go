package browser

import (
	"os"
	"path/filepath"
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
		" \t ":                                 nil,
		"日本 語":                                 {"日本", "語"},
	} {
		if got, err := split(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("split(%q) is %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`"open`, `'`, `a "b' c`} {
		if got, err := split(in); err == nil {
			t.Errorf("split(%q) is %q", in, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" 'd'`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := split(s)
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
		if again, err := split(strings.Join(words, " ")); err != nil || len(again) != len(words) {
			t.Errorf("split(%q): %q, then %q, %v", s, words, again, err)
		}
	})
}

func FuzzCheckURL(f *testing.F) {
	f.Add("https://x.example/?a=b")
	f.Fuzz(func(t *testing.T, s string) {
		if checkURL(s) == nil && (!strings.HasPrefix(s, "http") || strings.ContainsAny(s, "\"\\ \n\x00")) {
			t.Errorf("%q would be opened", s)
		}
	})
}

func TestParse(t *testing.T) {
	for _, s := range []string{"", "  ", "no-such-browser-here --x", "/no/such/browser", `"`, t.TempDir(), "''"} {
		if c, err := here().Parse(s); err == nil {
			t.Errorf("%q is %+v", s, c)
		}
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"xbrowser.exe", "lynx.exe", "a b.exe"} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// A program in the working directory is not found by its bare name, but by
	// its path.
	t.Setenv("PATH", "."+string(os.PathListSeparator)+string(os.PathListSeparator)+"bin")
	if c, err := here().Parse("xbrowser.exe"); err == nil {
		t.Errorf("found %+v in the working directory", c)
	}
	c, err := here().Parse("./xbrowser.exe --x")
	if err != nil || !filepath.IsAbs(c.Program) || filepath.Base(c.Program) != "xbrowser.exe" || !slices.Equal(c.Args, []string{"--x"}) {
		t.Errorf("by its path it is %+v, %v", c, err)
	}
	if c, err := here().Parse(filepath.Join(dir, "lynx.exe")); err == nil || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := here().Parse(filepath.Join(dir, "a b.exe")); err != nil || filepath.Base(c.Program) != "a b.exe" || len(c.Args) != 0 {
		t.Errorf("a path with a space is %+v, %v", c, err)
	}
	t.Setenv("PATH", "."+string(os.PathListSeparator)+dir)
	if c, err := here().Parse("xbrowser.exe"); err != nil && !strings.Contains(err.Error(), "not found") || err == nil && c.Program != filepath.Join(dir, "xbrowser.exe") {
		t.Errorf("in PATH, after the working directory: %+v, %v", c, err)
	}
}

// $BROWSER is a list: what can be found is tried, and of the rest is said why
// not.
func TestFromVariable(t *testing.T) {
	list := func(s ...string) string { return strings.Join(s, string(os.PathListSeparator)) }
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"xbrowser.exe", "w3m.exe"} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for value, want := range map[string]struct {
		found  []string // the arguments
		passed []string
	}{
		"":                             {},
		list("", " ", ""):              {},
		"no-such-browser":              {nil, []string{"was not found"}},
		self(t):                        {[]string{""}, nil},
		list(self(t), self(t)+" --x"):  {[]string{"", "--x"}, nil},
		list("no-such", self(t)+" &"):  {[]string{""}, []string{"was not found"}},
		list(`"open`, self(t)+" a %s"): {[]string{"a %s"}, []string{"open quote"}},
		strings.Repeat(list("", ""), 99) + self(t):             {nil, []string{"only its first 16 entries"}},
		list("./xbrowser.exe", self(t)):                        {[]string{""}, []string{"relative to the working directory"}},
		list(filepath.Join(dir, "w3m.exe"), self(t)):           {[]string{""}, []string{"needs the terminal"}},
		list("no-such\x1b[2J", "./x", filepath.Join(dir, "y")): {nil, []string{`"no-such\x1b[2J"`, "relative", "was not found"}},
	} {
		found, passed := here().FromVariable(value)
		var args []string
		for _, c := range found {
			if c.Program != self(t) {
				t.Errorf("BROWSER=%q: %q", value, c.Program)
			}
			args = append(args, strings.Join(c.Args, " "))
		}
		ok := slices.Equal(args, want.found) && len(passed) == len(want.passed)
		for i := range want.passed {
			ok = ok && strings.Contains(passed[i], want.passed[i])
		}
		if !ok {
			t.Errorf("BROWSER=%q: %q and %q, want %q and %q", value, args, passed, want.found, want.passed)
		}
	}
}

func TestSystem(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range here().System() {
		if !filepath.IsAbs(c.Program) {
			t.Errorf("%+v", c)
		}
	}
}
