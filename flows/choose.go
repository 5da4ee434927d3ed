package flows

import (
	"slices"
	"strings"
)

// Flow names, as a session remembers them.
const (
	FlowAuto   = "auto"
	FlowPKCE   = "pkce"
	FlowDevice = "device"
	FlowPaste  = "paste" // PKCE in a browser anywhere; the person brings its last address back

	// Those of services, which ask nobody.
	FlowClientCredentials = "client-credentials"
	FlowTokenExchange     = "token-exchange"
	FlowJWTBearer         = "jwt-bearer"
	FlowWorkload          = "workload" // the workload's own token is the credential
)

// Where a prompt is shown.
const (
	PromptNowhere  = ""
	PromptStderr   = "stderr"
	PromptTerminal = "terminal" // the controlling terminal, past a parent that keeps stderr
)

// When a device sign-in may be used. Many companies forbid it: a code can be
// phished (RFC 8628 §5.4).
const (
	DeviceAllow    = "allow"
	DeviceHeadless = "headless" // only where no browser can be reached
	DeviceNever    = "never"
)

// Who chose the browser.
const (
	BrowserNone       = "none"     // nothing is to be opened
	BrowserByFlag     = "flag"     // or in another way by the person: whoever names one knows that it works
	BrowserByVariable = "variable" // $BROWSER
	BrowserByEditor   = "editor"   // a remote editor's helper, which opens pages before the person and forwards the port
	BrowserBySystem   = "system"
)

// Facts are what can be seen of the place where a program runs. They are
// gathered in one place and only when a sign-in is needed; [Choose] decides by
// nothing else. A fact that is a text is empty where it does not hold, and is
// else the evidence for it, in words that fit after "this is" or "there is".
type Facts struct {
	Names Names `json:"-"` // of settings, for [Choice.Why] and [Choice.Try]; may be nil

	// What was asked for.
	Flow       string   // FlowAuto, or the flow that was named
	Device     string   // DeviceAllow if empty
	NobodyHere bool     // nobody may be asked
	Allowed    []string // the flows that may be used; nil: all

	// Who would see a prompt, and could answer it.
	StderrTerminal  bool
	StderrSwallowed bool   // the calling tool keeps stderr from the person
	Terminal        bool   // the controlling terminal can be opened, and we are in its foreground
	FullScreen      string // a program draws on the whole terminal
	Keyboard        bool   // a line can be read from that terminal, and it is ours to read

	// What would open a page.
	Browser   string // the program, by absolute path; empty if nothing was found
	BrowserBy string // who chose it; BrowserNone if nobody may

	// What the place is.
	Display   string // a graphical session that a browser can draw on
	Remote    string // the person sits at another machine
	Container string
	CI        string
	Service   string // a service of the system, that nobody watches
	OtherUser string // we run as somebody else than the person, as under sudo

	NoLock bool // no place for a lock: who opens a browser might not be the only one
}

// Choice is what [Choose] decided.
type Choice struct {
	Flow   string   // FlowPKCE, FlowDevice or FlowPaste; empty if there is no way to ask a person
	Prompt string   // where it is shown
	Then   []string // the flows to fall back on, in this order; none of them opens a browser
	Why    []string // the facts that decided, in words
	Try    string   // without a flow: what would make one possible
}

// Choose picks the flow for a place: PKCE where a browser can reach the
// loopback, Device Code where it cannot but somebody reads along, and none
// where nobody is there. It is a pure function; its specification is the table
// in choose_test.go.
func Choose(f Facts) Choice {
	if f.NobodyHere {
		never := f.Names.Of("interactive") + " never"
		return Choice{Why: []string{"prompts are off (" + never + ")"}, Try: "leave out " + never}
	}
	prompt, seen := PromptPlace(f)
	reaches, page := browserReaches(f)
	if f.Flow != "" && f.Flow != FlowAuto && !f.allows(f.Flow) {
		return Choice{Why: []string{f.Names.Of("flow") + " " + f.Flow + " is not allowed here"}}
	}
	if f.Flow == FlowPKCE || f.Flow == FlowPaste || f.Flow == FlowDevice && f.mayUseDevice(reaches) {
		return named(f, prompt, seen)
	}
	if f.CI != "" && f.BrowserBy != BrowserByFlag {
		return Choice{Why: []string{"this is " + f.CI + ": nobody is there to sign in"},
			Try: "if a person follows this job's output, name the flow: " + f.flowToName()}
	}
	c := Choice{Prompt: prompt, Why: []string{page}}
	if f.Flow == FlowDevice {
		c.Why = append(c.Why,
			f.Names.Fill("a device sign-in is allowed only where no browser can be reached ({device} headless)"))
	}
	if f.Allowed != nil {
		c.Why = append(c.Why, "only these flows are allowed here: "+strings.Join(f.Allowed, ", "))
	}
	if reaches && f.allows(FlowPKCE) {
		c.Flow = FlowPKCE
	}
	if prompt != PromptNowhere {
		if f.mayUseDevice(reaches) && f.allows(FlowDevice) {
			c.Then = append(c.Then, FlowDevice)
		} else if !reaches && f.allows(FlowDevice) {
			c.Why = append(c.Why, f.Names.Fill("a device sign-in is not allowed ({device} never)"))
		}
		if f.Keyboard && f.allows(FlowPaste) {
			c.Then = append(c.Then, FlowPaste)
		}
	}
	if c.Flow == "" {
		c.Why = append(c.Why, seen)
		if len(c.Then) == 0 {
			return Choice{Why: c.Why, Try: f.try()}
		}
		c.Flow, c.Then = c.Then[0], c.Then[1:]
	}
	return c
}

