package commandline

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
		for _, escapes := range []bool{true, false} {
			if got, err := split(in, escapes); err != nil || !slices.Equal(got, want) {
				t.Errorf("Split(%q) is %q, %v, want %q (escapes: %v)", in, got, err, want, escapes)
			}
		}
	}
	for _, in := range []string{`"open`, `'`, `a "b' c`} {
		if got, err := Split(in); err == nil {
			t.Errorf("Split(%q) is %q", in, got)
		}
	}
}

// A backslash, where it is not a path's.
func TestSplitEscapes(t *testing.T) {
	for in, want := range map[string][2][]string{ // elsewhere, on Windows
		`/opt/My\ Browser/start`:    {{"/opt/My Browser/start"}, {`/opt/My\`, "Browser/start"}},
		`/opt/My\ Browser/start %s`: {{"/opt/My Browser/start", "%s"}, {`/opt/My\`, "Browser/start", "%s"}},
		`a\ \ b\	c d`:               {{"a  b\tc", "d"}, {`a\`, `\`, `b\`, "c", "d"}},
		`it\'s \"x\"`:               {{"it's", `"x"`}, nil},
		`a\\b a\\ b`:                {{`a\b`, `a\`, "b"}, {`a\\b`, `a\\`, "b"}},
		`\  x`:                      {{" ", "x"}, {`\`, "x"}},
		`C:\dir\x sed s/\./\t/`:     {{`C:\dir\x`, "sed", `s/\./\t/`}, {`C:\dir\x`, "sed", `s/\./\t/`}},
		`'a\ b' "c\ d"`:             {{`a\ b`, `c\ d`}, {`a\ b`, `c\ d`}},
	} {
		for i, escapes := range []bool{true, false} {
			if got, err := split(in, escapes); !slices.Equal(got, want[i]) || (err != nil) != (want[i] == nil) {
				t.Errorf("Split(%q) is %q, %v, want %q (escapes: %v)", in, got, err, want[i], escapes)
			}
		}
	}
}

// The program of a config file's command starts at that file.
func TestFrom(t *testing.T) {
	root, err := filepath.Abs("/")
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string][]string{
		"./secret":              {root + "e t'c/secret"},
		" ./secret  a 'b c' ''": {root + "e t'c/secret", "a", "b c", ""},
		`"./my tools/x" '"'`:    {root + "e t'c/my tools/x", `"`},
		"bin/x ./y":             {root + "e t'c/bin/x", "./y"},
		"../x":                  {root + "x"},
		"pass show ./x":         {"pass", "show", "./x"},
		"'" + root + `x' ./x`:   {root + "x", "./x"},
	} {
		got, err := Command(From(root+"e t'c", line))
		if filepath.IsAbs(want[0]) {
			want[0] = filepath.Clean(want[0])
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"", " ", "./a 'b", "'' a"} {
		if got := From("/etc", line); got != line {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// A name is looked for in the absolute directories of PATH, whatever else it has.
func TestLookPath(t *testing.T) {
	here, bin := t.TempDir(), t.TempDir()
	ext := ""
	if runtime.GOOS == "windows" {
		ext = ".exe"
	}
	for _, path := range []string{filepath.Join(here, "both"), filepath.Join(here, "here"), filepath.Join(here, "sub", "both"), filepath.Join(bin, "both")} {
		_ = os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path+ext, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(here)
	for _, dirs := range [][]string{
		{"."}, {""}, {"sub"}, {"./sub"}, {".", ""}, {"", ".", "sub"}, {"sub", filepath.Join(bin, "none")},
	} {
		t.Setenv("PATH", strings.Join(append(dirs, bin), string(filepath.ListSeparator)))
		if got, err := LookPath("both"); err != nil || got != filepath.Join(bin, "both"+ext) {
			t.Errorf("PATH=%s: %q, %v", os.Getenv("PATH"), got, err)
		}
		if got, err := LookPath("here"); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("PATH=%s: %q, %v", os.Getenv("PATH"), got, err)
		}
	}
	if got, err := LookPath("./here"); err != nil || got != "./here"+ext {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" 'd'`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := Split(s)
		if err != nil {
			return
		}
		if again, err := Split(join(words)); err != nil || !slices.Equal(again, words) {
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
