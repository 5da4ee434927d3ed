package flows

import (
	"strings"
	"testing"
)

// The table is the specification of Choose: each row is a place.
func TestChoose(t *testing.T) {
	xdg := "/usr/bin/xdg-open"
	for _, c := range []struct {
		place  string
		facts  Facts
		flow   string
		prompt string
		why    string // in one of the reasons
	}{
		{"a desktop's terminal, X11 or Wayland", Facts{StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			FlowPKCE, PromptStderr, "graphical session"},
		{"a graphical IDE that keeps stderr in a log", Facts{Browser: xdg, Display: true},
			FlowPKCE, PromptNowhere, "graphical session"},
		{"a desktop without any browser", Facts{StderrTerminal: true, Terminal: true, Display: true},
			FlowDevice, PromptStderr, "no browser was found"},
		{"a text console with xdg-open installed", Facts{StderrTerminal: true, Terminal: true, Browser: xdg},
			FlowDevice, PromptStderr, "no graphical session"},
		{"a text console with nothing installed", Facts{StderrTerminal: true, Terminal: true},
			FlowDevice, PromptStderr, "no browser was found"},

		{"SSH with a terminal", Facts{SSH: true, StderrTerminal: true, Terminal: true, Browser: xdg},
			FlowDevice, PromptStderr, "SSH"},
		{"SSH with X forwarding: its browser is not in front of the person", Facts{SSH: true, StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			FlowDevice, PromptStderr, "SSH"},
		{"SSH without a terminal (ssh host kubectl …)", Facts{SSH: true, Browser: xdg},
			"", PromptNowhere, "SSH"},
		{"SSH, a browser named by flag or profile", Facts{SSH: true, StderrTerminal: true, Terminal: true, Browser: "/usr/bin/remote-open", BrowserNamed: true},
			FlowPKCE, PromptStderr, "a browser was named (/usr/bin/remote-open)"},

		{"a container with a terminal", Facts{Container: true, StderrTerminal: true, Terminal: true},
			FlowDevice, PromptStderr, "container"},
		{"a container with a browser and a display", Facts{Container: true, StderrTerminal: true, Browser: xdg, Display: true},
			FlowDevice, PromptStderr, "container"},
		{"a container in a pod, nobody attached", Facts{Container: true},
			"", PromptNowhere, "stderr is not a terminal"},
		{"a dev container whose host opens pages ($BROWSER)", Facts{Container: true, StderrTerminal: true, Browser: "/vscode/open", BrowserNamed: true},
			FlowPKCE, PromptStderr, "a browser was named"},

		{"a CI job", Facts{CI: true}, "", PromptNowhere, "CI"},
		{"a CI job whose runner gives it a terminal", Facts{CI: true, StderrTerminal: true, Terminal: true}, "", PromptNowhere, "CI"},
		{"a CI job that drives a browser of its own", Facts{CI: true, Browser: "/opt/robot", BrowserNamed: true},
			FlowPKCE, PromptNowhere, "a browser was named"},
		{"a CI job with --flow device: a person follows its log", Facts{CI: true, Flow: FlowDevice}, FlowDevice, PromptStderr, "--flow device"},

		{"aws in a desktop's terminal: stderr is swallowed, /dev/tty is there", Facts{StderrSwallowed: true, StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			FlowPKCE, PromptTerminal, "graphical session"},
		{"aws over SSH with a terminal", Facts{SSH: true, StderrSwallowed: true, Terminal: true},
			FlowDevice, PromptTerminal, "there is a terminal"},
		{"aws over SSH without a terminal", Facts{SSH: true, StderrSwallowed: true},
			"", PromptNowhere, "no terminal"},
		{"aws from an IDE: only a browser can be used", Facts{StderrSwallowed: true, Browser: xdg, Display: true},
			FlowPKCE, PromptNowhere, "graphical session"},
		{"aws on a console, stderr a terminal that nobody will see", Facts{StderrSwallowed: true, StderrTerminal: true},
			"", PromptNowhere, "keeps stderr"},

		{"cron", Facts{}, "", PromptNowhere, "stderr is not a terminal"},
		{"cron with a browser installed", Facts{Browser: xdg}, "", PromptNowhere, "no graphical session"},

		{"--browser none in a desktop's terminal", Facts{BrowserNone: true, StderrTerminal: true, Terminal: true, Display: true},
			FlowDevice, PromptStderr, "--browser none"},
		{"--browser none where nobody reads", Facts{BrowserNone: true, Display: true}, "", PromptNowhere, "--browser none"},
		{"--browser named, no display", Facts{BrowserNamed: true, Browser: "/opt/b"}, FlowPKCE, PromptNowhere, "a browser was named"},

		{"--flow pkce over SSH (a forwarded port)", Facts{Flow: FlowPKCE, SSH: true, StderrTerminal: true, Terminal: true},
			FlowPKCE, PromptStderr, "--flow pkce"},
		{"--flow pkce --browser none: the URL is printed", Facts{Flow: FlowPKCE, BrowserNone: true, StderrTerminal: true},
			FlowPKCE, PromptStderr, "--flow pkce"},
		{"--flow device on a desktop", Facts{Flow: FlowDevice, StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			FlowDevice, PromptStderr, "--flow device"},
		{"--flow device without a terminal: whoever names it knows who reads", Facts{Flow: FlowDevice}, FlowDevice, PromptStderr, "--flow device"},
		{"--flow device under aws with a terminal", Facts{Flow: FlowDevice, StderrSwallowed: true, Terminal: true}, FlowDevice, PromptTerminal, "--flow device"},
		{"--flow device under aws without one", Facts{Flow: FlowDevice, StderrSwallowed: true}, FlowDevice, PromptStderr, "--flow device"},
		{"--flow device where no lock can be held", Facts{Flow: FlowDevice, NoLock: true, StderrTerminal: true}, FlowDevice, PromptStderr, "--flow device"},

		{"no place for a lock, on a desktop: no browser, but a code", Facts{NoLock: true, StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			FlowDevice, PromptStderr, "no place for a lock"},
		{"no place for a lock, a browser named", Facts{NoLock: true, Browser: "/opt/b", BrowserNamed: true}, "", PromptNowhere, "no place for a lock"},

		{"--interactive never on a desktop", Facts{NobodyHere: true, StderrTerminal: true, Terminal: true, Browser: xdg, Display: true},
			"", PromptNowhere, "--interactive never"},
		{"--interactive never with --flow device", Facts{NobodyHere: true, Flow: FlowDevice, StderrTerminal: true}, "", PromptNowhere, "--interactive never"},
		{"--interactive never with a named browser", Facts{NobodyHere: true, BrowserNamed: true, Browser: "/opt/b"}, "", PromptNowhere, "--interactive never"},
	} {
		t.Run(c.place, func(t *testing.T) {
			for _, asked := range []string{FlowAuto, ""} { // both mean that no flow is named
				facts := c.facts
				if facts.Flow == "" {
					facts.Flow = asked
				}
				got := Choose(facts)
				if got.Flow != c.flow || got.Prompt != c.prompt {
					t.Errorf("flow %q with the prompt at %q (%q), want %q at %q", got.Flow, got.Prompt, got.Why, c.flow, c.prompt)
				}
				if !strings.Contains(strings.Join(got.Why, "; "), c.why) {
					t.Errorf("the reasons %q do not speak of %q", got.Why, c.why)
				}
			}
		})
	}
}

// Whatever the facts, a choice has a reason; without a flow nothing is shown;
// and neither a person nor a browser is bothered where that was forbidden.
func TestChooseInEveryPlace(t *testing.T) {
	bit := func(n, i int) bool { return n>>i&1 == 1 }
	for n := range 1 << 11 {
		for _, flow := range []string{FlowAuto, FlowPKCE, FlowDevice} {
			f := Facts{Flow: flow, NobodyHere: bit(n, 0), StderrTerminal: bit(n, 1), StderrSwallowed: bit(n, 2), Terminal: bit(n, 3),
				BrowserNamed: bit(n, 4), BrowserNone: bit(n, 5), Display: bit(n, 6), SSH: bit(n, 7), Container: bit(n, 8), CI: bit(n, 9), NoLock: bit(n, 10)}
			if f.BrowserNamed {
				f.Browser = "/opt/b"
			}
			got := Choose(f)
			switch {
			case len(got.Why) == 0:
				t.Fatalf("%+v: no reason", f)
			case got.Flow == "" && got.Prompt != PromptNowhere:
				t.Fatalf("%+v: a prompt without a flow", f)
			case f.NobodyHere && got.Flow != "":
				t.Fatalf("%+v: flow %s though nobody may be asked", f, got.Flow)
			case flow == FlowAuto && got.Flow == FlowPKCE && (f.NoLock || f.BrowserNone):
				t.Fatalf("%+v: a browser is opened", f)
			case got.Flow == FlowDevice && got.Prompt == PromptNowhere:
				t.Fatalf("%+v: a device code that nobody sees", f)
			case flow == FlowAuto && f.StderrSwallowed && got.Prompt == PromptStderr:
				t.Fatalf("%+v: a prompt that is swallowed", f)
			case got.Prompt == PromptTerminal && !f.Terminal:
				t.Fatalf("%+v: a prompt on a terminal that is not there", f)
			}
		}
	}
}
