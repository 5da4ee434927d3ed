package flows

import (
	"slices"
	"strings"
	"testing"
)

// What a fact's evidence is does not matter here: internal/place has a table of
// its own, from files and variables to the choice.
const (
	xdg     = "/usr/bin/xdg-open"
	ssh     = "a session over SSH"
	desktop = "an X display"
	k9s     = "a screen filled by another program"
)

// person is somebody at a terminal who can answer there.
func person(f Facts) Facts {
	f.StderrTerminal, f.Terminal, f.Keyboard = true, true, true
	return f
}

// swallowed is the same person behind a tool that keeps stderr.
func swallowed(f Facts) Facts {
	f.StderrSwallowed, f.Terminal, f.Keyboard = true, true, true
	return f
}

// system gives the place the system's browser.
func system(f Facts) Facts {
	f.Browser, f.BrowserBy = xdg, BrowserBySystem
	return f
}

// The table is the specification of Choose: each row is a place.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		place  string
		facts  Facts
		flow   string
		prompt string
		then   string
		why    string // in one of the reasons
	}{
		// Desktops.
		{"a Linux desktop, X11", person(system(Facts{Display: "an X display (:0)"})), FlowPKCE, PromptStderr, "device paste",
			"X display"},
		{"a Linux desktop, Wayland", person(system(Facts{Display: "Wayland (wayland-0)"})), FlowPKCE, PromptStderr,
			"device paste", "Wayland"},
		{"macOS with a graphical session",
			person(Facts{Browser: "/usr/bin/open", BrowserBy: BrowserBySystem, Display: "a macOS desktop"}), FlowPKCE,
			PromptStderr, "device paste", "macOS"},
		{"macOS without one", person(Facts{Browser: "/usr/bin/open", BrowserBy: BrowserBySystem}), FlowDevice, PromptStderr,
			"paste", "no graphical session"},
		{"Windows with a graphical session",
			person(Facts{Browser: `C:\Windows\System32\rundll32.exe`, BrowserBy: BrowserBySystem, Display: "a Windows desktop"}),
			FlowPKCE, PromptStderr, "device paste", "Windows"},
		{"Windows without one", person(Facts{Browser: `C:\Windows\System32\rundll32.exe`, BrowserBy: BrowserBySystem}),
			FlowDevice, PromptStderr, "paste", "no graphical session"},
		{"WSL with wslview",
			person(Facts{Browser: "/usr/bin/wslview", BrowserBy: BrowserBySystem, Display: "the Windows desktop (WSL 2)"}),
			FlowPKCE, PromptStderr, "device paste", "WSL 2"},
		{"WSL without it, by Windows' own opener",
			person(Facts{Browser: "/mnt/c/Windows/System32/rundll32.exe", BrowserBy: BrowserBySystem,
				Display: "the Windows desktop (WSL 1)"}), FlowPKCE, PromptStderr, "device paste", "WSL 1"},
		{"WSL without interop", person(Facts{}), FlowDevice, PromptStderr, "paste", "no browser was found"},
		{"a desktop without any browser", person(Facts{Display: desktop}), FlowDevice, PromptStderr, "paste",
			"no browser was found"},
		{"a graphical IDE that keeps stderr in a log", system(Facts{Display: desktop}), FlowPKCE, PromptNowhere, "",
			"X display"},
		{"a desktop's terminal, $BROWSER set",
			person(Facts{Browser: "/usr/bin/firefox", BrowserBy: BrowserByVariable, Display: desktop}), FlowPKCE, PromptStderr,
			"device paste", "$BROWSER"},
		{"a desktop where stdin is not ours (kubectl apply -f -)",
			Facts{StderrTerminal: true, Terminal: true, Browser: xdg, BrowserBy: BrowserBySystem, Display: desktop}, FlowPKCE,
			PromptStderr, "device", "X display"},
		{"a desktop, stderr in a file (2>log)", redirected(system(Facts{Display: desktop})), FlowPKCE, PromptTerminal,
			"device paste", "X display"},

		// Terminals without a browser.
		{"a Linux console with xdg-open installed", person(system(Facts{})), FlowDevice, PromptStderr, "paste",
			"no graphical session"},
		{"a Linux console with nothing installed", person(Facts{}), FlowDevice, PromptStderr, "paste",
			"no browser was found"},
		{"a console where stdin is not ours", Facts{StderrTerminal: true, Terminal: true}, FlowDevice, PromptStderr, "",
			"no browser was found"},
		{"a console, stderr in a file (2>log)", redirected(Facts{}), FlowDevice, PromptTerminal, "paste", "there is one"},
		{"SSH with a terminal", person(system(Facts{Remote: ssh})), FlowDevice, PromptStderr, "paste", "SSH"},
		{"SSH with X forwarding: its browser is not in front of the person",
			person(system(Facts{Remote: "a session over SSH with X forwarding", Display: desktop})), FlowDevice, PromptStderr,
			"paste", "SSH"},
		{"SSH without a terminal (ssh host kubectl …)", system(Facts{Remote: ssh}), "", PromptNowhere, "", "SSH"},
		{"SSH, $BROWSER tells of the far side",
			person(Facts{Remote: ssh, Browser: "/usr/bin/firefox", BrowserBy: BrowserByVariable}), FlowDevice, PromptStderr,
			"paste", "SSH"},
		{"SSH, a browser named by flag or profile",
			person(Facts{Remote: ssh, Browser: "/usr/bin/remote-open", BrowserBy: BrowserByFlag}), FlowPKCE, PromptStderr,
			"device paste", "a browser was named (/usr/bin/remote-open)"},
		{"tmux begun on a desktop, attached there", person(system(Facts{Display: desktop})), FlowPKCE, PromptStderr,
			"device paste", "X display"},
		{"tmux begun on a desktop, attached over SSH",
			person(system(Facts{Display: desktop, Remote: "tmux, attached over SSH"})), FlowDevice, PromptStderr, "paste",
			"tmux"},
		{"Cloud Shell", person(Facts{Remote: "Google Cloud Shell", Container: "a container"}), FlowDevice, PromptStderr,
			"paste", "Cloud Shell"},
		{"sudo on a desktop: the browser would be root's",
			person(system(Facts{Display: desktop, OtherUser: "root by way of sudo"})), FlowDevice, PromptStderr, "paste",
			"sudo"},
		{"sudo, $BROWSER kept",
			person(Facts{Display: desktop, OtherUser: "root by way of sudo", Browser: xdg, BrowserBy: BrowserByVariable}),
			FlowDevice, PromptStderr, "paste", "sudo"},

		// Remote editors.
		{"VS Code Remote-SSH: its helper opens pages before the person",
			person(Facts{Remote: ssh, Browser: "/home/u/.vscode-server/bin/helpers/browser.sh", BrowserBy: BrowserByEditor}),
			FlowPKCE, PromptStderr, "device paste", "editor"},
		{"a VS Code dev container",
			person(Facts{Container: "a container", Browser: "/vscode/helpers/browser.sh", BrowserBy: BrowserByEditor}), FlowPKCE,
			PromptStderr, "device paste", "editor"},
		{"a plug-in in VS Code Remote-SSH",
			Facts{Remote: ssh, Browser: "/home/u/.vscode-server/bin/helpers/browser.sh", BrowserBy: BrowserByEditor}, FlowPKCE,
			PromptNowhere, "", "editor"},
		{"a VS Code tunnel, perhaps in a web page", person(Facts{Remote: "a VS Code tunnel"}), FlowDevice, PromptStderr,
			"paste", "tunnel"},
		{"Codespaces, perhaps in a web page", person(Facts{Remote: "GitHub Codespaces", Container: "a container"}),
			FlowDevice, PromptStderr, "paste", "Codespaces"},

		// Containers.
		{"Docker or Podman with a terminal", person(Facts{Container: "a container (/.dockerenv)"}), FlowDevice, PromptStderr,
			"paste", "container"},
		{"a container with a browser and a display", person(system(Facts{Container: "a container", Display: desktop})),
			FlowDevice, PromptStderr, "paste", "container"},
		{"a container whose host opens pages ($BROWSER)",
			person(Facts{Container: "a container", Browser: "/opt/open", BrowserBy: BrowserByVariable}), FlowPKCE, PromptStderr,
			"device paste", "$BROWSER"},
		{"a Kubernetes pod, kubectl exec -it", person(Facts{Container: "a Kubernetes pod"}), FlowDevice, PromptStderr,
			"paste", "pod"},
		{"a Kubernetes pod, nobody attached", Facts{Container: "a Kubernetes pod"}, "", PromptNowhere, "", "pod"},

		// Nobody there.
		{"GitHub Actions", Facts{CI: "GitHub Actions"}, "", PromptNowhere, "", "GitHub Actions"},
		{"GitLab CI", Facts{CI: "GitLab CI", Container: "a container"}, "", PromptNowhere, "", "GitLab CI"},
		{"Jenkins with a display", system(Facts{CI: "Jenkins", Display: desktop}), "", PromptNowhere, "", "Jenkins"},
		{"CI=true, on a terminal that the runner gives", person(Facts{CI: "a CI job (CI=true)"}), "", PromptNowhere, "",
			"CI job"},
		{"a CI job that drives a browser of its own", Facts{CI: "a CI job", Browser: "/opt/robot", BrowserBy: BrowserByFlag},
			FlowPKCE, PromptNowhere, "", "a browser was named"},
		{"a CI job with flow device: a person follows its log", Facts{CI: "a CI job", Flow: FlowDevice}, FlowDevice,
			PromptStderr, "", "flow device"},
		{"cron", Facts{}, "", PromptNowhere, "", "stderr is not a terminal"},
		{"cron with a browser installed", system(Facts{}), "", PromptNowhere, "", "no graphical session"},
		{"cron with DISPLAY in its table", system(Facts{Display: desktop, Service: "a service of systemd (cron.service)"}),
			"", PromptNowhere, "", "cron.service"},
		{"a systemd timer of a user with a desktop", system(Facts{Display: desktop, Service: "a service of systemd " +
			"(backup.service)"}), "", PromptNowhere, "", "nobody watches"},
		{"the same, with $BROWSER from the login's environment",
			Facts{Display: desktop, Service: "a service of systemd (backup.service)", Browser: "/usr/bin/firefox",
				BrowserBy: BrowserByVariable}, "", PromptNowhere, "", "nobody watches"},
		{"a terminal inside of a service (emacs.service)",
			person(system(Facts{Display: desktop, Service: "a service of systemd (emacs.service)"})), FlowPKCE, PromptStderr,
			"device paste", "X display"},

		// A parent that captures stderr.
		{"aws in a desktop's terminal", swallowed(system(Facts{Display: desktop})), FlowPKCE, PromptTerminal, "device paste",
			"X display"},
		{"aws over SSH with a terminal", swallowed(Facts{Remote: ssh}), FlowDevice, PromptTerminal, "paste",
			"keeps stderr, but there is a terminal"},
		{"aws over SSH without a terminal", Facts{Remote: ssh, StderrSwallowed: true}, "", PromptNowhere, "", "no terminal"},
		{"aws from an IDE: only a browser can be used", system(Facts{StderrSwallowed: true, Display: desktop}), FlowPKCE,
			PromptNowhere, "", "X display"},
		{"aws, stderr a terminal that nobody may see", Facts{StderrSwallowed: true, StderrTerminal: true}, "", PromptNowhere,
			"", "keeps stderr"},
		{"Terraform, which captures stderr, on a desktop", redirected(system(Facts{Display: desktop})), FlowPKCE,
			PromptTerminal, "device paste", "X display"},
		{"Terraform over SSH", redirected(Facts{Remote: ssh}), FlowDevice, PromptTerminal, "paste", "SSH"},

		// A parent with a full screen.
		{"k9s on a desktop: a browser, and not a word", underFullScreen(system(Facts{Display: desktop, FullScreen: k9s})),
			FlowPKCE, PromptNowhere, "", "X display"},
		{"k9s over SSH", underFullScreen(Facts{Remote: ssh, FullScreen: k9s}), "", PromptNowhere, "", "tear"},
		{"k9s and flow device in the kubeconfig", underFullScreen(Facts{Flow: FlowDevice, FullScreen: k9s}), "",
			PromptNowhere, "", "tear"},
		{"k9s and flow pkce with a browser", underFullScreen(system(Facts{Flow: FlowPKCE, FullScreen: k9s})), FlowPKCE,
			PromptNowhere, "", "flow pkce"},
		{"k9s and flow pkce browser none", underFullScreen(Facts{Flow: FlowPKCE, FullScreen: k9s, BrowserBy: BrowserNone}),
			"", PromptNowhere, "", "tear"},

		// What is asked for.
		{"browser none in a desktop's terminal", person(Facts{BrowserBy: BrowserNone, Display: desktop}), FlowDevice,
			PromptStderr, "paste", "browser none"},
		{"browser none where nobody reads", Facts{BrowserBy: BrowserNone, Display: desktop}, "", PromptNowhere, "",
			"browser none"},
		{"browser named, no display", Facts{BrowserBy: BrowserByFlag, Browser: "/opt/b"}, FlowPKCE, PromptNowhere, "",
			"a browser was named"},
		{"flow pkce over SSH (a forwarded port)", person(Facts{Flow: FlowPKCE, Remote: ssh}), FlowPKCE, PromptStderr, "",
			"flow pkce"},
		{"flow pkce browser none: the URL is printed", Facts{Flow: FlowPKCE, BrowserBy: BrowserNone, StderrTerminal: true},
			FlowPKCE, PromptStderr, "", "flow pkce"},
		{"flow paste on a desktop", person(system(Facts{Flow: FlowPaste, Display: desktop})), FlowPaste, PromptStderr, "",
			"flow paste"},
		{"flow paste over pipes: a program drives it", Facts{Flow: FlowPaste}, FlowPaste, PromptStderr, "", "flow paste"},
		{"flow device on a desktop", person(system(Facts{Flow: FlowDevice, Display: desktop})), FlowDevice, PromptStderr, "",
			"flow device"},
		{"flow device without a terminal: whoever names it knows who reads", Facts{Flow: FlowDevice}, FlowDevice,
			PromptStderr, "", "flow device"},
		{"flow device under aws with a terminal", swallowed(Facts{Flow: FlowDevice}), FlowDevice, PromptTerminal, "",
			"flow device"},
		{"flow device under aws without one", Facts{Flow: FlowDevice, StderrSwallowed: true}, FlowDevice, PromptStderr, "",
			"flow device"},
		{"flow device where no lock can be held", Facts{Flow: FlowDevice, NoLock: true, StderrTerminal: true}, FlowDevice,
			PromptStderr, "", "flow device"},
		{"interactive never on a desktop", person(system(Facts{NobodyHere: true, Display: desktop})), "", PromptNowhere, "",
			"interactive never"},
		{"interactive never with flow device", person(Facts{NobodyHere: true, Flow: FlowDevice}), "", PromptNowhere, "",
			"interactive never"},
		{"interactive never with a named browser", Facts{NobodyHere: true, BrowserBy: BrowserByFlag, Browser: "/opt/b"}, "",
			PromptNowhere, "", "interactive never"},

		// Where a company forbids device sign-ins.
		{"device: never, on a desktop", person(system(Facts{Device: DeviceNever, Display: desktop})), FlowPKCE, PromptStderr,
			"paste", "X display"},
		{"device: never, over SSH", person(Facts{Device: DeviceNever, Remote: ssh}), FlowPaste, PromptStderr, "",
			"device never"},
		{"device: never, over SSH, stdin not ours", Facts{Device: DeviceNever, Remote: ssh, StderrTerminal: true}, "",
			PromptNowhere, "", "device never"},
		{"device: headless, on a desktop", person(system(Facts{Device: DeviceHeadless, Display: desktop})), FlowPKCE,
			PromptStderr, "paste", "X display"},
		{"device: headless, over SSH", person(Facts{Device: DeviceHeadless, Remote: ssh}), FlowDevice, PromptStderr, "paste",
			"SSH"},
		{"device: headless and flow device, on a desktop",
			person(system(Facts{Device: DeviceHeadless, Flow: FlowDevice, Display: desktop})), FlowPKCE, PromptStderr, "paste",
			"device headless"},
		{"device: headless and flow device, over SSH", person(Facts{Device: DeviceHeadless, Flow: FlowDevice, Remote: ssh}),
			FlowDevice, PromptStderr, "", "flow device"},

		// No place for a lock.
		{"no lock, on a desktop: no browser, but a code", person(system(Facts{NoLock: true, Display: desktop})), FlowDevice,
			PromptStderr, "paste", "locks cannot be taken here"},
		{"no lock, a browser named", Facts{NoLock: true, Browser: "/opt/b", BrowserBy: BrowserByFlag}, "", PromptNowhere, "",
			"locks cannot be taken here"},
	} {
		t.Run(c.place, func(t *testing.T) {
			for _, asked := range []string{FlowAuto, ""} { // both mean that no flow is named
				facts := c.facts
				if facts.Flow == "" {
					facts.Flow = asked
				}
				got := Choose(facts)
				if got.Flow != c.flow || got.Prompt != c.prompt || strings.Join(got.Then, " ") != c.then {
					t.Errorf("flow %q with the prompt at %q, then %q (%q); want %q at %q, then %q", got.Flow, got.Prompt, got.Then,
						got.Why, c.flow, c.prompt, c.then)
				}
				if !strings.Contains(strings.Join(got.Why, "; "), c.why) {
					t.Errorf("the reasons %q do not speak of %q", got.Why, c.why)
				}
			}
		})
	}
}

