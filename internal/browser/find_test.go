package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
	if err != nil || !filepath.IsAbs(c.Program) || filepath.Base(c.Program) != "xbrowser.exe" ||
		!slices.Equal(c.Args, []string{"--x"}) {
		t.Errorf("by its path it is %+v, %v", c, err)
	}
	if c, err := here().Parse(filepath.Join(dir, "lynx.exe")); err == nil || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := here().Parse(filepath.Join(dir, "a b.exe")); err != nil || filepath.Base(c.Program) != "a b.exe" ||
		len(c.Args) != 0 {
		t.Errorf("a path with a space is %+v, %v", c, err)
	}
	t.Setenv("PATH", "."+string(os.PathListSeparator)+dir)
	if c, err := here().Parse("xbrowser.exe"); err != nil && !strings.Contains(err.Error(), "not found") || err == nil &&
		c.Program != filepath.Join(dir, "xbrowser.exe") {
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
		strings.Repeat(list("", ""), 99) + self(t):   {nil, []string{"only its first 16 entries"}},
		list("./xbrowser.exe", self(t)):              {[]string{""}, []string{"relative to the working directory"}},
		list(filepath.Join(dir, "w3m.exe"), self(t)): {[]string{""}, []string{"needs the terminal"}},
		list("no-such\x1b[2J", "./x", filepath.Join(dir, "y")): {nil,
			[]string{`"no-such\x1b[2J"`, "relative", "was not found"}},
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
