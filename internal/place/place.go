// Package place looks at where the command runs: who would see a prompt, what
// would open a page, and whether that is where the person sits. What it finds
// are the facts by which [flows.Choose] decides; it decides nothing itself.
//
// It goes by evidence: a socket that somebody listens at, not a variable that
// names one; the kernel's word for a terminal's foreground; the ancestors of
// this process. Variables that only say who set them (SSH_CONNECTION,
// GITHUB_ACTIONS) count where nothing better can be had.
//
// It starts no process, with one exception (tmux.go).
package place

import (
	"os"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/policy"
)

// Asked is what the caller was asked for, and knows of the tool that calls it.
type Asked struct {
	Flow    string // as --flow
	Device  string // as --device
	Browser string // as --browser; empty if none was named

	Names flows.Names // of settings, for the reasons; may be nil

	Policy *policy.Policy // of the system; nil: there is none

	NobodyHere      bool // nobody may be asked
	StderrSwallowed bool // the calling tool keeps stderr from the person
	StdinNotOurs    bool // spec.interactive: false
}

// A Place is what was found.
type Place struct {
	Facts   flows.Facts
	Browser browser.Commands // what Facts.Browser stands for, with what to try after it
	Passed  string           // why $BROWSER, which was set and is no editor's helper, names nothing that can be used
	Notes   []string         // what else is worth knowing: what was passed over, and why
}

// Look gathers the facts, in well under a millisecond. An error means that
// Asked.Browser is no command.
func Look(a Asked) (Place, error) {
	h := here()
	h.alone = a.Policy != nil && a.Policy.HelpersDenied
	if h.alone || a.Policy != nil && a.Policy.OverridesDenied {
		h.getenv = func(name string) string {
			if name == "BROWSER" {
				return ""
			}
			return os.Getenv(name)
		}
	}
	p, err := h.look(a)
	if h.alone {
		p.Browser = p.Browser.Alone()
	}
	return p, err
}

func (h host) look(a Asked) (Place, error) {
	t := h.terminal(a.StderrSwallowed)
	p := Place{Facts: flows.Facts{
		Names: a.Names, Flow: a.Flow, Device: a.Device, NobodyHere: a.NobodyHere,
		StderrTerminal: t.Stderr, StderrSwallowed: a.StderrSwallowed,
		Terminal: t.Open, Keyboard: t.Open && !t.Raw && !a.StdinNotOurs,
		CI: h.ci(),
	}}
	if a.Policy != nil {
		p.Facts.Allowed = a.Policy.Flows
	}
	f := &p.Facts
	switch {
	case t.Stops:
		// Who is stopped keeps its locks. That holds for whatever is written,
		// and so even where a flow was named.
		f.FullScreen = "a terminal that a background job may not write to (stty tostop)"
	case t.Raw && !t.Open:
		f.FullScreen = "a command line that the shell edits, while this runs in the background"
	case t.Raw:
		f.FullScreen = "a program that takes each key (the terminal is not in line mode), as a full screen or another " +
			"sign-in does"
	}
	f.Container = h.container(&p)
	f.OtherUser = h.otherUser(t.Owner, f.Container != "")
	windows := h.wsl(&p)
	f.Display = h.display(windows, &p)
	above := h.above(h.ppid)
	f.Remote = h.remote(above, windows)
	f.Service = h.service(above, t.StderrFile)
	if err := h.findBrowser(a.Browser, windows, &p); err != nil {
		return p, err
	}
	if h.tmuxDecides(p.Facts) {
		f.Remote = h.tmuxClient(&p)
	}
	return p, nil
}

func (p *Place) note(s string) {
	p.Notes = append(p.Notes, flows.Clean(s, 200))
}

// findBrowser finds what opens a page: the one that was named, an editor's
// helper, $BROWSER, the system's.
func (h host) findBrowser(named string, windows wsl, p *Place) error {
	find, f := h.finder(), &p.Facts
	if named == browser.None {
		f.BrowserBy = flows.BrowserNone
		return nil
	}
	if named != "" {
		c, err := find.Parse(named)
		if err != nil {
			return err
		}
		p.take(flows.BrowserByFlag, browser.Commands{c})
		return nil
	}
	variable := h.getenv("BROWSER")
	if isHelper(variable) {
		if c, ok := h.editorHelper(variable, p); ok {
			p.take(flows.BrowserByEditor, browser.Commands{c})
			return nil
		}
		variable = ""
	}
	system := find.System()
	if windows.interop {
		system = append(find.FromWSL(windows.drives), system...)
	}
	found, passed := find.FromVariable(variable)
	for _, why := range passed {
		p.note("$BROWSER, passed over: " + why)
	}
	if len(found) == 0 {
		p.Passed = flows.Clean(strings.Join(passed, "; "), 200)
	}
	if len(found) > 0 {
		// The system's own way comes after it only where a page that it opens
		// is before the person.
		if f.Display != "" && f.Remote == "" && f.Container == "" {
			found = append(found, system...)
		}
		p.take(flows.BrowserByVariable, found)
		return nil
	}
	p.take(flows.BrowserBySystem, system)
	return nil
}

// take takes what opens pages.
func (p *Place) take(by string, found browser.Commands) {
	p.Browser = found
	if len(found) > 0 {
		p.Facts.Browser, p.Facts.BrowserBy = flows.Clean(found[0].Program, 200), by
	}
}