// redirected is somebody at a terminal whose stderr goes elsewhere, though the
// protocol does not say so.
func redirected(f Facts) Facts {
	f.Terminal, f.Keyboard = true, true
	return f
}

// underFullScreen is somebody before a program that fills the screen: the terminal is
// there, but its keys are that program's.
func underFullScreen(f Facts) Facts {
	f.StderrTerminal, f.Terminal = true, true
	return f
}

// Whatever the facts, a choice has a reason; without a flow nothing is shown;
// and neither a person nor a browser is bothered where that was forbidden.
// Only the flows that are allowed are used, also to fall back on.
func TestChooseAllowed(t *testing.T) {
	desktop := person(system(Facts{Display: "an X display (:0)"}))
	remote := desktop
	remote.Display, remote.Remote = "", "SSH"
	for _, c := range []struct {
		facts   Facts
		flow    string
		allowed string
		want    string
	}{
		{desktop, FlowAuto, "pkce", "pkce"},
		{desktop, FlowAuto, "device paste", "device paste"},
		{desktop, FlowAuto, "paste", "paste"},
		{desktop, FlowAuto, "pkce paste", "pkce paste"},
		{desktop, FlowDevice, "pkce", ""},
		{desktop, FlowDevice, "device", "device"},
		{remote, FlowAuto, "pkce", ""},
		{remote, FlowAuto, "pkce paste", "paste"},
	} {
		f := c.facts
		f.Flow, f.Allowed = c.flow, strings.Fields(c.allowed)
		got := Choose(f)
		if flows := strings.TrimSpace(got.Flow + " " + strings.Join(got.Then, " ")); flows != c.want {
			t.Errorf("%s of %s: %q, want %q", c.flow, c.allowed, flows, c.want)
		}
		if got.Flow == "" && !strings.Contains(strings.Join(got.Why, " "), "allowed here") {
			t.Errorf("%s of %s: nobody learns why: %q", c.flow, c.allowed, got.Why)
		}
	}
}

