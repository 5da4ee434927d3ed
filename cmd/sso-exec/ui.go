package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
)

// This file is all that is ever said to a person. Its rules:
//
//   - stdout is the tool's; everything here goes to stderr, or to the terminal
//     where the calling tool keeps stderr to itself.
//   - One line an error, "sso-exec: what failed: why", then what to do.
//   - A prompt is one calm block: who asks, where to go, what to enter.
//   - Nobody is told a device code, a token or a secret; their types cannot.

// complain says an error and what to do about it. o may be nil, if the failure
// came before there were settings.
func complain(o *options, err error) {
	if o == nil {
		o = &options{}
	}
	fmt.Fprintf(os.Stderr, "sso-exec: %s\n", oneLine(err.Error()))
	for _, h := range hints(o, err) {
		fmt.Fprintf(os.Stderr, "  %s\n", oneLine(h))
	}
}

// oneLine keeps errors that wrap several in one line.
func oneLine(s string) string { return flows.Clean(s, 2000) }

// prompter shows prompts where the choice of the flow put them.
type prompter struct {
	stderr io.Writer
	tty    *os.File // opened when it is first needed
}

// place returns where a prompt goes, or nil if nobody would see it.
func (p *prompter) place(choice flows.Choice) io.Writer {
	switch choice.Prompt {
	case flows.PromptStderr:
		return p.stderr
	case flows.PromptTerminal:
		if p.tty == nil {
			p.tty, _ = openTerminal()
		}
		if p.tty != nil {
			return p.tty
		}
	}
	return nil
}

// browser tells that a page was opened, or asks to open it.
func (p *prompter) browser(choice flows.Choice, o *options, authURL string, opened bool) {
	w := p.place(choice)
	if w == nil {
		return
	}
	if opened {
		fmt.Fprintf(w, "Sign in to %s in the browser window that was opened%s.\nIf there is none, open this address:\n\n  %s\n\n", o.issuer, forWhom(o), authURL)
		return
	}
	fmt.Fprintf(w, "To sign in to %s%s, open this address in a browser on this machine:\n\n  %s\n\n", o.issuer, forWhom(o), authURL)
}

// device shows the code of a device sign-in. RFC 8628 §3.3.1: the user code is
// shown even beside an address that carries it; §5.4: against phishing, it says
// who may enter it.
func (p *prompter) device(choice flows.Choice, o *options, d flows.DevicePrompt) {
	w := p.place(choice)
	if w == nil {
		return
	}
	fmt.Fprintf(w, "To sign in to %s%s, open this address in any browser:\n\n  %s\n\nand enter the code:\n\n  %s\n\n", o.issuer, forWhom(o), d.VerificationURI, d.UserCode)
	if d.VerificationURIComplete != "" {
		fmt.Fprintf(w, "This address has the code in it already; compare it:\n\n  %s\n\n", d.VerificationURIComplete)
	}
	fmt.Fprintf(w, "Only do this if you began this sign-in yourself. The code ends in %s.\n", rough(time.Until(d.ExpiresAt)))
}

// signedIn says who signed in, on stderr if there was no prompt: whoever could
// read the authorization URL could have completed it as himself, and this line
// is what shows it.
func (p *prompter) signedIn(choice flows.Choice, who credential.Identity) {
	w := p.place(choice)
	if w == nil {
		w = p.stderr
	}
	fmt.Fprintf(w, "Signed in as %s.\n", flows.Clean(who.Display(), 100))
}

// forWhom names the tool that asks, if one does.
func forWhom(o *options) string {
	switch o.tool {
	case toolKube:
		return " for Kubernetes"
	case toolAWS:
		return " for AWS"
	}
	return ""
}

// rough renders a duration as people say it.
func rough(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d seconds", max(0, int(d.Round(time.Second).Seconds())))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}

// openTerminal opens the controlling terminal.
func openTerminal() (*os.File, error) {
	name := "/dev/tty"
	if runtime.GOOS == "windows" {
		name = "CONOUT$"
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err == nil && !term.IsTerminal(int(f.Fd())) {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not a terminal", name)
	}
	return f, err
}

// loginCommand is the command that signs in to the same session: with the flags
// and variables that were given, but for those that a sign-in does not have.
func loginCommand(o *options) string {
	words := []string{"sso-exec", "login"}
	if o.flags == nil {
		return strings.Join(words, " ")
	}
	o.flags.VisitAll(func(f *pflag.Flag) {
		if !o.given[f.Name] || !slices.Contains(sessionFlags, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			words = append(words, quote("--"+f.Name+"="+v))
		}
	})
	return strings.Join(words, " ")
}

// quote makes a word safe to paste into a POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=/:.,@%+", r)
	}
	if strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