// named is the choice where a flow was named: it is used without another to
// fall back on, and its prompt goes to stderr even where no terminal is seen.
// But it never goes over a program that fills the screen.
func named(f Facts, prompt, seen string) Choice {
	why := []string{f.Names.Of("flow") + " " + f.Flow + " was given"}
	if prompt == PromptNowhere && f.FullScreen == "" {
		prompt = PromptStderr // whoever names a flow knows who reads along
	}
	opens := f.Flow == FlowPKCE && f.Browser != "" && f.BrowserBy != BrowserNone
	if prompt == PromptNowhere && !opens {
		return Choice{Why: []string{seen}, Try: f.try()}
	}
	if f.Flow == FlowPKCE {
		_, page := browserReaches(f)
		why = append(why, page)
	}
	return Choice{Flow: f.Flow, Prompt: prompt, Why: why}
}

// try tells what would make a prompt possible.
func (f Facts) try() string {
	if f.FullScreen != "" {
		return "end the program that fills the screen, or run this in another terminal"
	}
	return "run this on a terminal, or name the flow: " + f.flowToName()
}

func (f Facts) flowToName() string {
	if f.Device == DeviceNever {
		return f.Names.Of("flow") + " paste takes the last page's address from stdin"
	}
	return f.Names.Of("flow") + " device shows its code on stderr"
}

func (f Facts) allows(flow string) bool { return f.Allowed == nil || slices.Contains(f.Allowed, flow) }

func (f Facts) mayUseDevice(reaches bool) bool {
	switch f.Device {
	case DeviceNever:
		return false
	case DeviceHeadless:
		return !reaches
	}
	return true
}

// PromptPlace tells where a person would see a prompt, and why there.
func PromptPlace(f Facts) (place, why string) {
	switch {
	case f.FullScreen != "":
		return PromptNowhere, "there is " + f.FullScreen + ", which a prompt would tear"
	case f.StderrTerminal && !f.StderrSwallowed:
		return PromptStderr, "stderr is a terminal"
	case f.Terminal && f.StderrSwallowed:
		return PromptTerminal, "the calling tool keeps stderr, but there is a terminal"
	case f.Terminal:
		return PromptTerminal, "stderr is not a terminal, but there is one"
	case f.StderrSwallowed:
		return PromptNowhere, "the calling tool keeps stderr and no terminal was found"
	}
	return PromptNowhere, "stderr is not a terminal"
}

// browserReaches tells whether a browser can be opened here whose 127.0.0.1 is
// ours.
func browserReaches(f Facts) (bool, string) {
	switch {
	case f.BrowserBy == BrowserNone:
		return false, f.Names.Of("browser") + " none was given"
	case f.NoLock:
		return false, "locks cannot be taken here, so no browser is opened: every process would open one"
	case f.BrowserBy == BrowserByFlag:
		return true, "a browser was named (" + f.Browser + ")"
	case f.OtherUser != "":
		return false, "this is " + f.OtherUser + ": a browser would not be yours"
	case f.BrowserBy == BrowserByEditor:
		return true, "this is a remote editor's terminal: it opens pages before you and forwards the port (" + f.Browser + ")"
	case f.Remote != "":
		return false, "this is " + f.Remote + ": a browser here is not in front of you"
	case f.Service != "" && !f.StderrTerminal && !f.Terminal:
		return false, "this is " + f.Service + ", which nobody watches"
	case f.BrowserBy == BrowserByVariable:
		return true, "a browser was named by $BROWSER (" + f.Browser + ")"
	case f.Container != "":
		return false, "this is " + f.Container
	case f.Browser == "":
		return false, "no browser was found"
	case f.Display == "":
		return false, "no graphical session"
	}
	return true, "there is " + f.Display + " and a browser (" + f.Browser + ")"
}