func TestChooseInEveryPlace(t *testing.T) {
	for n := range 1 << 12 {
		text := func(i int) string {
			if n>>i&1 == 1 {
				return "evidence"
			}
			return ""
		}
		base := Facts{NobodyHere: text(0) != "", StderrTerminal: text(1) != "", StderrSwallowed: text(2) != "",
			Terminal:   text(3) != "",
			FullScreen: text(4), Keyboard: text(3) != "" && text(4) == "" && text(5) != "", Display: text(6), Remote: text(7),
			Container: text(8), CI: text(9), OtherUser: text(10), NoLock: text(11) != "", Service: text(5)}
		for _, flow := range []string{FlowAuto, FlowPKCE, FlowDevice, FlowPaste} {
			for _, device := range []string{DeviceAllow, DeviceHeadless, DeviceNever} {
				if flow == FlowDevice && device == DeviceNever {
					continue // a contradiction that the caller refuses
				}
				for _, by := range []string{"", BrowserNone, BrowserByFlag, BrowserByVariable, BrowserByEditor, BrowserBySystem} {
					f := base
					f.Flow, f.Device, f.BrowserBy = flow, device, by
					if by != "" && by != BrowserNone {
						f.Browser = "/opt/b"
					}
					if wrong := check(f, Choose(f)); wrong != "" {
						t.Fatalf("%+v: %+v: %s", f, Choose(f), wrong)
					}
				}
			}
		}
	}
}

