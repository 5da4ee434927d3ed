package main

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/browser"
)

// place is what the choice of the flow is made of, and the browser that it
// found.
type place struct {
	facts   flows.Facts
	browser browser.Command
}

// look gathers the facts. It is called only when a sign-in is needed.
func look(o *options, t *tool) (place, error) {
	p := place{facts: flows.Facts{
		Flow:            o.flow,
		NobodyHere:      o.interactive == "never",
		StderrTerminal:  term.IsTerminal(int(os.Stderr.Fd())),
		StderrSwallowed: t != nil && t.swallows,
		BrowserNone:     o.browser == browser.None,
		Display:         graphical(),
		SSH:             anySet("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"),
		Container:       container(),
		CI:              ci(),
	}}
	if tty, err := openTerminal(); err == nil {
		p.facts.Terminal = true
		_ = tty.Close()
	}
	if o.browser == browser.None {
		return p, nil
	}
	if o.browser != "" {
		c, err := browser.Parse(o.browser)
		if err != nil {
			return p, &usageError{err, "--browser names a command, with %s for the URL if it is not the last word; none opens nothing"}
		}
		p.browser, p.facts.BrowserNamed = c, true
	} else if c, ok := browser.FromEnvironment(); ok {
		// Over SSH the variable tells of a browser on the far side.
		p.browser, p.facts.BrowserNamed = c, !p.facts.SSH
	} else if c, ok := browser.System(); ok {
		p.browser = c
	}
	if len(p.browser) > 0 {
		p.facts.Browser = p.browser[0]
	}
	return p, nil
}

// open opens a page.
func (p place) open(url string) error {
	if len(p.browser) == 0 {
		return errors.New("there is no browser")
	}
	return p.browser.Open(url)
}

// graphical reports whether there is a session that a browser can draw on. On
// macOS and Windows there is one but over SSH, which is another fact.
func graphical() bool {
	return runtime.GOOS == "darwin" || runtime.GOOS == "windows" || anySet("DISPLAY", "WAYLAND_DISPLAY")
}

func container() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return anySet("KUBERNETES_SERVICE_HOST")
}

func ci() bool {
	v := os.Getenv("CI")
	return v != "" && v != "false" && v != "0" || anySet("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "TF_BUILD")
}

func anySet(names ...string) bool {
	for _, name := range names {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}
