package flows

// Flow names, as --flow takes them and a session remembers them.
const (
	FlowAuto   = "auto"
	FlowPKCE   = "pkce"
	FlowDevice = "device"
)

// Where a prompt is shown.
const (
	PromptNowhere  = ""
	PromptStderr   = "stderr"
	PromptTerminal = "terminal" // the controlling terminal, past a parent that keeps stderr
)

// Facts are what can be seen of the place where the command runs. They are
// gathered in one place and only when a sign-in is needed; [Choose] decides by
// nothing else.
type Facts struct {
	Flow       string // as asked: auto, pkce or device
	NobodyHere bool   // --interactive never

	StderrTerminal  bool // stderr is a terminal
	StderrSwallowed bool // the calling tool keeps stderr from the person (protocols of AWS and others)
	Terminal        bool // there is a controlling terminal that can be opened

	Browser      string // what would open a page; empty if nothing is found
	BrowserNamed bool   // by a flag or a profile: whoever names one knows that it works
	BrowserNone  bool   // --browser none
	Display      bool   // a graphical session that the browser can draw on
	SSH          bool   // a session from another machine: a browser here is not before the person
	Container    bool
	CI           bool

	NoLock bool // no place for a lock: who opens a browser might not be the only one
}

// Choice is what [Choose] decided.
type Choice struct {
	Flow   string   // FlowPKCE or FlowDevice; empty if there is no way to ask a person
	Prompt string   // where it is shown
	Why    []string // the facts that decided, in words
}

// Choose picks the flow for a place: PKCE where a browser can reach the
// loopback, Device Code where it cannot but somebody reads along, and none
// where nobody is there. It is a pure function; its specification is the table
// in choose_test.go.
func Choose(f Facts) Choice {
	if f.NobodyHere {
		return Choice{Why: []string{"nobody may be asked here (--interactive never)"}}
	}
	prompt, why := promptPlace(f)
	if f.Flow == FlowPKCE || f.Flow == FlowDevice {
		if prompt == PromptNowhere {
			prompt = PromptStderr // whoever names a flow knows who reads along
		}
		return Choice{f.Flow, prompt, []string{"--flow " + f.Flow + " was given"}}
	}
	if f.CI && !f.BrowserNamed {
		return Choice{Why: []string{"this looks like a CI job: nobody is there to sign in"}}
	}
	can, reason := browserReaches(f)
	switch {
	case can:
		return Choice{FlowPKCE, prompt, []string{reason}}
	case prompt != PromptNowhere:
		return Choice{FlowDevice, prompt, append([]string{reason}, why...)}
	}
	return Choice{Why: append([]string{reason}, why...)}
}

// promptPlace tells where a person would see a prompt.
func promptPlace(f Facts) (string, []string) {
	switch {
	case f.StderrTerminal && !f.StderrSwallowed:
		return PromptStderr, []string{"stderr is a terminal"}
	case f.StderrSwallowed && f.Terminal:
		return PromptTerminal, []string{"the calling tool keeps stderr, but there is a terminal"}
	case f.StderrSwallowed:
		return PromptNowhere, []string{"the calling tool keeps stderr and there is no terminal"}
	}
	return PromptNowhere, []string{"stderr is not a terminal"}
}

// browserReaches tells whether a browser can be opened here whose 127.0.0.1 is
// ours.
func browserReaches(f Facts) (bool, string) {
	switch {
	case f.BrowserNone:
		return false, "--browser none was given"
	case f.NoLock:
		return false, "there is no place for a lock, so no browser is opened: every process would open one"
	case f.BrowserNamed:
		return true, "a browser was named (" + f.Browser + ")"
	case f.SSH:
		return false, "this is a session over SSH: a browser here is not in front of you"
	case f.Container:
		return false, "this is a container"
	case f.Browser == "":
		return false, "no browser was found"
	case !f.Display:
		return false, "there is no graphical session"
	}
	return true, "a graphical session and a browser (" + f.Browser + ")"
}