func check(f Facts, got Choice) string {
	ways := append([]string{got.Flow}, got.Then...)
	opens := got.Flow == FlowPKCE && f.Browser != ""
	switch {
	case len(got.Why) == 0:
		return "no reason"
	case got.Flow == "" && (got.Prompt != PromptNowhere || len(got.Then) > 0):
		return "a prompt without a flow"
	case f.NobodyHere && got.Flow != "":
		return "somebody is asked though nobody may be"
	case f.Flow == FlowAuto && got.Flow == FlowPKCE && (f.NoLock || f.BrowserBy == BrowserNone || f.Browser == ""):
		return "a browser is opened"
	case f.Flow == FlowAuto && got.Flow == FlowPKCE && f.Service != "" && !f.StderrTerminal && !f.Terminal &&
		f.BrowserBy != BrowserByFlag && f.BrowserBy != BrowserByEditor:
		return "a browser is opened where nobody watches"
	case slices.Contains(got.Then, FlowPKCE):
		return "a second browser tab"
	case f.Device == DeviceNever && slices.Contains(ways, FlowDevice):
		return "a device sign-in though it is forbidden"
	case got.Prompt == PromptNowhere && got.Flow != "" && !opens:
		return "a prompt that nobody sees"
	case got.Prompt == PromptNowhere && len(got.Then) > 0:
		return "a prompt that nobody sees, later"
	case f.FullScreen != "" && got.Prompt != PromptNowhere:
		return "a prompt over a full screen"
	case f.Flow != FlowPaste && slices.Contains(ways, FlowPaste) && !f.Keyboard:
		return "nothing can be pasted"
	case f.Flow == FlowAuto && f.StderrSwallowed && got.Prompt == PromptStderr:
		return "a prompt that is swallowed"
	case got.Prompt == PromptTerminal && !f.Terminal:
		return "a prompt on a terminal that is not there"
	}
	return ""
}
