// Package browser opens a page in the person's browser: found by absolute path,
// run without a shell, detached, with none of our output, none of our open files
// and no secrets in its environment.
package browser

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/userfile"
)

// None is the name that opens nothing.
const None = "none"

// A Command starts a browser, or something that asks one to show a page.
type Command struct {
	Program string   // by absolute path
	Args    []string // %s stands for the URL and %% for %; if no word has %s, the URL comes last

	system bool // the system's own way, which may look at $BROWSER again
	alone  bool // its environment is that of [Environment]
}

// Commands are tried in their order until one opens the page.
type Commands []Command

// words are the arguments for a URL. The convention is that of $BROWSER, as
// sensible-browser and Python's webbrowser have it; other signs after a % are
// left alone.
func (c Command) words(url string) []string {
	args := slices.Clone(c.Args)
	placed := false
	for i, a := range args {
		// In one pass, so that nothing in the URL is taken for a sign.
		args[i] = strings.NewReplacer("%%", "%", "%s", url).Replace(a)
		placed = placed || strings.Contains(strings.ReplaceAll(a, "%%", ""), "%s")
	}
	if !placed {
		args = append(args, url)
	}
	return args
}

// textMode are browsers that draw on the terminal. What we start has none, and
// ours may be another program's.
var textMode = []string{"browsh", "carbonyl", "cha", "edbrowse", "elinks", "links", "links2", "lynx", "netrik",
	"retawq", "w3m", "www-browser"}

// checkTerminal refuses one of them; name is how it was spelt.
func (c Command) checkTerminal(name string) error {
	if slices.Contains(textMode, strings.TrimSuffix(filepath.Base(c.Program), ".exe")) {
		return fmt.Errorf("the browser %q needs the terminal for itself", name)
	}
	return nil
}

// checkURL refuses what is not a web page. A URL is an argument of a program that
// we do not know: it must not look like an option, a file or another protocol's
// address, nor hold anything that RFC 3986 has not, such as a quote, with which
// a program that splits its command line again (rundll32) could be led astray.
// The URL itself is in no error: it holds the state.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !strings.HasPrefix(s, u.Scheme+"://") {
		return errors.New("only http and https addresses are opened")
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) {
			return fmt.Errorf("the address holds a character that no address has (%q)", r)
		}
	}
	return nil
}

// Alone is the commands with an environment of their own: no variable of the caller's
// chooses what they run.
func (cs Commands) Alone() Commands {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].alone = true
	}
	return cs
}

// Environment is that of a program that no variable may change: a fixed PATH, the home
// in the user's entry, the display and the bus.
func Environment() []string {
	env := []string{"PATH=" + SystemPath}
	if home, err := userfile.EntryHome(); err == nil {
		env = append(env, "HOME="+home)
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS", "LANG", "TMUX", "SystemRoot", "USERPROFILE", "LocalAppData", "AppData"} {
		v := os.Getenv(name)
		switch name {
		case "DBUS_SESSION_BUS_ADDRESS": // unixexec: is a program
			if !strings.HasPrefix(v, "unix:") || strings.Contains(v, ";") {
				continue
			}
		case "XAUTHORITY", "XDG_RUNTIME_DIR":
			if !filepath.IsAbs(v) {
				continue
			}
		}
		if v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
