package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sso-exec/sso-exec/internal/commandline"
)

// A Finder finds programs on a system. What it looks at can be exchanged, so
// that every kind of place can be laid out in a directory.
type Finder struct {
	OS     string // a GOOS
	Getenv func(string) string
	Root   string // files are looked up below it; what is found is named without it
}

// Parse takes the command of --browser apart: words as a shell would split them
// with quotes alone. A path may be relative to the working directory, since who
// gives a flag knows where that is; a bare name is looked up in the absolute
// directories of PATH.
func (f Finder) Parse(s string) (Command, error) {
	words, err := f.split(s)
	if err != nil {
		return Command{}, err
	}
	if len(words) == 0 {
		return Command{}, errEmpty
	}
	name := words[0]
	if isPath(name) {
		if name, err = filepath.Abs(name); err != nil {
			return Command{}, err
		}
	}
	return f.command(name, words)
}

// Check tells what is wrong with a command of --browser wherever it is used. It
// looks at the system only if the command is no words: it may be the path of a
// program with a quote in it.
func Check(s string) error {
	words, err := commandline.Split(s)
	if err != nil {
		words, err = (Finder{OS: runtime.GOOS, Getenv: os.Getenv}).split(s)
	}
	switch {
	case err != nil:
		return err
	case len(words) == 0:
		return errEmpty
	}
	return Command{Program: words[0]}.checkTerminal(words[0])
}

var errEmpty = errors.New("the browser command is empty")

// FromVariable reads the value of $BROWSER: a list with the system's list
// separator, in which each entry is a command. It returns those that can be
// tried, and for each other entry why it was passed over, in words that fit
// after $BROWSER. A relative path is one of those: the variable comes from
// afar, and the working directory may be anybody's.
func (f Finder) FromVariable(value string) (Commands, []string) {
	var found Commands
	var passed []string
	entries := strings.SplitN(value, string(os.PathListSeparator), mostEntries+1)
	if len(entries) > mostEntries {
		entries = entries[:mostEntries]
		passed = append(passed, fmt.Sprintf("only its first %d entries are tried", mostEntries))
	}
	for _, entry := range entries {
		words, err := f.split(entry)
		// A last word & is Python's way to say that the browser stays in the
		// foreground; ours never waits.
		if n := len(words); err == nil && n > 1 && words[n-1] == "&" {
			words = words[:n-1]
		}
		var c Command
		switch {
		case err != nil:
		case len(words) == 0:
			continue
		case isPath(words[0]) && !filepath.IsAbs(words[0]):
			err = fmt.Errorf("%q is relative to the working directory", words[0])
		default:
			c, err = f.command(words[0], words)
		}
		if err != nil {
			passed = append(passed, err.Error())
			continue
		}
		found = append(found, c)
	}
	return found, passed
}

// mostEntries of $BROWSER are looked at: each is looked for in all of PATH.
const mostEntries = 16

// split is commandline.Split, except for the absolute path of a program with spaces in it and
// nothing after it: that is what people write on Windows and macOS.
func (f Finder) split(s string) ([]string, error) {
	if whole := strings.TrimSpace(s); filepath.IsAbs(whole) && f.executable(whole) {
		return []string{whole}, nil
	}
	words, err := commandline.Split(s)
	if err != nil {
		return nil, fmt.Errorf("the browser command %q %w", s, err)
	}
	return words, nil
}

func (f Finder) command(name string, words []string) (Command, error) {
	program, ok := f.LookPath(name)
	if !ok {
		return Command{}, fmt.Errorf("the browser %q was not found", words[0])
	}
	c := Command{Program: program, Args: words[1:]}
	if err := c.checkTerminal(words[0]); err != nil {
		return Command{}, err
	}
	return c, nil
}

// LookPath finds a program by its absolute path, or by its name in PATH, of
// which only absolute directories count: in any other, what is run would depend
// on where we are.
func (f Finder) LookPath(name string) (string, bool) {
	switch {
	case f.OS == "windows": // PATHEXT
		program, err := commandline.LookPath(name)
		return program, err == nil && filepath.IsAbs(program)
	case isPath(name):
		return name, filepath.IsAbs(name) && f.executable(name)
	case name == "":
		return "", false
	}
	for _, dir := range filepath.SplitList(f.Getenv("PATH")) {
		if program := filepath.Join(dir, name); filepath.IsAbs(dir) && f.executable(program) {
			return program, true
		}
	}
	return "", false
}

// System returns the system's own ways to open a page, best first.
func (f Finder) System() Commands {
	switch f.OS {
	case "windows":
		// Not "cmd /c start", which splits a URL at its ampersands.
		return f.first(nil, Command{Program: systemDirectory(f.Getenv) + `\rundll32.exe`,
			Args: []string{"url.dll,FileProtocolHandler"}})
	case "darwin":
		return f.first(nil, Command{Program: "/usr/bin/open"})
	}
	var found Commands
	for _, c := range []Command{{Program: "xdg-open"}, {Program: "gio", Args: []string{"open"}},
		{Program: "x-www-browser"}} {
		if c.Program == "gio" && len(found) > 0 {
			continue // it ends well whatever becomes of the page
		}
		var places []Command
		for _, dir := range systemDirs {
			places = append(places, Command{Program: dir + c.Program, Args: c.Args})
		}
		found = f.first(found, places...)
	}
	return found
}

// systemDirs are where systems keep what they install: first what stands before
// the distribution's own (distrobox puts its way to the host's xdg-open there),
// last NixOS and Guix. PATH is not asked: what opens pages should not depend on
// where somebody starts us from.
var systemDirs = []string{"/usr/local/bin/", "/usr/bin/", "/run/current-system/sw/bin/",
	"/run/current-system/profile/bin/"}

// FromWSL returns the ways to open a page on the Windows desktop from WSL:
// wslview of the wslu package, which finds its way even without a drive, and
// Windows' own. Drives is where Windows' drives are mounted, usually /mnt/.
func (f Finder) FromWSL(drives string) Commands {
	found := f.first(nil, Command{Program: "/usr/bin/wslview"})
	return f.first(found,
		Command{Program: drives + "c/Windows/System32/rundll32.exe", Args: []string{"url.dll,FileProtocolHandler"}})
}

// first appends the first of the commands whose program is there.
func (f Finder) first(found Commands, commands ...Command) Commands {
	for _, c := range commands {
		if f.executable(c.Program) {
			c.system = true
			return append(found, c)
		}
	}
	return found
}

// executable reports whether there is a program. Whether it is we who may run
// it shows when it is started: then the next one is tried.
func (f Finder) executable(path string) bool {
	if f.Root != "" {
		path = filepath.Join(f.Root, path)
	}
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && (f.OS == "windows" || st.Mode().Perm()&0o111 != 0)
}

func isPath(name string) bool { return strings.ContainsRune(filepath.ToSlash(name), '/') }
